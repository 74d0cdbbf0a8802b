//! One proposal on its way from a parent to the population.

use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::ledger::{Birth, Outcome};

/// How far a proposal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// The parent is run on the minibatch, for the gate and for its traces.
    ParentBatch,
    /// The reflection model is asked.
    Asking,
    /// The child is run on the minibatch.
    ChildBatch,
    /// A merged child is run on a few validation cases that tell its parents apart.
    MergeGate,
    /// The child is measured on the validation cases up to this look.
    Racing(usize),
    /// It is decided; `None` when there is no child.
    Decided(Option<Outcome>),
}

/// One proposal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Proposal {
    pub(super) number: u64,
    pub(super) parents: Vec<CandidateId>,
    /// Best of the population when the proposal was opened: what the child races against.
    pub(super) reference: CandidateId,
    /// Cases of its minibatch (train) or of its merge gate (validation); empty where it has neither.
    pub(super) batch: Vec<u32>,
    pub(super) component: String,
    pub(super) operator: String,
    pub(super) child: Option<Candidate>,
    pub(super) stage: Stage,
    pub(super) generation: u32,
    /// Evaluations asked for on its behalf, those that were known already included.
    pub(super) cost: u64,
    /// Evaluations a full measurement would have taken on top.
    pub(super) saved: u64,
    /// Validation cases of the shared order that the child was measured on.
    pub(super) seen: usize,
    /// Why the model's answer could not be used.
    pub(super) unusable: Option<String>,
}

impl Proposal {
    /// Ends it because the model's answer cannot be used.
    pub(super) fn reject(&mut self, reason: &str) {
        self.unusable = Some(reason.to_owned());
        self.stage = Stage::Decided(None);
    }

    /// Enters the birth of its child, if it has one. `false` when there is none or it is nobody new.
    pub(super) fn bear(&self, outcome: Outcome, context: &mut Context<'_>) -> bool {
        let Some(child) = &self.child else { return false };
        let birth = Birth {
            parents: self.parents.clone(),
            operator: self.operator.clone(),
            generation: self.generation,
        };
        context.bear(child, birth, outcome, self.seen)
    }
}
