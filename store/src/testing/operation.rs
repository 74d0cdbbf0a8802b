//! One call of a store, as a random sequence is made of.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::sample;
use crate::job::{JobId, JobState};
use crate::record::{CandidateRecord, EvaluationRecord, HistoryRecord, Notes, ProposalRecord, Results};

/// Jobs that operations are about. Few, so that they meet.
pub const JOBS: [&str; 3] = ["alpha", "beta", "beta-2"];

/// Keys of evaluations and proposals, ordinals and sequences are below this.
pub const NUMBERS: u64 = 12;

/// How many islands there are.
pub const ISLANDS: u32 = 2;

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
        /// Whether it takes the other for dead.
        over_dead: bool,
        /// For how long.
        time: Duration,
    },
    /// Occupies an island under one of the leases given out so far.
    Occupy {
        /// Which, modulo their number, from the newest.
        lease: usize,
        /// The island.
        island: u32,
    },
    /// Renews one of the leases given out so far.
    Renew {
        /// Which, modulo their number, from the newest.
        lease: usize,
        /// For how long.
        time: Duration,
    },
    /// Ends one of the leases given out so far.
    Finish {
        /// Which, modulo their number, from the newest.
        lease: usize,
        /// How the job stands.
        state: JobState,
    },
    /// Asks for a stop.
    RequestStop(usize),
    /// Keeps results of any jobs.
    Keep(ResultNumbers),
    /// Notes under one of the leases of islands given out so far.
    Note {
        /// Which, modulo their number, from the newest.
        lease: usize,
        /// What, but for job and island, which are those of the lease.
        numbers: NoteNumbers,
    },
    /// Lets time pass.
    Wait(Duration),
}

/// Numbers that results are made of: for each its job, its key, and a variation of its content.
#[derive(Debug, Clone)]
pub struct ResultNumbers {
    evaluations: Vec<(usize, u64, u32)>,
    proposals: Vec<(usize, u64, u32)>,
}

impl ResultNumbers {
    /// The results.
    pub fn results(&self) -> Results {
        let evaluations = self.evaluations.iter();
        let proposals = self.proposals.iter();
        Results {
            evaluations: evaluations.map(|(job, n, variant)| evaluation(JOBS[*job], *n, *variant)).collect(),
            proposals: proposals.map(|(job, n, variant)| proposal(JOBS[*job], *n, *variant)).collect(),
        }
    }
}

/// Numbers that notes are made of: what they are about, and variations of their content.
#[derive(Debug, Clone)]
pub struct NoteNumbers {
    forget_from: Option<u64>,
    candidates: Vec<(u64, u32)>,
    checkpoints: Vec<u64>,
    points: Vec<(u64, u32)>,
    /// Receiver and epoch.
    migrants: Vec<(u32, u32, u32)>,
}

impl NoteNumbers {
    /// The notes of an island of a job.
    pub fn notes(&self, job: &JobId, island: u32) -> Notes {
        let job = job.0.as_str();
        let migrants = self.migrants.iter().map(|(to, epoch, variant)| {
            let mut record = sample::migrants(job, island, *to, *epoch);
            record.body += &variant.to_string();
            record
        });
        Notes {
            forget_from: self.forget_from,
            candidates: self
                .candidates
                .iter()
                .map(|(n, variant)| candidate(job, island, *n, *variant))
                .collect(),
            checkpoints: self.checkpoints.iter().map(|n| sample::checkpoint(job, island, *n)).collect(),
            history: self.points.iter().map(|(n, variant)| point(job, island, *n, *variant)).collect(),
            migrants: migrants.collect(),
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
    let objectives = [("tone".to_owned(), f64::from(variant))].into();
    CandidateRecord { generation, validation_score, objectives, ..sample::candidate(job, island, ordinal) }
}

fn point(job: &str, island: u32, sequence: u64, variant: u32) -> HistoryRecord {
    HistoryRecord { population: variant, ..sample::point(job, island, sequence) }
}

/// Any call.
pub fn operation() -> impl Strategy<Value = Operation> {
    let job = || 0..JOBS.len();
    // Mostly one that may still count.
    let lease = || prop_oneof![3 => 0..2_usize, 1 => 0..8_usize];
    let time = || (0..400_u64).prop_map(Duration::from_millis);
    let state =
        prop::sample::select(vec![JobState::Running, JobState::Stopped, JobState::Done, JobState::Failed]);
    prop_oneof![
        1 => job().prop_map(Operation::Insert),
        3 => (job(), any::<bool>(), any::<bool>(), time()).prop_map(|(job, first, over_dead, time)| {
            Operation::Claim { job, first, over_dead, time }
        }),
        3 => (lease(), 0..ISLANDS).prop_map(|(lease, island)| Operation::Occupy { lease, island }),
        2 => (lease(), time()).prop_map(|(lease, time)| Operation::Renew { lease, time }),
        1 => (lease(), state).prop_map(|(lease, state)| Operation::Finish { lease, state }),
        1 => job().prop_map(Operation::RequestStop),
        4 => results().prop_map(Operation::Keep),
        6 => (lease(), notes()).prop_map(|(lease, numbers)| Operation::Note { lease, numbers }),
        2 => time().prop_map(Operation::Wait),
    ]
}

fn results() -> impl Strategy<Value = ResultNumbers> {
    let of_jobs = |jobs: std::ops::Range<usize>| vec((jobs, 0..NUMBERS, 0..4_u32), 0..6);
    // A job that is not there refuses all: hence often those of one job only.
    (0..JOBS.len()).prop_flat_map(move |job| {
        let any = (of_jobs(0..JOBS.len()), of_jobs(0..JOBS.len()));
        let one = (of_jobs(job..job + 1), of_jobs(job..job + 1));
        prop_oneof![any, one].prop_map(|(evaluations, proposals)| ResultNumbers { evaluations, proposals })
    })
}

fn notes() -> impl Strategy<Value = NoteNumbers> {
    let placed = || vec((0..NUMBERS, 0..4_u32), 0..4);
    let migrants = vec((0..ISLANDS, 1..4_u32, 0..4_u32), 0..4);
    let forget_from = proptest::option::weighted(0.2, 0..NUMBERS);
    (forget_from, placed(), vec(0..NUMBERS, 0..3), placed(), migrants).prop_map(
        |(forget_from, candidates, checkpoints, points, migrants)| NoteNumbers {
            forget_from,
            candidates,
            checkpoints,
            points,
            migrants,
        },
    )
}
