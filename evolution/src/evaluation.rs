//! What came of one candidate on one case.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The objectives of one evaluation, raw and apart: no weighting has been applied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Objectives {
    /// How good the answer is, 0 (worst) to 1 (best).
    pub score: f64,
    /// Price of all model calls of the evaluation in US dollars; 0 where a price is unknown.
    pub dollars: f64,
    /// Seconds from sending the task call to its whole answer.
    pub latency_seconds: f64,
    /// Length of the answer in characters.
    pub output_length: u64,
    /// What the evaluator gives beside these, by names of its own: further objectives, or descriptors of behaviour. Each
    /// is finite. What was not found out about an answer is absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<String, f64>,
}

/// One candidate measured on one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The objectives.
    pub objectives: Objectives,
    /// What the model answered.
    pub output: String,
    /// What was wrong with the answer, or right, in words that a reflection model can use.
    pub feedback: String,
    /// Tokens of all requests of the evaluation.
    pub input_tokens: u64,
    /// Tokens of all answers of the evaluation.
    pub output_tokens: u64,
    /// Model calls made for it, retries not counted.
    pub model_calls: u32,
}

/// Why an evaluation or a proposal brought no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whether trying again can help.
    pub kind: FailureKind,
    /// A short stable name of the cause, for counting.
    pub cause: String,
    /// What happened and what to do.
    pub message: String,
}

/// What kind of failure it was. Never a score: the candidate stays unmeasured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The world failed for now (network, provider, time limit): the piece of work is tried again.
    Transient,
    /// This piece of work can never succeed (the provider refuses this very request), others may.
    Piece,
    /// No piece of work of this kind can succeed (wrong key, unknown model): the job ends.
    Systemic,
}
