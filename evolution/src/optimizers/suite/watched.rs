//! An optimizer of which every wish is checked.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::candidate::CandidateId;
use crate::case::Split;
use crate::context::Context;
use crate::event::{FinishReason, Saved};
use crate::optimizers::{Optimizer, Told, Work};
use crate::piece::{Piece, ProposalId};

/// What was asked for so far, also by those that were restored since.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<Mutex<(HashSet<Piece>, HashSet<ProposalId>)>>);

/// An optimizer of which every wish is checked.
pub(super) struct Watched {
    inner: Box<dyn Optimizer>,
    seen: Seen,
}

impl Watched {
    pub(super) fn new(inner: Box<dyn Optimizer>, seen: &Seen) -> Self {
        Self { inner, seen: seen.clone() }
    }

    fn check(&self, work: &Work, context: &Context<'_>) {
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        match work {
            Work::Measure(piece) => {
                let tracked = context.ledger.candidate(piece.candidate).is_some();
                assert!(tracked, "a measurement of a candidate that nobody tracks: {piece:?}");
                let cases = match piece.split {
                    Split::Train => context.cases.train.len(),
                    Split::Validation => context.cases.validation.len(),
                    Split::Test => 0,
                };
                assert!((piece.case as usize) < cases, "a measurement on no case of the search: {piece:?}");
                assert!(!context.ledger.has(piece), "a measurement that is known: {piece:?}");
                assert!(seen.0.insert(*piece), "the same measurement twice: {piece:?}");
            }
            Work::Ask(order) => {
                assert!(
                    (order.model as usize) < context.settings.reflection.len(),
                    "a question to no model: {order:?}"
                );
                assert!(!order.question.is_empty(), "an empty question: {order:?}");
                assert!(seen.1.insert(order.id), "a second question of one number: {order:?}");
            }
        }
    }
}

impl Optimizer for Watched {
    fn ask(&mut self, slots: usize, context: &mut Context<'_>) -> Vec<Work> {
        assert!(self.inner.finished().is_none(), "asked for work after its end");
        let work = self.inner.ask(slots, context);
        assert!(work.len() <= slots, "{} pieces of work for {slots} slots", work.len());
        work.iter().for_each(|work| self.check(work, context));
        work
    }

    fn tell(&mut self, told: Told, context: &mut Context<'_>) {
        let before = self.inner.finished();
        self.inner.tell(told, context);
        assert!(before.is_none() || self.inner.finished().is_some(), "an end that is taken back");
    }

    fn population(&self) -> &[CandidateId] {
        self.inner.population()
    }

    fn score(&self, id: CandidateId, context: &Context<'_>) -> Option<f64> {
        self.inner.score(id, context)
    }

    fn generation(&self) -> u32 {
        self.inner.generation()
    }

    fn saved(&self) -> Saved {
        self.inner.saved()
    }

    fn finished(&self) -> Option<FinishReason> {
        self.inner.finished()
    }

    fn choice(&self, context: &Context<'_>) -> Option<CandidateId> {
        self.inner.choice(context)
    }

    fn save(&self) -> serde_json::Value {
        self.inner.save()
    }
}
