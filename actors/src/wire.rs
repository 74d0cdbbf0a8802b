//! What nodes say to each other about jobs. The cluster carries it as bytes under a topic.

use bytes::Bytes;
use evohub_cluster::Topic;
use evohub_evolution::{Candidate, Digest, Evaluation, Failure, Piece};
use evohub_llm::ChatMessage;
use evohub_store::{EvaluationRecord, JobId, ProposalRecord};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::evaluator::{Asked, ProposalTask};
use crate::population::PopulationReport;

/// A generation wants places in a pool; cast.
pub(crate) const WANT: Topic = Topic(1);
/// A pool grants them; cast.
pub(crate) const GRANTED: Topic = Topic(2);
/// A piece of work; a call.
pub(crate) const WORK: Topic = Topic(3);
/// An order to whoever hosts an island, or is to host it; a call.
pub(crate) const ISLAND: Topic = Topic(4);
/// An island reports to the owner of its job; a cast, or a call where it must be heard.
pub(crate) const REPORT: Topic = Topic(5);
/// Whoever an island reports to does not know it; cast.
pub(crate) const UNKNOWN_ISLAND: Topic = Topic(6);
/// A request of a client; a call.
pub(crate) const CLIENT: Topic = Topic(7);

/// The bytes of a message.
#[expect(clippy::expect_used, reason = "plain data whose maps have string keys always has a JSON form")]
pub(crate) fn encode(message: &impl Serialize) -> Bytes {
    serde_json::to_vec(message).expect("plain data").into()
}

/// The message of bytes from another node.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("a message cannot be read: {error}"))
}

/// Wanted are places in a pool. Said again every second for as long as it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Want {
    /// The generation, by its number on the node that asks.
    pub(crate) consumer: u64,
    pub(crate) job: JobId,
    /// Most that are of use.
    pub(crate) places: u32,
    /// What the evaluator must be, so that equal measurements have equal keys.
    pub(crate) fingerprint: String,
    /// Whether it wants to know which calls of the job are under way.
    pub(crate) calls: bool,
}

/// What a pool grants.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Granted {
    pub(crate) consumer: u64,
    pub(crate) places: u32,
    /// The keys of the job's calls that are under way there, where that was asked.
    pub(crate) calls: Option<Vec<Digest>>,
    /// Why nothing is granted, where there is a reason that will not pass.
    pub(crate) refusal: Option<String>,
}

/// A piece of work for the pool of another node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WorkOrder {
    pub(crate) job: JobId,
    pub(crate) consumer: u64,
    pub(crate) attempt: u32,
    pub(crate) task: WireTask,
}

/// What is to be done. The case is known on both sides: it is part of the stored job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum WireTask {
    Evaluate { piece: Piece, candidate: Candidate },
    Propose { key: Digest, model: u32, question: String },
    Embed { key: Digest, text: String },
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum WorkAnswer {
    Evaluated(WireEvaluation),
    Proposed(WireProposal),
    Failed(Failure),
}

/// An evaluation that is durable, without what whoever ordered it knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WireEvaluation {
    key: Digest,
    job: JobId,
    evaluation: Evaluation,
    at: i64,
}

impl WireEvaluation {
    pub(crate) fn new(record: EvaluationRecord) -> Self {
        Self { key: record.key, job: record.job, evaluation: record.evaluation, at: record.at }
    }

    /// The record of what was ordered.
    pub(crate) fn record(self, piece: Piece, case: evohub_evolution::CaseId) -> EvaluationRecord {
        EvaluationRecord {
            key: self.key,
            job: self.job,
            candidate: piece.candidate,
            case,
            split: piece.split,
            repeat: piece.repeat,
            evaluation: self.evaluation,
            at: self.at,
        }
    }
}

/// An answer of the reflection model that is durable.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WireProposal {
    key: Digest,
    job: JobId,
    text: String,
    truncated: bool,
    dollars: f64,
    input_tokens: u64,
    output_tokens: u64,
    at: i64,
}

impl From<ProposalRecord> for WireProposal {
    fn from(record: ProposalRecord) -> Self {
        let ProposalRecord { key, job, text, truncated, dollars, input_tokens, output_tokens, at } = record;
        Self { key, job, text, truncated, dollars, input_tokens, output_tokens, at }
    }
}

impl From<WireProposal> for ProposalRecord {
    fn from(wire: WireProposal) -> Self {
        let WireProposal { key, job, text, truncated, dollars, input_tokens, output_tokens, at } = wire;
        Self { key, job, text, truncated, dollars, input_tokens, output_tokens, at }
    }
}

/// An island of a job, in one of its lives: the fencing token tells them apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct IslandKey {
    pub(crate) job: JobId,
    pub(crate) island: u32,
    pub(crate) token: i64,
}

/// An order to whoever hosts an island, or is to host it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum IslandOrder {
    /// Host it from now on, from its newest checkpoint.
    Host { key: IslandKey, lease: i64, owner: String },
    /// End its search with what there is.
    Finish(IslandKey),
    /// Give nothing more out; answered when nothing is under way and all of it is durable.
    Drain(IslandKey),
    /// End it; answered when what it noted is durable.
    End(IslandKey),
    /// There may be migrants for it in the store.
    Migrants(IslandKey),
}

/// What an island tells the owner of its job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IslandReport {
    pub(crate) key: IslandKey,
    pub(crate) report: PopulationReport,
}

impl WireTask {
    /// What a model is asked beside the evaluations.
    pub(crate) fn of_question(task: &ProposalTask) -> Self {
        let key = task.key;
        match &task.asked {
            Asked::Question { model, request } => {
                let content = |ChatMessage { content, .. }: &ChatMessage| content.clone();
                let question = request.messages.first().map(content).unwrap_or_default();
                Self::Propose { key, model: *model, question }
            }
            Asked::Embedding(text) => Self::Embed { key, text: text.clone() },
        }
    }
}
