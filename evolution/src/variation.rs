//! How new candidates come from old ones.
//!
//! An [`Operator`] needs no model: it makes the child at once. An operator that asks a model is a
//! [`rewrite::Rewrite`]: it writes a question and reads the answer.

pub mod adaptive;
pub(crate) mod child;
pub mod crossover;
pub mod guard;
pub mod labels;
pub mod library;
pub mod operators;
pub mod parameter;
pub mod phrase;
pub mod placement;
pub mod rewrite;
pub(crate) mod segment;
pub mod shots;
pub mod standard;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
pub mod text;
pub mod train_index;

pub use adaptive::OperatorCredits;
pub use guard::{CaseRef, LeakGuard};
pub use operators::Operators;
pub use train_index::TrainIndex;

use crate::candidate::Candidate;
use crate::rng::RunRng;

/// Bounds on every child, however it came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VariationLimits {
    /// Most few-shot examples of a candidate.
    pub max_shots: usize,
    /// Most characters of one component.
    pub max_component_length: usize,
}

impl Default for VariationLimits {
    fn default() -> Self {
        Self { max_shots: 8, max_component_length: 8_000 }
    }
}

/// What an operator may look at.
#[derive(Debug, Clone, Copy)]
pub struct VariationContext<'a> {
    /// The train cases: where few-shot examples come from.
    pub train: &'a TrainIndex,
    /// How hard each train case has been so far, parallel to the cases of `train`: the mean loss (1 - score) of the
    /// candidates measured on it, `None` where none was.
    pub difficulty: &'a [Option<f64>],
    /// Bounds that the child must keep.
    pub limits: VariationLimits,
}

/// Makes a child without a model. Stateless: all chance comes from the generator it is given.
pub trait Operator: Send + Sync {
    /// A short stable name, as in reports and metrics: lower case, underscores.
    fn name(&self) -> &str;

    /// How many parents it takes: 1 or 2.
    fn arity(&self) -> usize {
        1
    }

    /// A child of `parents` (as many as [`Operator::arity`] says), or `None` when it does not apply to them.
    /// A child equal to a parent counts as not applied.
    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate>;
}
