//! The durable store, and the journal before it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;

use super::declare::Declarations;
use super::durations::{Bounds, Durations, QUICK};
use super::labels::label_set;
use super::name::families;
use super::series::Series;

label_set!(OperationLabels { operation: closed, outcome: closed });
label_set!(OutcomeLabels { outcome: closed });
label_set!(ConnectionLabels { state: closed });

families! {
    SHARED_CACHE_LOOKUPS: Counter<OutcomeLabels> = "shared_cache_lookups",
        "Evaluations that the cache of all nodes was asked for, by whether it had them";
    SHARED_CACHE_WRITES: Counter<OutcomeLabels> = "shared_cache_writes",
        "Evaluations for the cache of all nodes, by whether they were put there";
    STORE_OPERATION: Histogram<OperationLabels> = "store_operation" in "seconds",
        "Time that operations of the store took, by whether they succeeded";
    JOURNAL_BATCH_SIZE: Histogram = "journal_batch_size",
        "Results that became durable in one transaction";
    JOURNAL_LAG: Histogram = "journal_lag" in "seconds",
        "Time from a result's arrival in the journal until it was durable";
    REDIS_UP: Gauge = "redis_up",
        "Whether the Redis that all nodes share answered when it was last asked; absent without one";
    STORE_POOL_CONNECTIONS: Gauge<ConnectionLabels> = "store_pool_connections",
        "Connections to the store, by whether somebody uses them now";
}

/// Connections of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// In use.
    pub busy: u64,
    /// Open and free.
    pub idle: u64,
}

/// Tells the connections of a store, or that it is gone.
type Look = Box<dyn Fn() -> Option<Connections> + Send + Sync>;

/// The durable store, and the journal before it.
#[derive(Debug)]
pub struct StoreMetrics {
    operations: Series<OperationLabels, Durations, Bounds>,
    batch: Histogram,
    lag: Durations,
    pools: Arc<Pools>,
    shared_cache: SharedCacheMetrics,
    redis: Arc<Redis>,
}

/// The cache that all nodes share.
#[derive(Debug, Clone)]
pub struct SharedCacheMetrics {
    /// Evaluations that were found in it.
    pub hits: Counter,
    /// Evaluations that were looked for there and not found, also because it was away.
    pub misses: Counter,
    /// Evaluations that were put there.
    pub written: Counter,
    /// Evaluations that should have been put there and were not: it was away, or too slow for what came.
    pub dropped: Counter,
}

impl StoreMetrics {
    pub(super) fn declare(declare: &mut Declarations) -> Self {
        let sizes = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
        let (pools, redis) = (Arc::new(Pools::default()), Arc::new(Redis::default()));
        let lookups: Series<OutcomeLabels, Counter> = declare.counters(names::SHARED_CACHE_LOOKUPS);
        let writes: Series<OutcomeLabels, Counter> = declare.counters(names::SHARED_CACHE_WRITES);
        let of = |series: &Series<OutcomeLabels, Counter>, outcome: &'static str| {
            series.get(&OutcomeLabels { outcome: outcome.into() })
        };
        let shared_cache = SharedCacheMetrics {
            hits: of(&lookups, "hit"),
            misses: of(&lookups, "miss"),
            written: of(&writes, "written"),
            dropped: of(&writes, "dropped"),
        };
        let metrics = Self {
            operations: declare.durations_by(names::STORE_OPERATION, QUICK),
            batch: declare.histogram(names::JOURNAL_BATCH_SIZE, sizes),
            lag: declare.durations(names::JOURNAL_LAG, QUICK),
            pools: Arc::clone(&pools),
            shared_cache,
            redis: Arc::clone(&redis),
        };
        declare.collector([names::REDIS_UP.declaration()], redis);
        declare.collector([names::STORE_POOL_CONNECTIONS.declaration()], pools);
        metrics
    }

    /// Notes that an operation ended.
    pub fn operation(&self, operation: &'static str, succeeded: bool, took: Duration) {
        let outcome = if succeeded { "success" } else { "failed" };
        let labels = OperationLabels { operation: operation.into(), outcome: outcome.into() };
        self.operations.get(&labels).observe(took);
    }

    /// Notes that a transaction of the journal is durable.
    pub fn journaled(&self, results: usize) {
        self.batch.observe(results as f64);
    }

    /// Notes that a result is durable.
    pub fn journal_lag(&self, lag: Duration) {
        self.lag.observe(lag);
    }

    /// The counters of the cache that all nodes share.
    pub fn shared_cache(&self) -> &SharedCacheMetrics {
        &self.shared_cache
    }

    /// Has it shown whether a shared Redis answers, until `look` says that it is gone.
    pub fn redis(&self, look: impl Fn() -> Option<bool> + Send + Sync + 'static) {
        *self.redis.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(look));
    }

    /// Has the connections of a store shown until `look` says that it is gone.
    pub fn connections(&self, look: impl Fn() -> Option<Connections> + Send + Sync + 'static) {
        self.pools.lock().push(Box::new(look));
    }
}

/// Tells whether a shared Redis answers, or that nobody uses it any more.
type LookAtRedis = Box<dyn Fn() -> Option<bool> + Send + Sync>;

/// The shared Redis of the process.
#[derive(Default)]
struct Redis(Mutex<Option<LookAtRedis>>);

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

impl Collector for Redis {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let look = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Told of in any case, with a value where there is one.
        let family = encoder.encode_descriptor(
            names::REDIS_UP.bare(),
            names::REDIS_UP.help(),
            None,
            MetricType::Gauge,
        )?;
        match look.as_ref().and_then(|look| look()) {
            Some(up) => ConstGauge::new(i64::from(up)).encode(family),
            None => Ok(()),
        }
    }
}

/// The stores of the process.
#[derive(Default)]
struct Pools(Mutex<Vec<Look>>);

impl Pools {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools").finish_non_exhaustive()
    }
}

impl Collector for Pools {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sum = Connections::default();
        self.lock().retain(|look| {
            let Some(Connections { busy, idle }) = look() else { return false };
            sum = Connections { busy: sum.busy + busy, idle: sum.idle + idle };
            true
        });
        let connections = names::STORE_POOL_CONNECTIONS;
        let (name, help) = (connections.bare(), connections.help());
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (state, count) in [("busy", sum.busy), ("idle", sum.idle)] {
            ConstGauge::new(count as i64)
                .encode(family.encode_family(&[(connections.labels().state, state)])?)?;
        }
        Ok(())
    }
}
