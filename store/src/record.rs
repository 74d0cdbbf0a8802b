//! What is written while a job runs.

use std::collections::BTreeMap;

use evohub_evolution::{Candidate, CandidateId, CaseId, Digest, Evaluation, Split};

use serde::{Deserialize, Serialize};

use crate::job::JobId;

/// One evaluation that was paid for.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRecord {
    /// Content key: candidate, case, model, parameters, scorer and repeat. Equal keys are one evaluation.
    pub key: Digest,
    /// The job that paid for it.
    pub job: JobId,
    /// What was measured.
    pub candidate: CandidateId,
    /// On what.
    pub case: CaseId,
    /// Which part of the job's data the case belongs to.
    pub split: Split,
    /// 0 for the first measurement of the candidate on the case.
    pub repeat: u32,
    /// What came of it.
    pub evaluation: Evaluation,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
}

/// One answer of a model beside the evaluations that was paid for: of the reflection model, or of an embedding model,
/// whose vectors stand here as texts.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalRecord {
    /// Content key: model, parameters and all that was asked. Equal keys are one answer.
    pub key: Digest,
    /// The job that paid for it.
    pub job: JobId,
    /// The whole answer.
    pub text: String,
    /// Whether the model cut it at its limit of tokens.
    pub truncated: bool,
    /// Price in US dollars; 0 where it is unknown.
    pub dollars: f64,
    /// Tokens of the question.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
}

/// A candidate of a job, where it came from and how it did. Written again when its score or outcome change.
///
/// Known by its job, its island and its content, not by its ordinal: a run that goes on from a checkpoint
/// counts births from there again, and may bring forth others than those that were already written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateRecord {
    /// The job that made it.
    pub job: JobId,
    /// The island it was born on, from 0.
    pub island: u32,
    /// Order of birth on the island, from 0.
    pub ordinal: u64,
    /// The candidate itself.
    pub candidate: Candidate,
    /// What it was made from; empty for a seed.
    pub parents: Vec<CandidateId>,
    /// The operator that made it, `seed` for a seed.
    pub operator: String,
    /// The generation (steady state: the window) it was born in, from 0.
    pub generation: u32,
    /// Weighted mean score on the validation cases it was measured on.
    pub validation_score: Option<f64>,
    /// On how many validation cases it was measured.
    pub validation_cases: u32,
    /// What the search looks at beside the score, by name: means over the same cases.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objectives: BTreeMap<String, f64>,
    /// What became of it: a short stable name, such as `kept`, `rejected`, `dropped`.
    pub outcome: String,
}

/// The state of one island's run, from which it goes on after a crash.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointRecord {
    /// The job.
    pub job: JobId,
    /// The island, from 0.
    pub island: u32,
    /// Grows with every checkpoint of the island; only the newest is kept.
    pub sequence: u64,
    /// The run's serialized state; its version stands inside.
    pub body: String,
}

/// One point of the curves that a report shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryRecord {
    /// The job.
    pub job: JobId,
    /// The island, from 0.
    pub island: u32,
    /// Order of the point on the island, from 0.
    pub sequence: u64,
    /// Evaluations asked for until then.
    pub evaluations: u64,
    /// Dollars spent until then.
    pub dollars: f64,
    /// Best mean validation score in the population, 0 to 1.
    pub best: f64,
    /// Mean of the population's mean validation scores, 0 to 1.
    pub mean: f64,
    /// Diversity of the population, 0 (all alike) to 1.
    pub diversity: f64,
    /// Candidates in the population.
    pub population: u32,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
}

/// Candidates that one island sent to another.
#[derive(Debug, Clone, PartialEq)]
pub struct MigrantRecord {
    /// The job.
    pub job: JobId,
    /// The island that sent them, from 0.
    pub from: u32,
    /// The island that they are for, from 0.
    pub to: u32,
    /// Which exchange of the sender they belong to, from 1.
    pub epoch: u32,
    /// Serialized by whoever wrote it.
    pub body: String,
}

/// Results, made durable together: all of them or nothing. Those whose key is known already change nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Results {
    /// Of evaluations.
    pub evaluations: Vec<EvaluationRecord>,
    /// Of models beside the evaluations.
    pub proposals: Vec<ProposalRecord>,
}

impl Results {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.evaluations.is_empty() && self.proposals.is_empty()
    }

    /// Who paid for each of them.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &JobId> {
        let evaluations = self.evaluations.iter().map(|record| &record.job);
        evaluations.chain(self.proposals.iter().map(|record| &record.job))
    }
}

/// What an island notes, made durable together: all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notes {
    /// Before all else, the candidates of the island that were born in this order or later are forgotten: it goes on
    /// from an earlier state, and what it does next may differ. What was paid for stays.
    pub forget_from: Option<u64>,
    /// Candidates; one that is known already gets the new score, objectives, number of cases and outcome.
    pub candidates: Vec<CandidateRecord>,
    /// Checkpoints; one that is older than the one kept changes nothing.
    pub checkpoints: Vec<CheckpointRecord>,
    /// Points of the curves; one that is known already changes nothing.
    pub history: Vec<HistoryRecord>,
    /// Migrants that leave the island; those of a sender, receiver and epoch that are known already change nothing.
    pub migrants: Vec<MigrantRecord>,
}

impl Notes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.forget_from.is_none()
            && self.candidates.is_empty()
            && self.checkpoints.is_empty()
            && self.history.is_empty()
            && self.migrants.is_empty()
    }
}

/// What a job has paid for, by the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Evaluations.
    pub evaluations: u64,
    /// Model calls of evaluations and proposals, retries not counted.
    pub model_calls: u64,
    /// US dollars, where prices are known.
    pub dollars: f64,
    /// Tokens of requests.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
}
