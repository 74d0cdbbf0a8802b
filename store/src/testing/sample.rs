//! Records to write, each made of a few numbers and unlike every other.

use evohub_evolution::{Candidate, CandidateId, Digest, Evaluation, Objectives, Split};

use crate::job::{JobId, NewJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, ProposalRecord,
};

/// The id of a job.
pub fn id(job: &str) -> JobId {
    JobId(job.to_owned())
}

/// A job to insert.
pub fn job(id: &str) -> NewJob {
    NewJob {
        id: self::id(id),
        name: format!("name of {id}"),
        algorithm: "genetic".to_owned(),
        spec: serde_json::json!({ "seed": 7, "rate": 0.1, "cases": ["a", "ü", null] }),
        created_at: 1_700_000_000_000,
    }
}

/// A content hash.
pub fn digest(kind: &str, number: u64) -> Digest {
    Digest::of_fields([kind.as_bytes(), number.to_le_bytes().as_slice()])
}

/// An evaluation. Its price is a sum of few powers of two, so that totals are exact in any order.
pub fn evaluation(job: &str, number: u64) -> EvaluationRecord {
    EvaluationRecord {
        key: digest("evaluation", number),
        job: id(job),
        candidate: digest("candidate", number / 100),
        case: digest("case", number % 100),
        split: [Split::Train, Split::Validation, Split::Test][(number % 3) as usize],
        repeat: (number % 2) as u32,
        evaluation: Evaluation {
            objectives: Objectives {
                score: 1.0 / (number + 1) as f64,
                dollars: (number % 1024) as f64 / 1024.0,
                latency_seconds: 0.1 + number as f64,
                output_length: 64,
                named: [("tone".to_owned(), 0.1 * number as f64)].into(),
            },
            output: format!("the answer number {number}, of a length that is usual for short answers"),
            feedback: format!("expected {}, got {number}", number + 1),
            input_tokens: 300 + number % 7,
            output_tokens: 20 + number % 5,
            model_calls: 1 + (number % 2) as u32,
        },
        at: 1_700_000_000_000 + number as i64,
    }
}

/// A proposal.
pub fn proposal(job: &str, number: u64) -> ProposalRecord {
    ProposalRecord {
        key: digest("proposal", number),
        job: id(job),
        text: format!("```\nanswer with {number}\n```"),
        truncated: number.is_multiple_of(7),
        dollars: (number % 16) as f64 / 16.0,
        input_tokens: 1000 + number,
        output_tokens: 100 + number,
        at: 1_700_000_000_000 + number as i64,
    }
}

/// A candidate with its lineage, born as the `ordinal`th of an island.
pub fn candidate(job: &str, island: u32, ordinal: u64) -> CandidateRecord {
    let text = format!("instruction {ordinal} of island {island}");
    let parents: Vec<CandidateId> = (0..ordinal.min(2)).map(|parent| digest("parent", parent)).collect();
    CandidateRecord {
        job: id(job),
        island,
        ordinal,
        candidate: Candidate::from_instruction(text).expect("it has text"),
        operator: if parents.is_empty() { "seed" } else { "crossover" }.to_owned(),
        parents,
        generation: ordinal as u32 / 4,
        validation_score: (ordinal % 2 == 1).then_some(1.0 / (ordinal + 2) as f64),
        validation_cases: ordinal as u32 % 9,
        objectives: [("length".to_owned(), 1.0 / (ordinal + 3) as f64)].into(),
        outcome: "kept".to_owned(),
    }
}

/// A checkpoint of an island.
pub fn checkpoint(job: &str, island: u32, sequence: u64) -> CheckpointRecord {
    CheckpointRecord { job: id(job), island, sequence, body: format!("{{\"sequence\":{sequence}}}") }
}

/// A point of an island's curves.
pub fn point(job: &str, island: u32, sequence: u64) -> HistoryRecord {
    HistoryRecord {
        job: id(job),
        island,
        sequence,
        evaluations: sequence * 10,
        dollars: sequence as f64 / 3.0,
        best: 0.9,
        mean: 0.1 * (sequence % 10) as f64,
        diversity: 1.0 / 3.0,
        population: 16,
        at: 1_700_000_000_000 + sequence as i64,
    }
}

/// Candidates that one island sent to another.
pub fn migrants(job: &str, from: u32, to: u32, epoch: u32) -> MigrantRecord {
    MigrantRecord { job: id(job), from, to, epoch, body: format!("[\"of {from} to {to}, {epoch}\"]") }
}
