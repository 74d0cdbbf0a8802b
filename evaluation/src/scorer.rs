//! What an answer is worth.

mod command;
mod config;
mod contains;
mod exact;
mod excerpt;
mod function;
mod json;
mod judge;
mod label;
mod numeric;
mod regex;
mod similarity;
mod weighted;

use std::collections::BTreeMap;

use async_trait::async_trait;
use evohub_evolution::{Case, Failure, FailureKind};
use evohub_llm::Usage;

pub use command::{CommandScorer, Invocation};
pub use config::{
    Metric, ScoreConfig, ScoreConfigError, ScoreConfigErrorKind, ScoreContext, UnknownObjective, build,
};
pub use contains::ContainsScorer;
pub use exact::ExactScorer;
pub use function::FnScorer;
pub use json::JsonScorer;
pub use judge::JudgeScorer;
pub use label::{LabelPlace, LabelScorer};
pub use numeric::NumericScorer;
pub use regex::RegexScorer;
pub use similarity::{Similarity, SimilarityScorer};
pub use weighted::WeightedScorer;

/// What an answer is worth, and what it took to find out.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// 0 (worst) to 1 (best).
    pub score: f64,
    /// What was expected, what was found and why that matters, for a model that rewrites prompts.
    pub feedback: String,
    /// Model calls made.
    pub model_calls: u32,
    /// Tokens of these calls.
    pub usage: Usage,
    /// Their price in US dollars, as far as it is known.
    pub dollars: f64,
    /// What else was found out about the answer, by name: further objectives, or descriptors of behaviour. Names of
    /// [built-in properties](evohub_evolution::optimizers::Property) are not looked at.
    pub objectives: BTreeMap<String, f64>,
}

impl Scored {
    /// A score that took no model. It is brought into 0 to 1; NaN is 0.
    pub fn new(score: f64, feedback: impl Into<String>) -> Self {
        let score = if score.is_nan() { 0.0 } else { score.clamp(0.0, 1.0) };
        Self {
            score,
            feedback: feedback.into(),
            model_calls: 0,
            usage: Usage::default(),
            dollars: 0.0,
            objectives: BTreeMap::new(),
        }
    }

    /// The same with a further objective; one that is not finite is taken as not found out.
    #[must_use]
    pub fn with_objective(mut self, name: impl Into<String>, value: f64) -> Self {
        if value.is_finite() {
            self.objectives.insert(name.into(), value);
        }
        self
    }

    /// 1 when `right`, else 0.
    pub(crate) fn binary(right: bool, feedback: impl Into<String>) -> Self {
        Self::new(f64::from(u8::from(right)), feedback)
    }
}

impl From<f64> for Scored {
    fn from(score: f64) -> Self {
        Self::new(score, "")
    }
}

impl From<bool> for Scored {
    fn from(right: bool) -> Self {
        Self::binary(right, "")
    }
}

impl<T: Into<String>> From<(f64, T)> for Scored {
    fn from((score, feedback): (f64, T)) -> Self {
        Self::new(score, feedback)
    }
}

/// Says what an answer is worth.
#[async_trait]
pub trait Scorer: Send + Sync {
    /// All that decides about a score, beside case and answer.
    fn fingerprint(&self) -> String;

    /// Whether answers to this case can be scored; asked before any model is called.
    ///
    /// # Errors
    /// What the case lacks, in words that go after "the case cannot be scored: ".
    fn check(&self, case: &Case) -> Result<(), String> {
        let _ = case;
        Ok(())
    }

    /// The most that one score can cost in US dollars, for answers of up to `answer_tokens`; `None` when no
    /// price is known.
    fn cost_limit(&self, case: &Case, answer_tokens: Option<u32>) -> Option<f64> {
        let _ = (case, answer_tokens);
        Some(0.0)
    }

    /// What an answer is worth in which there is nothing to score, and why.
    fn unscored(&self, why: &str) -> Scored {
        Scored::new(0.0, why)
    }

    /// Scores an answer.
    ///
    /// # Errors
    /// Only for failures that say nothing about the answer. One that cannot be scored is worth 0.
    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure>;
}

/// What a check says of a case that has no expected answer.
fn has_expected(case: &Case) -> Result<(), String> {
    match case.expected {
        Some(_) => Ok(()),
        None => Err("it has no expected answer, and this metric compares with one".into()),
    }
}

/// The expected answer of a case that passed [`has_expected`].
fn expected(case: &Case) -> Result<&str, Failure> {
    case.expected.as_deref().ok_or_else(|| unscorable("the case has no expected answer".into()))
}

/// A case that no answer can be scored on.
fn unscorable(message: String) -> Failure {
    Failure { kind: FailureKind::Piece, cause: "unscorable_case".into(), message }
}

/// The text with the differences that a scorer is told not to see taken away.
fn folded(text: &str, ignore_case: bool) -> String {
    let text = text.trim();
    if ignore_case { text.to_lowercase() } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
