//! Durable state of jobs: evaluations, proposals, candidates with their lineage, checkpoints.
//!
//! [`Store`] is the contract, [`open`] the way to one: by its [`Address`]. Nodes that share a store in PostgreSQL may
//! share a Redis, too, that any of them can do without: [`CachedStore`] puts a cache of evaluations there, and [`Quota`]
//! keeps one rate of calls to a provider for all.

use std::sync::Arc;

pub mod address;
mod cached;
mod checks;
pub mod clock;
pub mod error;
mod examination;
mod holder;
pub mod job;
mod migrations;
mod observed;
pub mod postgres;
mod quota;
mod reading;
pub mod record;
mod schema;
pub mod sqlite;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod tier;

pub use address::{Address, PostgresUrl};
pub use cached::{CacheConfig, CacheCounts, CachedStore};
pub use clock::Clock;
pub use error::{StoreError, StoreErrorKind};
pub use evohub_monitoring::metrics::Connections;
pub use examination::{
    Examination, FileExamination, PostgresExamination, RedisExamination, examine, examine_redis,
};
pub use job::{IslandLease, JobId, JobRecord, JobState, Lease, NewJob, RunningJob};
pub use observed::ObservedStore;
pub use postgres::{PostgresConfig, PostgresStore};
pub use quota::{Quota, QuotaAway, QuotaLimits};
pub use record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, Notes, ProposalRecord,
    Results, Totals,
};
pub use schema::SchemaState;
pub use sqlite::{SqliteConfig, SqliteStore};
pub use store::Store;
pub use tier::{Tier, TierState};

/// Opens the store at an address, creating it (a file: with its folder; a database must exist) if there is none.
///
/// # Errors
/// `Address` when it names no store, `Incompatible` when something else is there or a newer version wrote it,
/// `NotWritable` or `Unavailable` when it cannot be used.
pub async fn open(address: &str) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match address.parse()? {
        Address::Postgres(url) => Arc::new(PostgresStore::open(&url, PostgresConfig::default()).await?),
        file => Arc::new(SqliteStore::open(&file, SqliteConfig::default()).await?),
    })
}
