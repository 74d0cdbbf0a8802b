//! What a run may spend, has spent and has reserved for work under way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::piece::{Piece, ProposalId};

/// Limits of a run. What is absent is not limited. Time is the shell's affair: it asks the run to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Evaluations asked for, those that a cache answers included, so that a run takes the same course whatever
    /// a cache happens to hold.
    pub evaluations: Option<u64>,
    /// US dollars paid for evaluations and proposals.
    pub dollars: Option<f64>,
    /// Tokens paid for, of requests and answers.
    pub tokens: Option<u64>,
}

impl Budget {
    /// The share of one of `count` islands (0 counts as 1). Whole numbers add up to the whole, the first islands
    /// having one more where they do not divide; dollars are divided evenly.
    pub fn split(self, count: u32, index: u32) -> Self {
        Self {
            evaluations: self.evaluations.map(|all| share(all, count, index)),
            dollars: self.dollars.map(|all| all / f64::from(count.max(1))),
            tokens: self.tokens.map(|all| share(all, count, index)),
        }
    }
}

/// The part of a whole number that one of `count` islands has: all parts together are the whole.
pub(crate) fn share(all: u64, count: u32, index: u32) -> u64 {
    let count = u64::from(count.max(1));
    all / count + u64::from(u64::from(index) < all % count)
}

/// Upper bounds on what one call can take, linear in the characters sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CostModel {
    /// US dollars for a call of no characters: mostly its longest answer.
    pub dollars_per_call: f64,
    /// US dollars for each character sent.
    pub dollars_per_character: f64,
    /// Tokens for a call of no characters.
    pub tokens_per_call: f64,
    /// Tokens for each character sent.
    pub tokens_per_character: f64,
}

impl CostModel {
    fn limit(&self, characters: usize) -> Cost {
        let characters = characters as f64;
        Cost {
            dollars: self.dollars_per_call + self.dollars_per_character * characters,
            tokens: self.tokens_per_call + self.tokens_per_character * characters,
        }
    }
}

/// Money and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// US dollars.
    pub dollars: f64,
    /// Tokens.
    pub tokens: f64,
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        Self { dollars: self.dollars + other.dollars, tokens: self.tokens + other.tokens }
    }

    fn minus(self, other: Self) -> Self {
        // Sums of reservations come apart in the last digits; never below nothing.
        Self {
            dollars: (self.dollars - other.dollars).max(0.0),
            tokens: (self.tokens - other.tokens).max(0.0),
        }
    }
}

/// The most that may be spent, and the part of a cost that counts against it.
type Limit = (f64, fn(Cost) -> f64);

/// What came of asking for a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// It is made.
    Granted,
    /// It cannot be made while so much is reserved for what is under way, which may turn out to take less.
    Deferred,
    /// The budget is used up.
    Refused,
}

/// The books of a run: nothing is given out that the budget could not pay for in the worst case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    budget: Budget,
    evaluation_cost: CostModel,
    /// By reflection model.
    proposal_costs: Vec<CostModel>,
    /// How many evaluations the report will make when the search is over, paid from the same dollars and tokens.
    closing_evaluations: u64,
    spent: Cost,
    evaluation_spent: Cost,
    reserved: Cost,
    evaluations: u64,
    #[serde(with = "crate::pairs")]
    pieces: BTreeMap<Piece, Cost>,
    proposals: BTreeMap<ProposalId, Cost>,
    #[serde(with = "crate::pairs")]
    embeddings: BTreeMap<CandidateId, Cost>,
    settled: u64,
}

/// Evaluations after which the observed mean price is believed.
const MEASURED: u64 = 20;
/// How much dearer than the mean so far the closing evaluations are assumed to be.
const CAUTION: f64 = 1.5;

