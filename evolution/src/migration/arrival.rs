//! Migrants on their way from the shore into the population.

use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::event::RunEvent;

/// What came from one island in one epoch, until it is known what becomes of all of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Arrival {
    pub(crate) epoch: u32,
    pub(crate) from: u32,
    /// How many came.
    candidates: u32,
    /// Those that are new here and not decided yet.
    pub(crate) newcomers: Vec<Candidate>,
    kept: u32,
}

impl Arrival {
    pub(super) fn new(epoch: u32, from: u32, candidates: usize, newcomers: Vec<Candidate>) -> Self {
        Self { epoch, from, candidates: candidates as u32, newcomers, kept: 0 }
    }

    /// Books whether a newcomer found a place in the population. `true` when it was the last to be decided.
    pub(crate) fn decide(&mut self, id: CandidateId, kept: bool) -> bool {
        self.newcomers.retain(|newcomer| newcomer.id() != id);
        self.kept += u32::from(kept);
        self.newcomers.is_empty()
    }

    /// Tells observers what became of them.
    pub(crate) fn announce(&self, context: &mut Context<'_>) {
        if self.candidates > 0 {
            context.announce(RunEvent::Migrated {
                epoch: self.epoch,
                from: self.from,
                candidates: self.candidates,
                kept: self.kept,
            });
        }
    }
}
