//! Durable state of jobs: evaluations, proposals, candidates with their lineage, checkpoints.
//!
//! [`Store`] is the contract.

pub mod error;
pub mod job;
pub mod record;
pub mod store;

pub use error::{StoreError, StoreErrorKind};
pub use job::{JobId, JobRecord, JobState, Lease, NewJob};
pub use record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, JournalBatch, ProposalRecord, Totals,
};
pub use store::Store;
