//! Every candidate is an arm of a growing tree: no gate, no full validation of everybody, no barrier.
//!
//! Each free slot either begins a proposal or measures an arm. Parents, and the arm to measure, are drawn by Thompson
//! sampling (Thompson 1933; Russo et al. 2018): one draw from what is believed of each arm, and the highest wins; so
//! measurements go where they may still decide something. Newborns go first, and each is asked the case that tells most
//! about it ([`measuring`]). A child begins where its parent stands ([`belief`]). The last part of the budget only
//! measures, and the choice is by a lower confidence bound, so that a lucky beginning is not believed.
//!
//! With few proposals on many slots it is time that is short, not measurements: what is bred before the last children
//! are known is bred from worse parents. So whatever brings a child, or what is known of it, earlier, counts twice. But
//! where the reflection model is slow, slots wait for it: measurements run ahead of the children by a part of the search.
//!
//! Relatives: infinitely many armed bandits (Berry et al. 1997), whose number of arms grows with the root of the
//! budget; top-two sampling (Russo 2016); the asynchronous tree of arXiv 2510.21614.
//!
//! What it decides depends on the order in which results arrive: it acts on what is known. The same events in the same
//! order give the same run.

mod arm;
mod belief;
mod config;
mod measuring;
mod proposal;

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::event::{FinishReason, Saved};
use crate::ledger::{Birth, Outcome};
use crate::measurements::Measurements;
use crate::migration::MIGRANT;
use crate::optimizers::{Optimizer, Told, Work};
use crate::order::strata;
use crate::piece::ProposalOrder;
use crate::rng::{RunRng, stream};

use arm::Arm;
use belief::Beliefs;
pub use config::BanditConfig;
use proposal::Proposal;

/// Children in a row that were nobody new, after which nothing is left to try.
const BARREN: u32 = 200;
/// Arms among which a draw is made, at most: the most promising, and the newest.
const CONTENDERS: (usize, usize) = (48, 16);
/// The newest arms among which newborns are looked for.
const NEWEST: usize = 64;
/// Evaluations that are assumed at least where nothing limits them: those of a small job.
const FEW: u64 = 250;
/// Results from which observers are told of an arm, where the search ranks on so many cases.
const TOLD_OF: usize = 12;
/// Results without which nobody is chosen in the end, where anybody has so many: until then a child is believed to be
/// about what its parent is, for which no reader of a report sees a reason. In simulations it costs nothing.
const CHOSEN: usize = 8;
/// Members of the population that observers are told of.
const POPULATION: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Start,
    Searching,
    Over(FinishReason),
}

/// The bandit over a growing tree of candidates.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bandit {
    config: BanditConfig,
    phase: Phase,
    arms: Vec<Arm>,
    #[serde(with = "crate::pairs")]
    positions: BTreeMap<CandidateId, usize>,
    beliefs: Beliefs,
    proposals: BTreeMap<u64, Proposal>,
    /// Measurements of parents on train cases, by proposal.
    minibatches: Measurements,
    /// The parent whose minibatch of this number was run ahead last.
    prepared: Option<(CandidateId, u64)>,
    questions: VecDeque<ProposalOrder>,
    population: Vec<CandidateId>,
    /// Who was believed the best last.
    told_of: Option<CandidateId>,
    /// Number of the next proposal.
    next: u64,
    /// Draws made so far, each with a generator of its own.
    draws: u64,
    /// Children born.
    born: u64,
    barren: u32,
    /// Proposals that came to nothing.
    #[serde(default)]
    refused: u64,
    saved: Saved,
    /// Where each validation case stands in the shared order; made anew after a restart.
    #[serde(skip)]
    places: Vec<u32>,
}

impl Bandit {
    /// A fresh optimizer.
    pub fn new(config: BanditConfig) -> Self {
        Self {
            config,
            phase: Phase::Start,
            arms: vec![],
            positions: BTreeMap::new(),
            beliefs: Beliefs::new(vec![]),
            proposals: BTreeMap::new(),
            minibatches: Measurements::default(),
            prepared: None,
            questions: VecDeque::new(),
            population: vec![],
            told_of: None,
            next: 0,
            draws: 0,
            born: 0,
            barren: 0,
            refused: 0,
            saved: Saved::default(),
            places: vec![],
        }
    }

    fn start(&mut self, context: &mut Context<'_>) {
        self.phase = Phase::Searching;
        let strata = strata(&context.cases.validation);
        self.beliefs = Beliefs::new(context.order.iter().map(|case| strata[*case as usize]).collect());
        for seed in context.settings.seeds.clone() {
            let birth = Birth { parents: vec![], operator: "seed".into(), generation: 0 };
            if context.bear(&seed, birth, Outcome::Open, 0) {
                self.add(Arm::new(seed.id(), None, None));
            }
        }
    }