impl Account {
    /// Fresh books.
    pub fn new(
        budget: Budget,
        evaluation_cost: CostModel,
        proposal_costs: Vec<CostModel>,
        closing_evaluations: u64,
    ) -> Self {
        Self {
            budget,
            evaluation_cost,
            proposal_costs,
            closing_evaluations,
            spent: Cost::default(),
            evaluation_spent: Cost::default(),
            reserved: Cost::default(),
            evaluations: 0,
            pieces: BTreeMap::new(),
            proposals: BTreeMap::new(),
            embeddings: BTreeMap::new(),
            settled: 0,
        }
    }

    /// The limits.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Evaluations given out so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Evaluations that the budget is good for: its limit, or what its dollars and tokens pay for when all goes on as so
    /// far. `None` when nothing limits them, and before there are enough to tell.
    pub fn expected_evaluations(&self) -> Option<u64> {
        let closing = self.closing();
        let paid_for = |(most, part): Limit| {
            let spent = part(self.spent);
            let is_known = self.settled >= MEASURED && spent > 0.0;
            is_known.then(|| ((most - part(closing)).max(0.0) / spent * self.settled as f64) as u64)
        };
        self.limits().filter_map(paid_for).chain(self.budget.evaluations).min()
    }

    /// What an evaluation took in the mean; `None` before there are enough to tell.
    pub fn mean_evaluation(&self) -> Option<Cost> {
        (self.settled >= MEASURED).then(|| self.evaluations_at(1.0))
    }

    /// What is assumed of an evaluation of the report: somewhat more than the mean so far. Nothing before there is
    /// one.
    pub fn closing_evaluation(&self) -> Cost {
        self.evaluations_at(CAUTION)
    }

    /// So many times the mean evaluation.
    fn evaluations_at(&self, times: f64) -> Cost {
        let share = times / self.settled.max(1) as f64;
        Cost { dollars: self.evaluation_spent.dollars * share, tokens: self.evaluation_spent.tokens * share }
    }

    /// Evaluations whose result, or failure, is known.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Dollars and tokens paid so far.
    pub fn spent(&self) -> Cost {
        self.spent
    }

    /// The largest part of the dollar and token limits that is spent, with what the report will take; 0 when
    /// neither is limited.
    pub fn spent_share(&self) -> f64 {
        let closing = self.closing();
        let shares = self.limits().map(|(most, part)| (part(self.spent) + part(closing)) / most);
        shares.fold(0.0, f64::max)
    }

    /// Evaluations, proposals and embeddings given out and not answered yet.
    pub fn in_flight(&self) -> usize {
        self.pieces.len() + self.proposals.len() + self.embeddings.len()
    }

    /// The candidates whose embeddings were given out and are not there yet.
    pub fn embeddings_in_flight(&self) -> impl Iterator<Item = &CandidateId> {
        self.embeddings.keys()
    }

    /// Whether an embedding is under way.
    pub fn has_embedding(&self, id: &CandidateId) -> bool {
        self.embeddings.contains_key(id)
    }

    /// The measurements given out and not answered yet.
    pub fn pieces_in_flight(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.keys()
    }

    /// Whether a measurement is under way.
    pub fn has_piece(&self, piece: &Piece) -> bool {
        self.pieces.contains_key(piece)
    }

    /// Whether a proposal is under way.
    pub fn has_proposal(&self, id: ProposalId) -> bool {
        self.proposals.contains_key(&id)
    }

    /// Reserves for a measurement of a candidate and case of so many characters.
    pub fn reserve_piece(&mut self, piece: Piece, characters: usize) -> Reservation {
        if self.budget.evaluations.is_some_and(|most| self.evaluations >= most) {
            return Reservation::Refused;
        }
        let limit = self.evaluation_cost.limit(characters);
        let reservation = self.reserve(limit);
        if reservation == Reservation::Granted {
            self.evaluations += 1;
            self.pieces.insert(piece, limit);
        }
        reservation
    }

