//! The units of work that a run gives out.

use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateId};
use crate::case::Split;

/// One measurement: a candidate on a case. Results are matched by it, never by their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Piece {
    /// Whom to measure.
    pub candidate: CandidateId,
    /// Where the case belongs.
    pub split: Split,
    /// Index of the case in its split.
    pub case: u32,
    /// 0 for the first measurement of the candidate on the case.
    pub repeat: u32,
}

/// Identity of a proposal within its run, in the order of their opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProposalId(pub u64);

/// A measurement to make.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationOrder {
    /// Which one.
    pub piece: Piece,
    /// The candidate itself.
    pub candidate: Candidate,
}

/// An embedding to compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingOrder {
    /// Whose.
    pub candidate: CandidateId,
    /// All of it that a model is shown, one text.
    pub text: String,
}

impl EmbeddingOrder {
    /// That of a candidate: its components by name, then the examples in their order, with empty lines between.
    pub fn of(candidate: &Candidate) -> Self {
        let components = candidate.components().values().filter(|text| !text.trim().is_empty()).cloned();
        let shots = candidate.shots().iter().map(|shot| format!("{}\n{}", shot.input, shot.output));
        let text = components.chain(shots).collect::<Vec<_>>().join("\n\n");
        Self { candidate: candidate.id(), text }
    }
}

/// A question for the reflection model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProposalOrder {
    /// Which proposal it serves.
    pub id: ProposalId,
    /// The operator that asks.
    pub operator: String,
    /// Place of the reflection model that is asked among those of the job, from 0.
    pub model: u32,
    /// The whole question, one user turn.
    pub question: String,
}

/// What the reflection model answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The whole answer.
    pub text: String,
    /// Whether the model cut it at its limit of tokens.
    pub truncated: bool,
    /// What the job paid for it, in US dollars; 0 when it was known already.
    pub dollars: f64,
    /// What it cost in US dollars, whoever paid for it; 0 where the price is not known.
    pub price: f64,
    /// What the job paid for it, in tokens of question and answer.
    pub tokens: u64,
}
