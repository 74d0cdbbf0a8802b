//! The embeddings of a run's candidates, where distances are measured by them.
//!
//! Nobody hears of a candidate's measurements before its embedding is known, or is known not to be had: so whoever is
//! compared has what it is compared by, and waiting for it is no more than waiting for a slow measurement. A checkpoint
//! says who has an embedding and does not hold it, since the store does: a run that was restored goes on when it was
//! given all of them again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::event::Event;

/// Who has an embedding, and what waits for one.
#[derive(Debug, Clone, Default)]
pub(super) struct Embeddings {
    pub(super) state: EmbeddingState,
    /// Who had one when the checkpoint was taken, and was not given it again yet.
    pub(super) missing: BTreeSet<CandidateId>,
    /// What happened, and is to be heard of later. No state: it is given again to a run that is restored.
    waiting: Vec<Event>,
}

/// What a checkpoint holds of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct EmbeddingState {
    /// Who has one, or cannot have one.
    pub(super) known: BTreeSet<CandidateId>,
    /// Who cannot have one.
    pub(super) none: BTreeSet<CandidateId>,
}

impl Embeddings {
    /// Those of a run that goes on from a checkpoint.
    pub(super) fn restored(state: EmbeddingState) -> Self {
        let missing = state.known.difference(&state.none).copied().collect();
        Self { state, missing, waiting: vec![] }
    }

    /// Whether something must wait: because of whom it is about, or because nobody can be compared yet.
    pub(super) fn must_wait(&self, event: &Event) -> bool {
        match event {
            Event::Evaluated { piece, .. } | Event::EvaluationFailed { piece, .. } => {
                !self.missing.is_empty() || !self.state.known.contains(&piece.candidate)
            }
            Event::SlotsFree { .. } | Event::Embedded { .. } | Event::EmbeddingFailed { .. } => false,
            _ => !self.missing.is_empty(),
        }
    }

    /// Has an event wait.
    pub(super) fn wait(&mut self, event: Event) {
        self.waiting.push(event);
    }

    /// What need not wait any more, in the order in which it came.
    pub(super) fn released(&mut self) -> Vec<Event> {
        let waiting = std::mem::take(&mut self.waiting);
        let (waits, goes) = waiting.into_iter().partition(|event| self.must_wait(event));
        self.waiting = waits;
        goes
    }
}
