//! A child's measurement, broken off when it can hardly win.

use super::Generational;
use super::child::Stage;
use super::scheme::Scheme;
use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::ledger::Outcome;

impl<S: Scheme> Generational<S> {
    /// Judges a child that was measured up to its present look.
    pub(super) fn look(&mut self, number: u64, context: &mut Context<'_>) {
        let ranked = context.ranked();
        let race = self.scheme.rules().race;
        let looks = race.looks(ranked.len());
        let Some(child) = self.children.get_mut(&number) else { return };
        let (Stage::Racing(look), Some(candidate)) = (&child.stage, child.candidate()) else { return };
        let (look, seen) = (*look, looks[*look]);
        let scores = self.scheme.scores(candidate, &ranked[..seen], context);
        let Some(scores) = scores else {
            child.stage = Stage::Decided(Outcome::Unmeasurable);
            return;
        };
        if seen == ranked.len() {
            (child.seen, child.stage) = (seen, Stage::Decided(Outcome::Kept));
            return;
        }
        let better = |id: &&CandidateId| {
            let rival = context.ledger.candidate(**id);
            let reference = rival.and_then(|rival| self.scheme.scores(rival, ranked, context));
            reference.is_some_and(|reference| race.is_hopeless(&scores, &reference, reference.len()))
        };
        let needed = child.rivals.needed;
        let falls = needed > 0 && child.rivals.ids.iter().filter(better).take(needed).count() >= needed;
        child.seen = seen;
        if falls {
            child.stage = Stage::Decided(Outcome::Dropped);
            child.saved.race = (ranked.len() - seen) as u64;
        } else {
            child.stage = Stage::Racing(look + 1);
            self.enter(number, context);
        }
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
