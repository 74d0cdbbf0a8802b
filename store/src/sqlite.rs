//! A store in one file, with no server.
//!
//! One connection writes, a few read. The write-ahead log is flushed with every commit, so that what was
//! committed outlives the process and the machine's power.

mod examination;
mod failure;
mod jobs;
mod journal;
mod leases;
mod opening;
mod ping;
mod records;
mod rows;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use evohub_evolution::Digest;
use evohub_monitoring::metrics::Connections;
use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::address::Address;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::job::{IslandLease, JobId, JobRecord, JobState, Lease, NewJob, RunningJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, Notes, ProposalRecord,
    Results, Totals,
};
use crate::store::Store;

pub(crate) use examination::examine;

/// How a file is used.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    /// By what time leases expire. Processes that share a file should agree on it to within seconds.
    pub clock: Clock,
    /// How long to wait for another process that writes, before giving up with `Unavailable`.
    pub busy_timeout: Duration,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self { clock: Clock::system(), busy_timeout: Duration::from_secs(5) }
    }
}

/// A store in a file of SQLite.
#[derive(Debug)]
pub struct SqliteStore {
    address: String,
    writer: SqlitePool,
    readers: SqlitePool,
    /// A connection that waits for a lock only briefly; `None` where all is one connection.
    pinger: Option<SqlitePool>,
    clock: Clock,
}

impl SqliteStore {
    /// Opens a file, creating it and its folder if there is none.
    ///
    /// # Errors
    /// `Incompatible` when the file is no store or a newer version wrote it (it is left as it was),
    /// `NotWritable`, `Unavailable` when another process keeps it locked.
    pub async fn open(address: &Address, config: SqliteConfig) -> Result<Self, StoreError> {
        let opened = opening::open(address, config.busy_timeout).await?;
        tracing::debug!(address = opened.address, "store opened");
        Ok(Self {
            address: opened.address,
            writer: opened.writer,
            readers: opened.readers,
            pinger: opened.pinger,
            clock: config.clock,
        })
    }

    /// Begins to write, waiting for whoever writes now.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: impl Into<sqlx::Error>) -> StoreError {
        failure::explained(&self.address, &error.into())
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn address(&self) -> String {
        self.address.clone()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping_writer().await
    }

    fn connections(&self) -> Connections {
        // Without a pinger the readers are the writer under another name.
        let others = self.pinger.iter().flat_map(|pinger| [&self.readers, pinger]);
        others.chain([&self.writer]).map(connections_of).fold(Connections::default(), |sum, pool| {
            Connections { busy: sum.busy + pool.busy, idle: sum.idle + pool.idle }
        })
    }

    async fn insert_job(&self, job: &NewJob) -> Result<(), StoreError> {
        self.insert_one_job(job).await
    }

    async fn job(&self, id: &JobId) -> Result<JobRecord, StoreError> {
        self.one_job(id).await
    }

    async fn jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        self.all_jobs().await
    }

    async fn running(&self) -> Result<Vec<RunningJob>, StoreError> {
        self.running_jobs().await
    }

    async fn claim(
        &self,
        job: &JobId,
        owner: &str,
        time: Duration,
        dead: Option<&str>,
    ) -> Result<Lease, StoreError> {
        self.claim_job(job, owner, time, dead).await
    }

    async fn occupy(&self, lease: &Lease, island: u32) -> Result<IslandLease, StoreError> {
        self.occupy_island(lease, island).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, StoreError> {
        self.renew_lease(lease, time).await
    }

    async fn finish(
        &self,
        lease: &Lease,
        state: JobState,
        result: Option<&serde_json::Value>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        self.finish_job(lease, state, result, error).await
    }

    async fn request_stop(&self, job: &JobId) -> Result<(), StoreError> {
        self.request_stop_of(job).await
    }

    async fn keep(&self, results: &Results) -> Result<u64, StoreError> {
        self.keep_results(results).await
    }

    async fn note(&self, lease: &IslandLease, notes: &Notes) -> Result<(), StoreError> {
        self.write_notes(lease, notes).await
    }

    async fn evaluations(&self, keys: &[Digest]) -> Result<HashMap<Digest, EvaluationRecord>, StoreError> {
        self.known_evaluations(keys).await
    }

    async fn proposals(&self, keys: &[Digest]) -> Result<HashMap<Digest, ProposalRecord>, StoreError> {
        self.known_proposals(keys).await
    }

    async fn totals(&self, job: &JobId) -> Result<Totals, StoreError> {
        self.totals_of(job).await
    }

    async fn candidates(&self, job: &JobId) -> Result<Vec<CandidateRecord>, StoreError> {
        self.candidates_of(job).await
    }

    async fn checkpoint(&self, job: &JobId, island: u32) -> Result<Option<CheckpointRecord>, StoreError> {
        self.newest_checkpoint(job, island).await
    }

    async fn history(&self, job: &JobId) -> Result<Vec<HistoryRecord>, StoreError> {
        self.history_of(job).await
    }

    async fn migrants(&self, job: &JobId, to: u32) -> Result<Vec<MigrantRecord>, StoreError> {
        self.migrants_to(job, to).await
    }

    async fn close(&self) {
        // The writer goes last: whoever closes last moves the log into the file.
        self.readers.close().await;
        if let Some(pinger) = &self.pinger {
            pinger.close().await;
        }
        self.writer.close().await;
    }
}

fn connections_of(pool: &SqlitePool) -> Connections {
    // Counted one after the other: a connection may come free in between.
    let (open, idle) = (u64::from(pool.size()), pool.num_idle() as u64);
    Connections { busy: open.saturating_sub(idle), idle }
}
