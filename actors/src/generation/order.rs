//! What a generation is asked to do, and what it tells whoever asked.

use evohub_evolution::{Answer, CandidateId, Evaluation, Failure, Piece, ProposalId};
use evohub_store::{JobId, ProposalRecord};

use crate::evaluator::{EvaluationTask, ProposalTask};

/// What is to be done.
#[derive(Clone)]
pub(crate) enum Order {
    Evaluate(EvaluationTask),
    Propose(ProposalId, ProposalTask),
    Embed(CandidateId, ProposalTask),
}

/// What a generation tells whoever ordered.
pub(crate) enum GenerationReport {
    /// So many pieces of work can be under way at once now.
    Places(usize),
    /// A measurement is durable; the last field says whether this job paid for it.
    Evaluated(Piece, Evaluation, bool),
    /// A measurement is set aside.
    EvaluationFailed(Piece, Failure),
    /// An answer is durable.
    Proposed(ProposalId, Answer),
    /// A question is set aside.
    ProposalFailed(ProposalId, Failure),
    /// An embedding is durable.
    Embedded(CandidateId, Answer),
    /// An embedding is set aside.
    EmbeddingFailed(CandidateId, Failure),
    /// An attempt failed and will be repeated.
    Retried(Failure),
    /// Nothing of the kind can succeed.
    GivenUp(Failure),
}

/// What a record says, with what the job paid for it.
pub(super) fn answer(record: ProposalRecord, job: &JobId) -> Answer {
    let paid = record.job == *job;
    Answer {
        text: record.text,
        truncated: record.truncated,
        dollars: if paid { record.dollars } else { 0.0 },
        price: record.dollars,
        tokens: if paid { record.input_tokens + record.output_tokens } else { 0 },
    }
}
