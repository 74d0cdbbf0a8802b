//! What an optimizer may see and do while it decides.

use crate::account::Account;
use crate::candidate::{Candidate, CandidateId};
use crate::case::CaseSet;
use crate::diversity::{LikenessCache, Likenesses};
use crate::event::{Action, RunEvent};
use crate::ledger::{Birth, Ledger, Outcome};
use crate::migration::{Exchange, Migrants};
use crate::model_credits::{Asked, ModelCredits};
use crate::optimizers::Optimizer;
use crate::piece::Answer;
use crate::rng::stream;
use crate::run::RunSettings;
use crate::variation::rewrite::{Example, read_answer};
use crate::variation::{LeakGuard, OperatorCredits, Operators, TrainIndex};

/// What an optimizer may see and do while it decides.
pub struct Context<'a> {
    /// How the run is set up.
    pub settings: &'a RunSettings,
    /// Train and validation cases.
    pub cases: &'a CaseSet,
    /// The train cases as operators look at them.
    pub train: &'a TrainIndex,
    /// The operators at hand.
    pub operators: &'a Operators,
    /// What operators brought so far.
    pub credits: &'a mut OperatorCredits,
    /// What reflection models brought so far, and whom to ask next.
    pub models: &'a mut ModelCredits,
    /// Candidates and scores.
    pub ledger: &'a mut Ledger,
    /// What was spent and may be.
    pub account: &'a Account,
    /// Validation cases in the shared order.
    pub order: &'a [u32],
    /// Seed of all chance on this island.
    pub seed: u64,
    /// The dealings with other islands.
    pub(crate) exchange: &'a mut Exchange,
    pub(crate) guard: &'a LeakGuard,
    /// How candidates are compared. Whoever was measured on anything has what it is compared by.
    pub likenesses: &'a Likenesses,
    /// What the diversity of the population is computed from.
    pub(crate) compared: &'a mut LikenessCache,
    pub(crate) announcements: &'a mut Vec<Action>,
}