    /// Reserves for a proposal of a reflection model whose question has so many characters.
    pub fn reserve_proposal(&mut self, id: ProposalId, model: u32, characters: usize) -> Reservation {
        let Some(cost) = self.proposal_costs.get(model as usize) else { return Reservation::Refused };
        let limit = cost.limit(characters);
        let reservation = self.reserve(limit);
        if reservation == Reservation::Granted {
            self.proposals.insert(id, limit);
        }
        reservation
    }

    /// Whether each reflection model can be asked a question of so many characters, once what is under way is paid for.
    pub fn affords_proposal(&self, characters: usize) -> bool {
        self.proposal_costs.iter().all(|cost| self.affords(cost.limit(characters)))
    }

    /// Reserves for an embedding of a text of so many characters.
    pub fn reserve_embedding(&mut self, id: CandidateId, limit: CostModel, characters: usize) -> Reservation {
        let limit = limit.limit(characters);
        let reservation = self.reserve(limit);
        if reservation == Reservation::Granted {
            self.embeddings.insert(id, limit);
        }
        reservation
    }

    /// Books an embedding. `false` when it was not under way.
    pub fn settle_embedding(&mut self, id: &CandidateId, paid: Cost) -> bool {
        let Some(limit) = self.embeddings.remove(id) else { return false };
        self.settle(limit, paid);
        true
    }

    /// Books the result of a measurement. `false` when it was not under way: a duplicate, or one too late.
    pub fn settle_piece(&mut self, piece: &Piece, paid: Cost) -> bool {
        let Some(limit) = self.pieces.remove(piece) else { return false };
        self.settle(limit, paid);
        self.evaluation_spent = self.evaluation_spent.plus(paid);
        self.settled += 1;
        true
    }

    /// Books the result of a proposal. `false` when it was not under way.
    pub fn settle_proposal(&mut self, id: ProposalId, paid: Cost) -> bool {
        let Some(limit) = self.proposals.remove(&id) else { return false };
        self.settle(limit, paid);
        true
    }

    /// Sets so much aside.
    fn reserve(&mut self, limit: Cost) -> Reservation {
        let all = self.reserved.plus(limit);
        if self.affords(all) {
            self.reserved = all;
            return Reservation::Granted;
        }
        if self.affords(limit) { Reservation::Deferred } else { Reservation::Refused }
    }

    /// Books what was paid of what was set aside.
    fn settle(&mut self, limit: Cost, paid: Cost) {
        self.reserved = self.reserved.minus(limit);
        self.spent = self.spent.plus(paid);
    }

    /// Whether so much can be spent beside what is spent already and what the report will take.
    fn affords(&self, more: Cost) -> bool {
        let closing = self.closing();
        self.limits().all(|(most, part)| part(self.spent) + part(more) + part(closing) <= most)
    }

    /// What limits dollars and tokens.
    fn limits(&self) -> impl Iterator<Item = Limit> {
        let dollars = self.budget.dollars.map(|most| (most, (|cost| cost.dollars) as fn(Cost) -> f64));
        let tokens = self.budget.tokens.map(|most| (most as f64, (|cost| cost.tokens) as fn(Cost) -> f64));
        dollars.into_iter().chain(tokens)
    }

