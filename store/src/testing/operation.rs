//! One call of a store, as a random sequence is made of.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::sample;
use crate::job::{JobId, JobState};
use crate::record::{CandidateRecord, CheckpointRecord, EvaluationRecord, JournalBatch, ProposalRecord};

/// Jobs that operations are about. Few, so that they meet.
pub const JOBS: [&str; 3] = ["alpha", "beta", "beta-2"];

/// Keys of evaluations and proposals, islands, ordinals and sequences are below this.
pub const NUMBERS: u64 = 12;

/// A call.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Inserts a job, perhaps a second time.
    Insert(usize),
    /// Claims a job for one of two owners.
    Claim {
        /// Which job.
        job: usize,
        /// Whether the first owner claims.
        first: bool,
        /// For how long.
        time: Duration,
    },
    /// Renews one of the leases given out so far.
    Renew {
        /// Which, modulo their number.
        lease: usize,
        /// For how long.
        time: Duration,
    },
    /// Ends one of the leases given out so far.
    Finish {
        /// Which, modulo their number.
        lease: usize,
        /// How the job stands.
        state: JobState,
    },
    /// Asks for a stop.
    RequestStop(usize),
    /// Commits under one of the leases given out so far.
    Commit {
        /// Which, modulo their number.
        lease: usize,
        /// What, but for the job, which is that of the lease.
        numbers: Numbers,
    },
    /// Lets time pass.
    Wait(Duration),
}

/// Numbers that a batch is made of: what it is about, and a variation of its content.
#[derive(Debug, Clone)]
pub struct Numbers {
    evaluations: Vec<(u64, u32)>,
    proposals: Vec<(u64, u32)>,
    candidates: Vec<(u32, u64, u32)>,
    checkpoints: Vec<(u32, u64)>,
    points: Vec<(u32, u64, u32)>,
}

impl Numbers {
    /// The batch of a job.
    pub fn batch(&self, job: &JobId) -> JournalBatch {
        let job = job.0.as_str();
        JournalBatch {
            evaluations: self
                .evaluations
                .iter()
                .map(|(number, variant)| evaluation(job, *number, *variant))
                .collect(),
            proposals: self
                .proposals
                .iter()
                .map(|(number, variant)| proposal(job, *number, *variant))
                .collect(),
            candidates: self
                .candidates
                .iter()
                .map(|(island, n, variant)| candidate(job, *island, *n, *variant))
                .collect(),
            checkpoints: self.checkpoints.iter().map(|(island, n)| checkpoint(job, *island, *n)).collect(),
            history: self
                .points
                .iter()
                .map(|(island, n, variant)| {
                    let mut point = sample::point(job, *island, *n);
                    point.population = *variant;
                    point
                })
                .collect(),
        }
    }
}

fn evaluation(job: &str, number: u64, variant: u32) -> EvaluationRecord {
    let mut record = sample::evaluation(job, number);
    record.evaluation.model_calls = variant;
    record
}

fn proposal(job: &str, number: u64, variant: u32) -> ProposalRecord {
    ProposalRecord { input_tokens: variant.into(), ..sample::proposal(job, number) }
}

fn candidate(job: &str, island: u32, ordinal: u64, variant: u32) -> CandidateRecord {
    let generation = variant;
    let validation_score = (variant > 0).then(|| 1.0 / f64::from(variant));
    CandidateRecord { generation, validation_score, ..sample::candidate(job, island, ordinal) }
}

fn checkpoint(job: &str, island: u32, sequence: u64) -> CheckpointRecord {
    sample::checkpoint(job, island, sequence)
}

/// Any call.
pub fn operation() -> impl Strategy<Value = Operation> {
    let job = 0..JOBS.len();
    let lease = 0..8_usize;
    let time = || (0..400_u64).prop_map(Duration::from_millis);
    let state =
        prop::sample::select(vec![JobState::Running, JobState::Stopped, JobState::Done, JobState::Failed]);
    prop_oneof![
        1 => job.clone().prop_map(Operation::Insert),
        3 => (job.clone(), any::<bool>(), time())
            .prop_map(|(job, first, time)| Operation::Claim { job, first, time }),
        2 => (lease.clone(), time()).prop_map(|(lease, time)| Operation::Renew { lease, time }),
        1 => (lease.clone(), state).prop_map(|(lease, state)| Operation::Finish { lease, state }),
        1 => job.prop_map(Operation::RequestStop),
        6 => (lease, numbers()).prop_map(|(lease, numbers)| Operation::Commit { lease, numbers }),
        2 => time().prop_map(Operation::Wait),
    ]
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let keyed = || vec((0..NUMBERS, 0..4_u32), 0..6);
    let placed = || vec((0..2_u32, 0..NUMBERS, 0..4_u32), 0..4);
    (keyed(), keyed(), placed(), vec((0..2_u32, 0..NUMBERS), 0..3), placed()).prop_map(
        |(evaluations, proposals, candidates, checkpoints, points)| Numbers {
            evaluations,
            proposals,
            candidates,
            checkpoints,
            points,
        },
    )
}
