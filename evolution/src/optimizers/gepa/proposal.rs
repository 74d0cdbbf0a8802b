//! One proposal on its way from a parent to the population.

use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::event::Saved;
use crate::ledger::{Birth, Outcome};
use crate::model_credits::Asked;

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
    /// The child is measured up to this look, and waits for its turn to be judged.
    Measured(usize),
    /// It is decided and waits for its turn; `None` when there is no child.
    Decided(Option<Outcome>),
}

/// One proposal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Proposal {
    pub(super) number: u64,
    pub(super) parents: Vec<CandidateId>,
    /// Cases of its minibatch (train) or of its merge gate (validation); empty where it has neither.
    pub(super) batch: Vec<u32>,
    /// Whether an earlier proposal has the same parent and minibatch, and pays for the parent's part.
    pub(super) is_batch_shared: bool,
    pub(super) component: String,
    pub(super) operator: String,
    /// The reflection model that makes its child, where one does.
    pub(super) asked: Option<Asked>,
    pub(super) child: Option<Candidate>,
    pub(super) stage: Stage,
    pub(super) generation: u32,
    /// When its present leg is judged, on the clock of the search.
    pub(super) due: u64,
    /// Evaluations that its present leg takes at most.
    pub(super) reserved: u64,
    /// Evaluations asked for on behalf of its present leg, those that were known already included.
    pub(super) cost: u64,
    /// Evaluations a full measurement would have taken on top.
    pub(super) saved: Saved,
    /// Validation cases of the shared order that the child was judged on.
    pub(super) seen: usize,
    /// Whether the child is in the pool already.
    pub(super) born: bool,
    /// The epoch in which and the island from which it came, where it is a migrant and nobody's child.
    pub(super) origin: Option<(u32, u32)>,
    /// Why the model's answer could not be used.
    pub(super) unusable: Option<String>,
}

impl Proposal {
    /// A proposal that has come nowhere yet.
    pub(super) fn new(number: u64, parents: Vec<CandidateId>, generation: u32) -> Self {
        Self {
            number,
            parents,
            batch: vec![],
            is_batch_shared: false,
            component: String::new(),
            operator: String::new(),
            asked: None,
            child: None,
            stage: Stage::Decided(None),
            generation,
            due: 0,
            reserved: 0,
            cost: 0,
            saved: Saved::default(),
            seen: 0,
            born: false,
            origin: None,
            unusable: None,
        }
    }

    /// Ends it because the model's answer cannot be used.
    pub(super) fn reject(&mut self, reason: &str) {
        self.unusable = Some(reason.to_owned());
        self.stage = Stage::Decided(None);
    }

    /// Enters what became of its child, if it has one: its birth the first time. `false` when there is none or it
    /// is nobody new.
    pub(super) fn bear(&mut self, outcome: Outcome, context: &mut Context<'_>) -> bool {
        let Some(child) = &self.child else { return false };
        if self.born {
            context.settle(child.id(), outcome, self.seen);
            return true;
        }
        let birth = Birth {
            parents: self.parents.clone(),
            operator: self.operator.clone(),
            generation: self.generation,
        };
        self.born = context.bear(child, birth, outcome, self.seen);
        if self.born
            && let Some(asked) = &self.asked
        {
            context.models.used(asked);
        }
        self.born
    }
}
