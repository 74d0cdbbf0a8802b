//! Watches a store: how long its operations take, and its connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use evohub_evolution::Digest;
use evohub_monitoring::metrics::{Connections, Metrics};

use crate::error::StoreError;
use crate::job::{IslandLease, JobId, JobRecord, JobState, Lease, NewJob, RunningJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, Notes, ProposalRecord,
    Results, Totals,
};
use crate::store::Store;

/// A store whose operations are timed, and otherwise the store itself. An operation that nobody waits for to its end
/// is not counted.
pub struct ObservedStore {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl ObservedStore {
    /// Watches a store. Its connections are shown for as long as it is in use.
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        let watched = Arc::downgrade(&store);
        metrics.store.connections(move || Some(watched.upgrade()?.connections()));
        Self { store, metrics }
    }

    async fn timed<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let start = Instant::now();
        let outcome = work.await;
        self.metrics.store.operation(operation, outcome.is_ok(), start.elapsed());
        outcome
    }
}

#[async_trait]
impl Store for ObservedStore {
    fn address(&self) -> String {
        self.store.address()
    }

    async fn identity(&self) -> Result<Option<String>, StoreError> {
        self.store.identity().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.timed("ping", self.store.ping()).await
    }

    fn connections(&self) -> Connections {
        self.store.connections()
    }

    async fn insert_job(&self, job: &NewJob) -> Result<(), StoreError> {
        self.timed("insert_job", self.store.insert_job(job)).await
    }

    async fn job(&self, id: &JobId) -> Result<JobRecord, StoreError> {
        self.timed("job", self.store.job(id)).await
    }

    async fn jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        self.timed("jobs", self.store.jobs()).await
    }

    async fn running(&self) -> Result<Vec<RunningJob>, StoreError> {
        self.timed("running", self.store.running()).await
    }

    async fn claim(
        &self,
        job: &JobId,
        owner: &str,
        time: Duration,
        dead: Option<&str>,
    ) -> Result<Lease, StoreError> {
        self.timed("claim", self.store.claim(job, owner, time, dead)).await
    }

    async fn occupy(&self, lease: &Lease, island: u32) -> Result<IslandLease, StoreError> {
        self.timed("occupy", self.store.occupy(lease, island)).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, StoreError> {
        self.timed("renew", self.store.renew(lease, time)).await
    }

    async fn finish(
        &self,
        lease: &Lease,
        state: JobState,
        result: Option<&serde_json::Value>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        self.timed("finish", self.store.finish(lease, state, result, error)).await
    }

    async fn request_stop(&self, job: &JobId) -> Result<(), StoreError> {
        self.timed("request_stop", self.store.request_stop(job)).await
    }

    async fn keep(&self, results: &Results) -> Result<u64, StoreError> {
        self.timed("keep", self.store.keep(results)).await
    }

    async fn note(&self, lease: &IslandLease, notes: &Notes) -> Result<(), StoreError> {
        self.timed("note", self.store.note(lease, notes)).await
    }

    async fn evaluations(&self, keys: &[Digest]) -> Result<HashMap<Digest, EvaluationRecord>, StoreError> {
        self.timed("evaluations", self.store.evaluations(keys)).await
    }

    async fn proposals(&self, keys: &[Digest]) -> Result<HashMap<Digest, ProposalRecord>, StoreError> {
        self.timed("proposals", self.store.proposals(keys)).await
    }

    async fn totals(&self, job: &JobId) -> Result<Totals, StoreError> {
        self.timed("totals", self.store.totals(job)).await
    }

    async fn candidates(&self, job: &JobId) -> Result<Vec<CandidateRecord>, StoreError> {
        self.timed("candidates", self.store.candidates(job)).await
    }

    async fn checkpoint(&self, job: &JobId, island: u32) -> Result<Option<CheckpointRecord>, StoreError> {
        self.timed("checkpoint", self.store.checkpoint(job, island)).await
    }

    async fn history(&self, job: &JobId) -> Result<Vec<HistoryRecord>, StoreError> {
        self.timed("history", self.store.history(job)).await
    }

    async fn migrants(&self, job: &JobId, to: u32) -> Result<Vec<MigrantRecord>, StoreError> {
        self.timed("migrants", self.store.migrants(job, to)).await
    }

    async fn close(&self) {
        let start = Instant::now();
        self.store.close().await;
        self.metrics.store.operation("close", true, start.elapsed());
    }
}