    fn add(&mut self, arm: Arm) {
        self.positions.insert(arm.id, self.arms.len());
        self.arms.push(arm);
    }

    /// Whether the part of the budget has not begun that only measures: what is left when no question can be paid for any
    /// more is part of it.
    fn may_breed(&self, context: &Context<'_>) -> bool {
        let search = 1.0 - self.config.finals;
        let most = context.account.budget().evaluations;
        let spent = most.map_or(0.0, |most| context.account.evaluations() as f64 / most.max(1) as f64);
        self.phase == Phase::Searching
            && self.barren < BARREN
            && spent.max(context.account.spent_share()) < search
            && context.affords_question()
            && !self.is_perfect(context)
    }

    /// Whether the best is right on every case there is.
    fn is_perfect(&self, context: &Context<'_>) -> bool {
        let is_perfect = |arm: &Arm| {
            arm.known() >= context.order.len() && arm.results.iter().all(|(_, score)| *score >= 1.0)
        };
        self.arms.iter().any(is_perfect)
    }

    /// Whether nobody has got anything right yet, on as many cases as make a parent.
    fn is_hopeless(&self, context: &Context<'_>) -> bool {
        let least = self.parent_cases(context);
        let known = self.arms.iter().any(|arm| arm.results.len() >= least);
        known && self.arms.iter().flat_map(|arm| &arm.results).all(|(_, score)| *score <= 0.0)
    }

    /// Whether it is time for one more child.
    fn wants_child(&self, context: &Context<'_>) -> bool {
        let pace = self.pace(context);
        // Where all that was tried gets everything wrong, more measurements tell nobody from the others.
        let each = if self.is_hopeless(context) { pace.min(self.config.parent_cases as f64) } else { pace };
        let due = context.account.evaluations() as f64 / each;
        let fresh =
            if context.settings.reflects() { 0 } else { self.newborns(self.parent_cases(context)).count() };
        let under_way = self.proposals.len() + fresh;
        under_way < self.in_flight(context) && ((self.born + self.proposals.len() as u64) as f64) < due
    }

    /// Whether one more child may be asked for before its time: not where those under way need what the search has left.
    fn may_hurry(&self, context: &Context<'_>) -> bool {
        let under_way = self.proposals.len();
        let search = |all: u64| (1.0 - self.config.finals) * all as f64;
        let most = context.account.expected_evaluations().map_or(f64::INFINITY, search);
        let needed = context.account.evaluations() as f64 + under_way as f64 * self.pace(context);
        under_way < self.in_flight(context) && needed < most
    }

    /// Of the newest arms those that were asked about fewer cases, the youngest first.
    fn newborns(&self, enough: usize) -> impl Iterator<Item = usize> {
        (0..self.arms.len()).rev().take(NEWEST).filter(move |at| self.arms[*at].asked.len() < enough)
    }

    /// Proposals under way at once.
    fn in_flight(&self, context: &Context<'_>) -> usize {
        self.config.in_flight(self.children(context))
    }

    /// Children that the budget is good for.
    fn children(&self, context: &Context<'_>) -> f64 {
        context.account.expected_evaluations().unwrap_or(FEW) as f64 / self.pace(context)
    }

    /// Evaluations for each child.
    fn pace(&self, context: &Context<'_>) -> f64 {
        let account = context.account;
        let question = match context.settings.reflects() {
            true => context.question_price(),
            false => Some(0.0),
        };
        // Where nothing says how many there will be, as if those so far were all.
        let so_far = || question.is_none().then(|| account.evaluations().max(FEW));
        self.config.pace(account.budget().evaluations.or_else(so_far), question)
    }

    fn parent_cases(&self, context: &Context<'_>) -> usize {
        let each = self.pace(context);
        self.config.parent_cases.min((each / 2.0).ceil() as usize).min(context.order.len())
    }

    fn draw(&mut self, context: &Context<'_>) -> RunRng {
        self.draws += 1;
        stream(context.seed, "draw", self.draws)
    }

    /// Arms among which a draw is made.
    fn contenders(&self) -> Vec<usize> {
        let (promising, newest) = CONTENDERS;
        let mut all: Vec<usize> = (0..self.arms.len()).collect();
        if all.len() > promising + newest {
            let new = all.split_off(all.len() - newest);
            all.sort_by(|a, b| self.beliefs.of(*b).mean.total_cmp(&self.beliefs.of(*a).mean));
            all.truncate(promising);
            all.extend(new);
        }
        all
    }