    /// What to leave for the report. Nothing until a mean can be believed: worst cases of hundreds of calls would
    /// forbid a job that costs a hundredth of them.
    fn closing(&self) -> Cost {
        if self.settled < MEASURED {
            return Cost::default();
        }
        let (one, count) = (self.closing_evaluation(), self.closing_evaluations as f64);
        Cost { dollars: one.dollars * count, tokens: one.tokens * count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Split;
    use crate::digest::Digest;

    fn piece(case: u32) -> Piece {
        Piece { candidate: Digest::of_fields([]), split: Split::Train, case, repeat: 0 }
    }

    fn account(budget: Budget, closing: u64) -> Account {
        let cost = CostModel { dollars_per_call: 1.0, ..CostModel::default() };
        Account::new(budget, cost, vec![cost], closing)
    }

    #[test]
    fn shares_add_up() {
        for (all, count) in [(10, 3), (2, 5), (7, 1), (0, 4), (u64::MAX, 7)] {
            let budget = Budget { evaluations: Some(all), dollars: Some(1.0), tokens: None };
            let shares: Vec<Budget> = (0..count).map(|index| budget.split(count, index)).collect();
            assert_eq!(shares.iter().filter_map(|share| share.evaluations).sum::<u64>(), all);
            assert!(shares.iter().filter_map(|share| share.evaluations).is_sorted_by(|a, b| a >= b));
            assert!((shares.iter().filter_map(|share| share.dollars).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(shares.iter().all(|share| share.tokens.is_none()));
        }
    }

    #[test]
    fn tells_how_many_evaluations_the_budget_pays_for() {
        let mut account = account(Budget { dollars: Some(100.0), ..Budget::default() }, 20);
        for number in 0..MEASURED as u32 {
            assert_eq!(account.expected_evaluations(), None);
            assert!(account.mean_evaluation().is_none());
            assert_eq!(account.reserve_piece(piece(number), 10), Reservation::Granted);
            assert!(account.settle_piece(&piece(number), Cost { dollars: 0.25, tokens: 1.0 }));
        }
        assert_eq!(account.mean_evaluation().map(|mean| mean.dollars), Some(0.25));
        // 7.5 are left for the report, and 20 evaluations took 5.
        assert_eq!(account.expected_evaluations(), Some(370));
        account.budget.evaluations = Some(300);
        assert_eq!(account.expected_evaluations(), Some(300));
        account.budget = Budget::default();
        assert_eq!(account.expected_evaluations(), None);
    }

    #[test]
    fn counts_what_is_in_flight_against_the_limit() {
        let mut account = account(Budget { dollars: Some(2.5), ..Budget::default() }, 0);
        assert_eq!(account.reserve_piece(piece(0), 10), Reservation::Granted);
        assert_eq!(account.reserve_proposal(ProposalId(0), 0, 10), Reservation::Granted);
        assert_eq!(
            account.reserve_piece(piece(1), 10),
            Reservation::Deferred,
            "a third could pass the limit"
        );
        assert!(account.settle_piece(&piece(0), Cost { dollars: 0.25, tokens: 1.0 }));
        assert_eq!(account.reserve_piece(piece(1), 10), Reservation::Granted, "it was cheaper than feared");
        assert!(account.settle_piece(&piece(1), Cost { dollars: 1.5, tokens: 1.0 }));
        assert_eq!(account.reserve_piece(piece(2), 10), Reservation::Refused);
        assert_eq!(account.spent().dollars, 1.75);
    }

    #[test]
    fn a_duplicate_is_not_booked() {
        let mut account = account(Budget { evaluations: Some(1), ..Budget::default() }, 0);
        assert_eq!(account.reserve_piece(piece(0), 0), Reservation::Granted);
        let paid = Cost { dollars: 1.0, tokens: 1.0 };
        assert!(account.settle_piece(&piece(0), paid));
        assert!(!account.settle_piece(&piece(0), paid));
        assert_eq!((account.spent(), account.in_flight()), (paid, 0));
        assert_eq!(account.reserve_piece(piece(1), 0), Reservation::Refused, "one evaluation was the limit");
    }

    #[test]
    fn leaves_the_price_of_the_report() {
        let mut account = account(Budget { dollars: Some(100.0), ..Budget::default() }, 40);
        let mut done = 0;
        while account.reserve_piece(piece(done), 0) == Reservation::Granted {
            account.settle_piece(&piece(done), Cost { dollars: 1.0, tokens: 0.0 });
            done += 1;
        }
        assert_eq!(done, 40, "60 dollars are kept for 40 closing evaluations at 1.5 times the mean");
    }
}
