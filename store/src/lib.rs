//! Durable state of jobs: evaluations, proposals, candidates with their lineage, checkpoints.
//!
//! [`Store`] is the contract, [`open`] the way to one: by its [`Address`].

use std::sync::Arc;

pub mod address;
pub mod clock;
pub mod error;
pub mod job;
mod observed;
pub mod record;
pub mod sqlite;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use address::Address;
pub use clock::Clock;
pub use error::{StoreError, StoreErrorKind};
pub use evohub_monitoring::metrics::Connections;
pub use job::{JobId, JobRecord, JobState, Lease, NewJob};
pub use observed::ObservedStore;
pub use record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, JournalBatch, ProposalRecord, Totals,
};
pub use sqlite::{SqliteConfig, SqliteStore};
pub use store::Store;

/// Opens the store at an address, creating it (a file: with its folder) if there is none.
///
/// # Errors
/// `Address` when it names no store, `Incompatible` when something else is there or a newer version wrote it,
/// `NotWritable` or `Unavailable` when it cannot be used.
pub async fn open(address: &str) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(SqliteStore::open(&address.parse()?, SqliteConfig::default()).await?))
}