    /// One draw from what is believed of each arm, so many standard deviations astray; the highest of those that qualify.
    fn thompson(&self, stray: f64, rng: &mut RunRng, qualifies: impl Fn(&Arm) -> bool) -> Option<usize> {
        let mut best: Option<(f64, usize)> = None;
        for at in self.contenders() {
            let noise: f64 = StandardNormal.sample(rng);
            if qualifies(&self.arms[at]) {
                let belief = self.beliefs.of(at);
                let value = belief.mean + stray * belief.variance.sqrt() * noise;
                if best.is_none_or(|(most, _)| value > most) {
                    best = Some((value, at));
                }
            }
        }
        best.map(|(_, at)| at)
    }

    /// Begins a child of an arm that is known well enough.
    fn breed(&mut self, context: &mut Context<'_>) -> bool {
        let least = self.parent_cases(context);
        let mut rng = self.draw(context);
        let Some(parent) = self.parent(&mut rng, |arm| arm.known() >= least) else { return false };
        if self.propose(parent, context) {
            return true;
        }
        self.barren += 1;
        false
    }

    fn crosses(&self, rng: &mut RunRng) -> bool {
        self.arms.len() > 1 && rng.random_bool(self.config.crossover)
    }

    /// Another parent beside this one.
    fn another(&self, at: usize, rng: &mut RunRng) -> Option<usize> {
        let id = self.arms[at].id;
        self.parent(rng, |arm| arm.id != id && arm.known() > 0)
    }

    /// A parent among those that qualify.
    fn parent(&self, rng: &mut RunRng, qualifies: impl Fn(&Arm) -> bool) -> Option<usize> {
        self.thompson(self.config.exploration, rng, qualifies)
    }

    /// The arm with the highest lower confidence bound, among those that so much is known of.
    fn best(beliefs: &Beliefs, arms: &[Arm], least: usize) -> Option<usize> {
        let bound = |at: usize| beliefs.of(at).mean - beliefs.of(at).variance.sqrt();
        let known = (0..arms.len()).filter(|at| arms[*at].results.len() >= least);
        known.max_by(|a, b| bound(*a).total_cmp(&bound(*b)).then(b.cmp(a)))
    }

    /// Tells observers when another is believed the best, and that it is more than was ever believed of one.
    fn announce_best(&mut self, context: &mut Context<'_>) {
        let Some(at) = Self::best(&self.beliefs, &self.arms, told_of_from(context)) else { return };
        let id = self.arms[at].id;
        if self.told_of != Some(id) {
            self.told_of = Some(id);
            self.announce(id, context);
        }
    }

    /// Tells observers when a candidate is better than all before it, by what is known of it now.
    fn announce(&self, id: CandidateId, context: &mut Context<'_>) {
        if let Some(score) = self.score(id, context) {
            context.announce_if_better(id, score);
        }
    }

    /// Who is known well enough to be told of, the most promising first.
    fn list_population(&mut self, context: &Context<'_>) {
        let least = told_of_from(context);
        let mut known: Vec<usize> =
            (0..self.arms.len()).filter(|at| self.arms[*at].results.len() >= least).collect();
        known.sort_by(|a, b| self.beliefs.of(*b).mean.total_cmp(&self.beliefs.of(*a).mean));
        known.truncate(POPULATION);
        self.population = known.into_iter().map(|at| self.arms[at].id).collect();
    }

    /// At the end of a window: sends migrants when it is time, and calls for those of the exchange before.
    fn exchange(&mut self, context: &mut Context<'_>) {
        let Some(epoch) = context.settings.island.epoch_after(self.generation()) else { return };
        context.emigrate(epoch, self);
        if epoch > 1 && !context.exchange.is_waiting() {
            context.exchange.expect(epoch - 1);
        }
    }

    /// Makes arms of the migrants that have come. The search does not wait for those that have not.
    fn welcome(&mut self, context: &mut Context<'_>) {
        if self.phase != Phase::Searching {
            return;
        }
        let Some(arrivals) = context.exchange.take(context.ledger) else { return };
        // Nothing is known of what brought it forth; its like is the best of this island.
        let like =
            (0..self.arms.len()).max_by(|a, b| self.beliefs.of(*a).mean.total_cmp(&self.beliefs.of(*b).mean));
        for mut arrival in arrivals {
            let newcomers: Vec<Candidate> = arrival.newcomers.clone();
            for newcomer in newcomers {
                let birth =
                    Birth { parents: vec![], operator: MIGRANT.into(), generation: self.generation() + 1 };
                let kept = context.bear(&newcomer, birth, Outcome::Open, 0);
                if kept {
                    self.add(Arm::new(newcomer.id(), like, None));
                }
                arrival.decide(newcomer.id(), kept);
            }
            arrival.announce(context);
        }
    }

