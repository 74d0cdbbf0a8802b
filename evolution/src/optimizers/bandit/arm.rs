//! One candidate of the growing tree.

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::model_credits::Asked;

/// One candidate of the growing tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Arm {
    pub(super) id: CandidateId,
    /// Position of its parent among the arms.
    pub(super) parent: Option<usize>,
    /// The reflection model that wrote it, where one did.
    pub(super) writer: Option<Asked>,
    /// Places in the shared order of the validation cases that were given out, or known already; each a second time
    /// only when all were once.
    pub(super) asked: Vec<u32>,
    /// Scores by place in the shared order, as they came.
    pub(super) results: Vec<(u32, f64)>,
    /// Results that could not be had.
    pub(super) failed: usize,
    /// Proposals that were made from it.
    pub(super) proposals: u64,
    /// Whether it was measured on all ranked cases, and observers were told so.
    pub(super) ranked: bool,
}

impl Arm {
    pub(super) fn new(id: CandidateId, parent: Option<usize>, writer: Option<Asked>) -> Self {
        let (asked, results) = (vec![], vec![]);
        Self { id, parent, writer, asked, results, failed: 0, proposals: 0, ranked: false }
    }

    /// Measurements under way.
    pub(super) fn in_flight(&self) -> usize {
        self.asked.len() - self.known()
    }

    /// Cases whose result is known, or that it cannot be had.
    pub(super) fn known(&self) -> usize {
        self.results.len() + self.failed
    }
}
