//! A child on its way into the population.

use serde::{Deserialize, Serialize};

use super::scheme::{Conception, Made};
use crate::candidate::Candidate;
use crate::event::Saved;
use crate::ledger::{Birth, Outcome};
use crate::model_credits::Asked;

/// How far a child has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Its parent is run on train cases.
    Reflection,
    /// The reflection model is asked for the so-manieth time, from 0.
    Asking(u32),
    /// It is measured up to this look.
    Racing(usize),
    /// It is decided.
    Decided(Outcome),
    /// It will never be anybody, for this reason.
    Stillborn(String),
}

/// A child on its way into the population.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Child {
    pub(super) conception: Conception,
    pub(super) stage: Stage,
    /// The reflection model that makes it, where one does.
    pub(super) asked: Option<Asked>,
    pub(super) saved: Saved,
    /// Validation cases of the shared order that it was measured on.
    pub(super) seen: usize,
}

impl Child {
    pub(super) fn new(conception: Conception, asked: Option<Asked>) -> Self {
        let stage = match &conception.made {
            Made::Candidate(_) => Stage::Racing(0),
            Made::Question(_) => Stage::Asking(0),
            Made::Reflection(_) => Stage::Reflection,
        };
        Self { conception, stage, asked, saved: Saved::default(), seen: 0 }
    }

    /// The child itself, once it is made.
    pub(super) fn candidate(&self) -> Option<&Candidate> {
        match &self.conception.made {
            Made::Candidate(candidate) => Some(candidate),
            Made::Question(_) | Made::Reflection(_) => None,
        }
    }

    pub(super) fn is_decided(&self) -> bool {
        matches!(self.stage, Stage::Decided(_) | Stage::Stillborn(_))
    }

    pub(super) fn birth(&self, generation: u32) -> Birth {
        Birth {
            parents: self.conception.parents.clone(),
            operator: self.conception.operator.clone(),
            generation,
        }
    }
}
