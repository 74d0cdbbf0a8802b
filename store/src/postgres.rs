//! A store in a database of a PostgreSQL server, shared by any number of processes on any number of machines.
//!
//! Every operation that writes is one transaction, read committed; the order in which rows are locked is that of jobs
//! before islands, and of keys among results, so that no two block each other for good. An owner is fenced by the row
//! of its island: to note, an island holds that row alone, and a claim waits for all such rows of its job before it is
//! through. So a claim that has returned sees all that was noted before, and nothing is noted after.

mod examination;
mod failure;
mod jobs;
mod journal;
mod leases;
mod opening;
mod ping;
mod records;
mod rows;
mod text;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use evohub_evolution::Digest;
use evohub_monitoring::metrics::Connections;
use sqlx::{PgPool, Postgres, Transaction};

use crate::address::PostgresUrl;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::job::{IslandLease, JobId, JobRecord, JobState, Lease, NewJob, RunningJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, Notes, ProposalRecord,
    Results, Totals,
};
use crate::store::Store;

pub(crate) use examination::examine;

/// How a database is used.
#[derive(Debug, Clone, Default)]
pub struct PostgresConfig {
    /// By what time leases expire: the server's where there is none, so that the clocks of machines do not matter.
    pub clock: Option<Clock>,
}

/// A store in a database of PostgreSQL.
#[derive(Debug)]
pub struct PostgresStore {
    address: String,
    pool: PgPool,
    clock: Option<Clock>,
}

impl PostgresStore {
    /// Opens a database, which must exist, and makes its tables if there are none.
    ///
    /// # Errors
    /// `Incompatible` when something else is there or a newer version wrote it (it is left as it was), `NotWritable`
    /// when it may only be read, `Unavailable` when the server cannot be reached or refuses.
    pub async fn open(url: &PostgresUrl, config: PostgresConfig) -> Result<Self, StoreError> {
        let address = url.to_string();
        let pool = opening::open(url, &address).await?;
        tracing::debug!(address, "store opened");
        Ok(Self { address, pool, clock: config.clock })
    }

    /// The moment that all statements of an operation go by; `None` for the server's own time.
    fn moment(&self) -> Option<i64> {
        self.clock.as_ref().map(Clock::now)
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.pool.begin().await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: impl Into<sqlx::Error>) -> StoreError {
        failure::explained(&self.address, &error.into())
    }

    /// Gives an operation up when the server does not answer: a link may be gone without a word.
    async fn limited<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(opening::OPERATION, operation).await {
            Ok(outcome) => outcome,
            Err(_) => Err(failure::silent(&self.address, opening::OPERATION)),
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn address(&self) -> String {
        self.address.clone()
    }

    async fn identity(&self) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT id FROM identity");
        query.fetch_one(&self.pool).await.map(Some).map_err(|error| self.failed(error))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping_server().await
    }

    fn connections(&self) -> Connections {
        // Counted one after the other: a connection may come free in between.
        let (open, idle) = (u64::from(self.pool.size()), self.pool.num_idle() as u64);
        Connections { busy: open.saturating_sub(idle), idle }
    }

    async fn insert_job(&self, job: &NewJob) -> Result<(), StoreError> {
        self.limited(self.insert_one_job(job)).await
    }

    async fn job(&self, id: &JobId) -> Result<JobRecord, StoreError> {
        self.limited(self.one_job(id)).await
    }

    async fn jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        self.limited(self.all_jobs()).await
    }

    async fn running(&self) -> Result<Vec<RunningJob>, StoreError> {
        self.limited(self.running_jobs()).await
    }

    async fn claim(
        &self,
        job: &JobId,
        owner: &str,
        time: Duration,
        dead: Option<&str>,
    ) -> Result<Lease, StoreError> {
        self.limited(self.claim_job(job, owner, time, dead)).await
    }

    async fn occupy(&self, lease: &Lease, island: u32) -> Result<IslandLease, StoreError> {
        self.limited(self.occupy_island(lease, island)).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, StoreError> {
        self.limited(self.renew_lease(lease, time)).await
    }

    async fn finish(
        &self,
        lease: &Lease,
        state: JobState,
        result: Option<&serde_json::Value>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        self.limited(self.finish_job(lease, state, result, error)).await
    }

    async fn request_stop(&self, job: &JobId) -> Result<(), StoreError> {
        self.limited(self.request_stop_of(job)).await
    }

    async fn keep(&self, results: &Results) -> Result<u64, StoreError> {
        self.limited(self.keep_results(results)).await
    }

    async fn note(&self, lease: &IslandLease, notes: &Notes) -> Result<(), StoreError> {
        self.limited(self.write_notes(lease, notes)).await
    }

    async fn evaluations(&self, keys: &[Digest]) -> Result<HashMap<Digest, EvaluationRecord>, StoreError> {
        self.limited(self.known_evaluations(keys)).await
    }

    async fn proposals(&self, keys: &[Digest]) -> Result<HashMap<Digest, ProposalRecord>, StoreError> {
        self.limited(self.known_proposals(keys)).await
    }

    async fn totals(&self, job: &JobId) -> Result<Totals, StoreError> {
        self.limited(self.totals_of(job)).await
    }

    async fn candidates(&self, job: &JobId) -> Result<Vec<CandidateRecord>, StoreError> {
        self.limited(self.candidates_of(job)).await
    }

    async fn checkpoint(&self, job: &JobId, island: u32) -> Result<Option<CheckpointRecord>, StoreError> {
        self.limited(self.newest_checkpoint(job, island)).await
    }

    async fn history(&self, job: &JobId) -> Result<Vec<HistoryRecord>, StoreError> {
        self.limited(self.history_of(job)).await
    }

    async fn migrants(&self, job: &JobId, to: u32) -> Result<Vec<MigrantRecord>, StoreError> {
        self.limited(self.migrants_to(job, to)).await
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
