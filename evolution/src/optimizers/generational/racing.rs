//! A child's measurement, broken off when it can hardly win.

use super::Generational;
use super::child::{Child, Stage};
use super::duel::Duel;
use super::scheme::{Rivals, Scheme};
use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::diversity::Distance;
use crate::ledger::Outcome;

impl<S: Scheme> Generational<S> {
    /// Judges a child that was measured up to its present look.
    pub(super) fn look(&mut self, number: u64, context: &mut Context<'_>) {
        let ranked = context.ranked();
        let looks = self.scheme.rules().race.looks(ranked.len());
        let Some(child) = self.children.get(&number) else { return };
        let (Stage::Racing(look), Some(candidate)) = (&child.stage, child.candidate()) else { return };
        let (next, seen, all) = (*look + 1, looks[*look], ranked.len());
        let (stage, saved) = match self.scheme.scores(candidate, &ranked[..seen], context) {
            None => (Stage::Decided(Outcome::Unmeasurable), 0),
            // What it is compared by is known since its first measurement.
            Some(_)
                if *look == 0
                    && context.likenesses.kind() == Distance::Embedding
                    && self.is_hardly_new(candidate, context) =>
            {
                (Stage::Decided(Outcome::Dropped), (all - seen) as u64)
            }
            Some(_) if seen == all => (Stage::Decided(Outcome::Kept), 0),
            Some(scores) if self.falls(child, candidate, &scores, &ranked[..seen], context) => {
                (Stage::Decided(Outcome::Dropped), (all - seen) as u64)
            }
            Some(_) => (Stage::Racing(next), 0),
        };
        let Some(child) = self.children.get_mut(&number) else { return };
        if !matches!(stage, Stage::Decided(Outcome::Unmeasurable)) {
            child.seen = seen;
        }
        (child.stage, child.saved.race) = (stage, saved);
        self.enter(number, context);
    }

    /// Whether so many rivals are surely better that the child need not be measured further.
    fn falls(
        &self,
        child: &Child,
        candidate: &Candidate,
        scores: &[f64],
        cases: &[u32],
        context: &Context<'_>,
    ) -> bool {
        let Rivals { ids, needed } = self.scheme.rivals(&child.conception, &self.cohort(context));
        let is_better = |id: &&CandidateId| {
            let Some(rival) = context.ledger.candidate(**id) else { return false };
            let reference = self.scheme.scores(rival, context.ranked(), context);
            reference.is_some_and(|reference| {
                let reference = &reference;
                self.scheme.yields(&Duel { child: candidate, rival, cases, scores, reference, context })
            })
        };
        needed > 0 && ids.iter().filter(is_better).take(needed).count() >= needed
    }
}

/// What all schemes have in common, whatever they say.
pub(super) trait Scored: Scheme {
    /// Scores of a candidate on validation cases less its handicap, `None` unless it was measured on each.
    fn scores(&self, candidate: &Candidate, cases: &[u32], context: &Context<'_>) -> Option<Vec<f64>> {
        let handicap = self.handicap(candidate, context);
        let mut scores = context.ledger.scores_on(candidate.id(), cases)?;
        scores.iter_mut().for_each(|score| *score -= handicap);
        Some(scores)
    }

    /// Mean of a candidate on the ranked cases less its handicap; that of who was not measured is worst.
    fn fitness(&self, id: CandidateId, context: &Context<'_>) -> f64 {
        let ledger = &context.ledger;
        let (mean, candidate) = (ledger.mean_on(id, context.ranked()), ledger.candidate(id));
        let fitness = mean.zip(candidate).map(|(mean, candidate)| mean - self.handicap(candidate, context));
        fitness.unwrap_or(f64::NEG_INFINITY)
    }
}

impl<S: Scheme> Scored for S {}
