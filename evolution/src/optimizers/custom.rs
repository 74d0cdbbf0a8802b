//! Optimizers that an embedding program brings.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::candidate::CandidateId;
use crate::context::Context;
use crate::event::{FinishReason, Saved};
use crate::optimizers::{Optimizer, Property, Told, Work};

/// An optimizer that an embedding program brings, by the name it is registered under, and its settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CustomConfig {
    /// The name under which its factory is registered.
    pub optimizer: String,
    /// Whatever it understands.
    pub settings: Value,
    /// What it looks at beside the scores: what the evaluator gives under such a name is kept for it, in
    /// [`Means::named`](crate::ledger::Means::named), and must be given.
    pub objectives: Vec<Property>,
    /// Validation cases that the search ranks on; absent: all.
    pub ranking_cases: Option<usize>,
}

impl CustomConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.optimizer.is_empty() {
            return Err("`optimizer` must be the name of one that the program registered".into());
        }
        if self.ranking_cases == Some(0) {
            return Err("`ranking_cases` must be 1 or more".into());
        }
        Ok(())
    }

    pub(super) fn properties(&self) -> Vec<Property> {
        self.objectives.clone()
    }
}

/// Makes optimizers of one kind.
pub trait OptimizerFactory: Send + Sync {
    /// The name that jobs use.
    fn name(&self) -> &str;

    /// Whether settings are in order.
    ///
    /// # Errors
    /// What is wrong with them.
    fn check(&self, settings: &Value) -> Result<(), String>;

    /// A fresh optimizer. The settings were checked.
    fn start(&self, settings: &Value) -> Box<dyn Optimizer>;

    /// An optimizer that goes on from what its [`Optimizer::save`] said.
    ///
    /// # Errors
    /// When the state is not one of its own.
    fn restore(&self, settings: &Value, state: Value) -> serde_json::Result<Box<dyn Optimizer>>;
}

/// What stands for an optimizer of one's own where its factory was not asked: it is over at once. Runs of it are
/// begun by [`Run::with_optimizer`](crate::Run::with_optimizer).
#[derive(Debug, Clone)]
pub(super) struct Absent;

impl Optimizer for Absent {
    fn ask(&mut self, _: usize, _: &mut Context<'_>) -> Vec<Work> {
        vec![]
    }

    fn tell(&mut self, _: Told, _: &mut Context<'_>) {}

    fn population(&self) -> &[CandidateId] {
        &[]
    }

    fn generation(&self) -> u32 {
        0
    }

    fn saved(&self) -> Saved {
        Saved::default()
    }

    fn finished(&self) -> Option<FinishReason> {
        Some(FinishReason::Exhausted)
    }

    fn choice(&self, _: &Context<'_>) -> Option<CandidateId> {
        None
    }

    fn save(&self) -> Value {
        Value::Null
    }
}