impl Context<'_> {
    /// The validation cases that the search ranks on: the beginning of the shared order.
    pub fn ranked(&self) -> &[u32] {
        &self.order[..self.settings.ranking_cases.min(self.order.len())]
    }

    /// The text that a model's answer proposes.
    ///
    /// # Errors
    /// A short stable name of the reason why it cannot be used: its form, its length, or that it copies a case.
    pub fn read_answer(&self, answer: &Answer) -> Result<String, &'static str> {
        let text = read_answer(answer, self.settings.limits).map_err(|unusable| unusable.as_str())?;
        match self.guard.leaks(&text) {
            Some(_) => Err("leak"),
            None => Ok(text),
        }
    }

    /// What came of a candidate on train cases, where that is known.
    pub fn examples(&self, id: CandidateId, cases: &[u32]) -> Vec<Example<'_>> {
        let example = |&case: &u32| {
            let trace = self.ledger.trace(id, case)?;
            let input = &self.cases.train[case as usize].input;
            Some(Example { input, output: &trace.output, feedback: &trace.feedback })
        };
        cases.iter().filter_map(example).collect()
    }

    /// How much more a child scores than the best of its parents on the first `seen` cases of the shared order; 0
    /// where they were not all measured there.
    pub fn improvement(&self, child: CandidateId, parents: &[CandidateId], seen: usize) -> f64 {
        let cases = &self.order[..seen.min(self.order.len())];
        let mean = |id: &CandidateId| self.ledger.mean_on(*id, cases);
        let parents: Option<Vec<f64>> = parents.iter().map(mean).collect();
        let best = parents.map(|means| means.into_iter().fold(f64::NEG_INFINITY, f64::max));
        match (mean(&child), best) {
            (Some(child), Some(best)) if best.is_finite() => child - best,
            _ => 0.0,
        }
    }

    /// What a question to a reflection model costs, in evaluations: the means so far, where prices are known.
    pub fn question_price(&self) -> Option<f64> {
        let (mut questions, mut dollars) = (0, 0.0);
        for tally in self.models.tallies() {
            questions += tally.proposals;
            dollars += tally.dollars;
        }
        let evaluation = self.account.mean_evaluation()?.dollars;
        (dollars > 0.0 && evaluation > 0.0).then(|| dollars / questions as f64 / evaluation)
    }

    /// Whether the budget pays for one more question to a reflection model, about as long as they come.
    pub fn affords_question(&self) -> bool {
        self.account.affords_proposal(self.settings.limits.max_component_length)
    }

    /// Enters what came of a proposal that was left to a reflection model: its child and the improvement, if it has one,
    /// which was measured on these validation cases.
    pub fn close_proposal(&mut self, asked: &Asked, child: Option<(CandidateId, f64)>, cases: &[u32]) {
        let means = child.and_then(|(id, _)| self.ledger.means_on(id, cases));
        let evaluations = means.map_or(0.0, |means| means.dollars * cases.len() as f64);
        self.models.close(asked, child.map_or(0.0, |(_, improvement)| improvement), evaluations);
    }

    /// Says that what an operator made can be nobody, and why.
    pub fn reject(&mut self, operator: &str, reason: &str) {
        self.credits.refuse(operator);
        self.announce(RunEvent::ProposalRejected {
            operator: operator.to_owned(),
            reason: reason.to_owned(),
        });
    }

    /// Enters the birth of a candidate that was measured on the first `seen` cases of the shared order, and what
    /// became of it. `false` when it was born before.
    pub fn bear(&mut self, candidate: &Candidate, birth: Birth, outcome: Outcome, seen: usize) -> bool {
        self.ledger.track(candidate);
        let Some(ordinal) = self.ledger.bear(candidate.id(), birth.clone(), outcome) else { return false };
        self.announce(RunEvent::CandidateBorn {
            ordinal: ordinal as u64,
            candidate: candidate.clone(),
            birth,
        });
        self.announce_settled(candidate.id(), outcome, seen);
        true
    }

    /// Changes what became of a born candidate that was measured on the first `seen` cases of the shared order.
    pub fn settle(&mut self, id: CandidateId, outcome: Outcome, seen: usize) {
        self.ledger.set_outcome(id, outcome);
        self.announce_settled(id, outcome, seen);
    }

    /// Tells observers when a candidate is better than all before it on the cases the search ranks on.
    pub fn announce_if_best(&mut self, id: CandidateId) {
        if let Some(score) = self.ledger.mean_on(id, self.ranked()) {
            self.announce_if_better(id, score);
        }
    }

    /// The same for a candidate with this score on them, which may be an estimate.
    pub fn announce_if_better(&mut self, id: CandidateId, score: f64) {
        if self.ledger.improves(score) {
            self.announce(RunEvent::BestImproved { id, score });
        }
    }

    /// Tells observers.
    pub fn announce(&mut self, event: RunEvent) {
        self.announcements.push(Action::Announce(event));
    }

    /// Marks a good moment to make the state durable.
    pub fn checkpoint(&mut self) {
        self.announcements.push(Action::Checkpoint);
    }

    /// Sends candidates of the population to the targets of an epoch.
    pub(crate) fn emigrate(&mut self, epoch: u32, optimizer: &dyn Optimizer) {
        let migration = self.settings.island.migration;
        let population = optimizer.population();
        let fitness: Vec<f64> =
            population.iter().map(|id| optimizer.score(*id, self).unwrap_or(0.0)).collect();
        let mut rng = stream(self.seed, "emigrants", epoch.into());
        let chosen = migration.send.choose(&fitness, migration.size as usize, &mut rng);
        let candidates: Vec<Candidate> =
            chosen.iter().filter_map(|at| self.ledger.candidate(population[*at])).cloned().collect();
        for to in self.exchange.depart(epoch) {
            let count = candidates.len() as u32;
            self.announce(RunEvent::Emigrated { epoch, to, candidates: count });
            self.send(epoch, to, candidates.clone(), false);
        }
    }

    /// Tells the islands that could expect something of this one that it is over, once.
    pub(crate) fn say_farewell(&mut self) {
        let (epoch, audience) = self.exchange.farewell();
        audience.into_iter().for_each(|to| self.send(epoch, to, vec![], true));
    }

    fn send(&mut self, epoch: u32, to: u32, candidates: Vec<Candidate>, last: bool) {
        let from = self.settings.island.index;
        self.announcements.push(Action::Emigrate(Migrants { epoch, from, to, candidates, last }));
    }

    fn announce_settled(&mut self, id: CandidateId, outcome: Outcome, seen: usize) {
        let score = self.ledger.mean_on(id, &self.order[..seen]);
        let cases = if score.is_some() { seen as u32 } else { 0 };
        let objectives = self.settings.algorithm.values(self.ledger, id, &self.order[..seen]);
        self.announce(RunEvent::CandidateSettled { id, outcome, score, cases, objectives });
    }
}
