//! A cache of evaluations that all nodes share, before the store that they share.

mod value;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evohub_evolution::Digest;
use evohub_monitoring::metrics::{Connections, Metrics, SharedCacheMetrics};

use crate::error::StoreError;
use crate::job::{IslandLease, JobId, JobRecord, JobState, Lease, NewJob, RunningJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, Notes, ProposalRecord,
    Results, Totals,
};
use crate::store::Store;
use crate::tier::{Tier, TierState};

use writer::Writer;

/// How long a look-up waits for the cache before it asks the store.
const LOOK_UP: Duration = Duration::from_millis(100);

/// How the cache is used.
#[derive(Debug, Clone, Copy)]
pub struct CacheConfig {
    /// How long a value stays in the cache after it was put there.
    pub time_to_live: Duration,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { time_to_live: Duration::from_secs(7 * 24 * 3600) }
    }
}

/// What the cache was good for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Evaluations that were found in it.
    pub hits: u64,
    /// Evaluations that were looked for there and not found, also because it was away.
    pub misses: u64,
    /// Evaluations that were put there.
    pub written: u64,
    /// Evaluations that should have been put there and were not: it was away, or too slow for what came.
    pub dropped: u64,
}

/// A store whose evaluations are looked for in a shared Redis first, and otherwise the store itself. While Redis is
/// away, the store alone answers.
///
/// The cache holds nothing that the store does not: it is written after the store, and only with what the store took or
/// gave.
pub struct CachedStore {
    store: Arc<dyn Store>,
    tier: Arc<Tier>,
    counters: SharedCacheMetrics,
    writer: Writer,
}

impl CachedStore {
    /// Puts a cache before a store. Must be called within a tokio runtime: a task writes to the cache for as long as
    /// the store is in use. What it is good for is counted in `metrics`.
    pub fn new(store: Arc<dyn Store>, tier: Arc<Tier>, config: CacheConfig, metrics: &Metrics) -> Self {
        let counters = metrics.store.shared_cache().clone();
        let watched = Arc::downgrade(&tier);
        metrics.store.redis(move || Some(watched.upgrade()?.state() == TierState::Reachable));
        let writer = Writer::start(Arc::clone(&tier), config, counters.clone());
        Self { store, tier, counters, writer }
    }

    /// Whether the cache answers.
    pub fn tier_state(&self) -> TierState {
        self.tier.state()
    }

    /// What the caches of the process were good for until now.
    pub fn counts(&self) -> CacheCounts {
        let SharedCacheMetrics { hits, misses, written, dropped } = &self.counters;
        CacheCounts { hits: hits.get(), misses: misses.get(), written: written.get(), dropped: dropped.get() }
    }

    /// Those of the evaluations that the cache knows. Never fails: what cannot be had is not known.
    async fn cached(&self, keys: &[Digest]) -> HashMap<Digest, EvaluationRecord> {
        let Some(mut attempt) = self.tier.attempt() else { return HashMap::new() };
        let mut question = redis::cmd("MGET");
        question.arg(keys.iter().map(|key| value::name(*key)).collect::<Vec<_>>());
        let generation = attempt.generation();
        let answer = question.query_async(&mut attempt.connection);
        let values: Vec<Option<Vec<u8>>> =
            self.tier.answer(generation, LOOK_UP, answer).await.unwrap_or_default();
        let found = keys.iter().zip(values).filter_map(|(key, value)| value::read(*key, &value?));
        found.map(|record| (record.key, record)).collect()
    }
}

#[async_trait]
impl Store for CachedStore {
    fn address(&self) -> String {
        self.store.address()
    }

    async fn identity(&self) -> Result<Option<String>, StoreError> {
        self.store.identity().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    fn connections(&self) -> Connections {
        self.store.connections()
    }

    async fn insert_job(&self, job: &NewJob) -> Result<(), StoreError> {
        self.store.insert_job(job).await
    }

    async fn job(&self, id: &JobId) -> Result<JobRecord, StoreError> {
        self.store.job(id).await
    }

    async fn jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        self.store.jobs().await
    }

    async fn running(&self) -> Result<Vec<RunningJob>, StoreError> {
        self.store.running().await
    }

    async fn claim(
        &self,
        job: &JobId,
        owner: &str,
        time: Duration,
        dead: Option<&str>,
    ) -> Result<Lease, StoreError> {
        self.store.claim(job, owner, time, dead).await
    }

    async fn occupy(&self, lease: &Lease, island: u32) -> Result<IslandLease, StoreError> {
        self.store.occupy(lease, island).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, StoreError> {
        self.store.renew(lease, time).await
    }

    async fn finish(
        &self,
        lease: &Lease,
        state: JobState,
        result: Option<&serde_json::Value>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        self.store.finish(lease, state, result, error).await
    }

    async fn request_stop(&self, job: &JobId) -> Result<(), StoreError> {
        self.store.request_stop(job).await
    }

    async fn keep(&self, results: &Results) -> Result<u64, StoreError> {
        let known = self.store.keep(results).await?;
        // Where some were known, the store holds others under their keys: it will say which when they are asked for.
        if known == 0 {
            self.writer.write(results.evaluations.iter());
        }
        Ok(known)
    }

    async fn note(&self, lease: &IslandLease, notes: &Notes) -> Result<(), StoreError> {
        self.store.note(lease, notes).await
    }

    async fn evaluations(&self, keys: &[Digest]) -> Result<HashMap<Digest, EvaluationRecord>, StoreError> {
        let mut asked = keys.to_vec();
        asked.sort_unstable();
        asked.dedup();
        if asked.is_empty() {
            return self.store.evaluations(keys).await;
        }
        let mut found = self.cached(&asked).await;
        self.counters.hits.inc_by(found.len() as u64);
        asked.retain(|key| !found.contains_key(key));
        if asked.is_empty() {
            return Ok(found);
        }
        self.counters.misses.inc_by(asked.len() as u64);
        let stored = self.store.evaluations(&asked).await?;
        self.writer.write(stored.values());
        found.extend(stored);
        Ok(found)
    }

    async fn proposals(&self, keys: &[Digest]) -> Result<HashMap<Digest, ProposalRecord>, StoreError> {
        self.store.proposals(keys).await
    }

    async fn totals(&self, job: &JobId) -> Result<Totals, StoreError> {
        self.store.totals(job).await
    }

    async fn candidates(&self, job: &JobId) -> Result<Vec<CandidateRecord>, StoreError> {
        self.store.candidates(job).await
    }

    async fn checkpoint(&self, job: &JobId, island: u32) -> Result<Option<CheckpointRecord>, StoreError> {
        self.store.checkpoint(job, island).await
    }

    async fn history(&self, job: &JobId) -> Result<Vec<HistoryRecord>, StoreError> {
        self.store.history(job).await
    }

    async fn migrants(&self, job: &JobId, to: u32) -> Result<Vec<MigrantRecord>, StoreError> {
        self.store.migrants(job, to).await
    }

    async fn close(&self) {
        self.writer.close().await;
        self.store.close().await;
    }
}
