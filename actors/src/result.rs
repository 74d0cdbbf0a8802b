//! What comes of a job. This is the documented, versioned form that programs read.

use std::collections::BTreeMap;

use evohub_evolution::optimizers::Objective;
use evohub_evolution::{Candidate, FinishReason, Rescoring};
use serde::{Deserialize, Serialize};

/// Version of [`JobResult`]'s form. It grows when a field changes its meaning or goes; new fields do not change it.
pub const RESULT_VERSION: u32 = 1;

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// Version of this form.
    pub version: u32,
    /// The job's id.
    pub job: String,
    /// The name its user gave it.
    pub name: String,
    /// How it stands: `done`, `stopped` or `failed`.
    pub status: String,
    /// The algorithm.
    pub algorithm: String,
    /// Why the search ended; absent when it did not.
    pub reason: Option<FinishReason>,
    /// What went wrong, when it failed.
    pub error: Option<String>,
    /// Where the search started.
    pub seed: Standing,
    /// What it chose; absent when no candidate could be measured.
    pub best: Option<Standing>,
    /// Two-sided p-value of the paired test of `best` against `seed` on the test cases.
    pub p_value: Option<f64>,
    /// Evaluations of the search, cached ones included.
    pub evaluations: u64,
    /// Model calls paid for, retries not counted.
    pub model_calls: u64,
    /// US dollars paid, where prices are known.
    pub dollars: f64,
    /// Tokens of requests and answers paid for.
    pub tokens: u64,
    /// Seconds of running, over all its sessions.
    pub seconds: f64,
    /// What each reflection model brought, in the order of the job; empty where there is none, and while the search is
    /// not over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ReflectionResult>,
    /// What repeats made of the validation score of `best`; absent where nothing was measured again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescored: Option<Rescoring>,
    /// Evaluations that were not needed.
    pub saved: Saved,
    /// What the search made better, where that was more than the score.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<Objective>,
    /// Candidates born; `candidates` is the list of them, in documents that have one.
    #[serde(rename = "candidates_born")]
    pub candidates: u64,
}

/// How a prompt did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Id of the candidate.
    pub id: String,
    /// The prompt as text, for people.
    pub prompt: String,
    /// The candidate itself.
    pub candidate: Candidate,
    /// On the train cases it was measured on.
    pub train: Option<Measured>,
    /// On the validation cases it was measured on.
    pub validation: Option<Measured>,
    /// On the sealed test cases.
    pub test: Option<Measured>,
    /// What the search looked at beside the score, by name: means over the validation cases.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objectives: BTreeMap<String, f64>,
}

/// A mean score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Weighted mean, 0 to 1.
    pub score: f64,
    /// 95 % confidence interval of the mean; absent where only the mean is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// On how many cases.
    pub cases: u32,
}

/// What a reflection model brought to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReflectionResult {
    /// Its name.
    pub model: String,
    /// Answers that came.
    pub proposals: u64,
    /// Candidates that came of them.
    pub used: u64,
    /// By how much these scored more than the best of their parents, added up over those that did.
    pub improvement: f64,
    /// US dollars paid for the answers, where the price is known.
    pub dollars: f64,
}

/// Evaluations that were not needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Found in the store: another job had paid for them.
    pub cache: u64,
    /// Not made because the candidate had fallen.
    pub early_rejection: u64,
}