    fn close(&mut self, reason: FinishReason, context: &mut Context<'_>) {
        if matches!(self.phase, Phase::Over(_)) {
            return;
        }
        self.phase = Phase::Over(reason);
        self.questions.clear();
        self.minibatches = Measurements::default();
        let ranked = context.ranked().len();
        for at in 0..self.arms.len() {
            let (id, known) = (self.arms[at].id, self.arms[at].known());
            if !self.arms[at].ranked {
                let first = |case: &&u32| context.ledger.score(id, **case).is_some();
                let seen = context.order.iter().take_while(first).count();
                context.settle(id, Outcome::Dropped, seen);
                self.saved.race += ranked.saturating_sub(known) as u64;
            }
        }
        self.list_population(context);
    }

    /// Whether nothing is under way and nothing is left to do.
    fn is_exhausted(&self, context: &Context<'_>) -> bool {
        self.phase == Phase::Searching && context.account.in_flight() == 0 && !context.exchange.is_waiting()
    }
}

/// So many results an arm must have for observers to be told of it.
fn told_of_from(context: &Context<'_>) -> usize {
    TOLD_OF.min(context.ranked().len())
}

impl Optimizer for Bandit {
    fn ask(&mut self, slots: usize, context: &mut Context<'_>) -> Vec<Work> {
        if self.phase == Phase::Start {
            self.start(context);
        }
        self.welcome(context);
        let mut work = vec![];
        while work.len() < slots {
            // A question takes longest to answer, so it goes first.
            if let Some(question) = self.questions.pop_front() {
                work.push(Work::Ask(question));
                continue;
            }
            if let Some(piece) = self.minibatches.take(1).pop() {
                work.push(Work::Measure(piece));
                continue;
            }
            if matches!(self.phase, Phase::Over(_)) {
                break;
            }
            if self.beliefs.fit(&self.arms) {
                self.announce_best(context);
            }
            let may_breed = self.may_breed(context);
            if may_breed && self.wants_child(context) && self.breed(context) {
                continue;
            }
            if may_breed && self.prepare(context) {
                continue;
            }
            if self.under_way() >= Self::most_under_way(context) {
                break;
            }
            if let Some(piece) = self.measurement(context) {
                work.push(Work::Measure(piece));
                continue;
            }
            // With nothing left to measure, a child is worth having before its time.
            if !(may_breed && self.may_hurry(context) && self.breed(context)) {
                break;
            }
        }
        if work.is_empty() && self.is_exhausted(context) {
            self.close(FinishReason::Exhausted, context);
        }
        work
    }

    fn tell(&mut self, told: Told, context: &mut Context<'_>) {
        match told {
            Told::Measured(piece) => self.measured(&piece, context),
            Told::Answered(id, answer) => self.answered(id, &answer, context),
            Told::Unanswered(id, failure) => self.unanswered(id, &failure.cause, context),
            Told::Immigrated => self.welcome(context),
            Told::BudgetEnded => self.close(FinishReason::Budget, context),
            Told::Stopped => self.close(FinishReason::Stopped, context),
        }
    }

    fn population(&self) -> &[CandidateId] {
        &self.population
    }

    fn score(&self, id: CandidateId, context: &Context<'_>) -> Option<f64> {
        let at = *self.positions.get(&id)?;
        context.ledger.estimate_on(id, context.ranked(), |place| self.beliefs.expected(at, place))
    }

    fn generation(&self) -> u32 {
        (self.born / self.config.window as u64) as u32
    }

    fn saved(&self) -> Saved {
        self.saved
    }

    fn finished(&self) -> Option<FinishReason> {
        match self.phase {
            Phase::Over(reason) => Some(reason),
            _ => None,
        }
    }

    fn choice(&self, _: &Context<'_>) -> Option<CandidateId> {
        let mut beliefs = self.beliefs.clone();
        beliefs.fit(&self.arms);
        let most = self.arms.iter().map(|arm| arm.results.len()).max()?;
        Self::best(&beliefs, &self.arms, CHOSEN.min(most).max(1)).map(|at| self.arms[at].id)
    }

    #[expect(clippy::expect_used, reason = "plain data with string keys always has a JSON form")]
    fn save(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("plain data")
    }
}
