//! Who may become a parent, and what is believed of them.

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::context::Context;
use crate::rng::RunRng;
use crate::selection::ParetoFronts;
use crate::statistics::sample_beta;

/// Weight of what a parent's score says about its child's, in cases.
const PRIOR_CASES: f64 = 8.0;

/// One candidate of the pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Member {
    /// Cases of the shared order whose scores count. The ledger may hold more by now, but when it came to hold
    /// them depends on the order of arrival.
    seen: usize,
    /// What was expected of it before it was measured.
    prior: f64,
    /// The stretch of train cases that its present minibatch is, and how many proposals it has served.
    minibatch: (u64, usize),
}

/// The candidates that can become parents: measured on all ranked cases, or still in the race.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Pool {
    ids: Vec<CandidateId>,
    members: Vec<Member>,
    /// Those measured on all ranked cases, in the order in which they were.
    complete: Vec<CandidateId>,
}

impl Pool {
    /// Takes a candidate in. What is expected of it is what is believed of its best parent.
    pub(super) fn join(
        &mut self,
        id: CandidateId,
        parents: &[CandidateId],
        seen: usize,
        context: &Context<'_>,
    ) {
        let beliefs =
            parents.iter().filter_map(|parent| Some(self.estimate(self.position(*parent)?, context)));
        let prior = beliefs.reduce(f64::max).unwrap_or(0.5);
        self.ids.push(id);
        self.members.push(Member { seen, prior, minibatch: (0, 0) });
    }

    /// Takes note that a member was measured on more cases.
    pub(super) fn saw(&mut self, id: CandidateId, seen: usize) {
        if let Some(at) = self.position(id) {
            self.members[at].seen = seen;
        }
    }

    /// Takes a candidate out.
    pub(super) fn leave(&mut self, id: CandidateId) {
        if let Some(at) = self.position(id) {
            self.ids.remove(at);
            self.members.remove(at);
        }
    }

    pub(super) fn contains(&self, id: CandidateId) -> bool {
        self.ids.contains(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Takes note that a member was measured on all ranked cases. It never leaves.
    pub(super) fn complete(&mut self, id: CandidateId) {
        self.complete.push(id);
    }

    /// The members measured on all ranked cases.
    pub(super) fn population(&self) -> &[CandidateId] {
        &self.complete
    }

    /// All members with the number of cases they were measured on, the best first.
    pub(super) fn standings(&self, context: &Context<'_>) -> Vec<(CandidateId, usize)> {
        let mut order: Vec<(f64, usize)> =
            (0..self.ids.len()).map(|at| (self.estimate(at, context), at)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        order.into_iter().map(|(_, at)| (self.ids[at], self.members[at].seen)).collect()
    }

    /// The member of the highest expected score and its cases; the oldest of equals.
    ///
    /// # Panics
    /// When the pool is empty.
    pub(super) fn best(&self, context: &Context<'_>) -> (CandidateId, usize) {
        self.standings(context)[0]
    }

    /// A parent: of `contenders` drawn in proportion to their Pareto fronts (Algorithm 2 of the paper) the one with
    /// the highest draw from what is believed of it (Thompson sampling).
    ///
    /// # Panics
    /// When the pool is empty.
    pub(super) fn parent(&self, contenders: usize, rng: &mut RunRng, context: &Context<'_>) -> CandidateId {
        let scores: Vec<Vec<f64>> = (0..self.ids.len()).map(|at| self.scores(at, context)).collect();
        let fronts = ParetoFronts::new(&scores);
        let mut chosen = (f64::NEG_INFINITY, 0);
        for _ in 0..contenders {
            let at = fronts.sample(rng);
            let hope = if contenders == 1 {
                0.0
            } else {
                let (a, b) = self.belief(at, context);
                sample_beta(a, b, rng)
            };
            if hope > chosen.0 {
                chosen = (hope, at);
            }
        }
        self.ids[chosen.1]
    }

    /// The number of the minibatch on which a parent is to be reflected, and whether it is a fresh one: then
    /// `fresh` is its number. A parent keeps a minibatch for so many proposals.
    pub(super) fn minibatch(&mut self, parent: CandidateId, uses: usize, fresh: u64) -> (u64, bool) {
        let Some(at) = self.position(parent) else { return (fresh, true) };
        let (number, used) = &mut self.members[at].minibatch;
        let is_fresh = *used == 0 || *used >= uses;
        if is_fresh {
            (*number, *used) = (fresh, 0);
        }
        *used += 1;
        (*number, is_fresh)
    }

    fn position(&self, id: CandidateId) -> Option<usize> {
        self.ids.iter().position(|other| *other == id)
    }

    fn scores(&self, at: usize, context: &Context<'_>) -> Vec<f64> {
        let seen = self.members[at].seen.min(context.order.len());
        context.ledger.scores_on(self.ids[at], &context.order[..seen]).unwrap_or_default()
    }

    /// The parameters of the beta distribution that stands for what is believed of a member's score.
    fn belief(&self, at: usize, context: &Context<'_>) -> (f64, f64) {
        let scores = self.scores(at, context);
        let sum: f64 = scores.iter().map(|score| score.clamp(0.0, 1.0)).sum();
        let prior = self.members[at].prior;
        let failures = scores.len() as f64 - sum;
        (sum + prior * PRIOR_CASES + 0.5, failures + (1.0 - prior) * PRIOR_CASES + 0.5)
    }

    fn estimate(&self, at: usize, context: &Context<'_>) -> f64 {
        let (a, b) = self.belief(at, context);
        a / (a + b)
    }
}
