//! Measurements of candidates.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use super::declare::Declarations;
use super::durations::{Durations, QUICK, SLOW};
use super::labels::{label_set, open};
use super::name::families;
use super::series::Series;

label_set!(OutcomeLabels { outcome: closed });
label_set!(FailureLabels { error_type: open });
label_set!(TierLabels { tier: closed });
label_set!(SavedLabels { by: closed });

families! {
    PROMPT_EVALUATIONS: Counter<OutcomeLabels> = "prompt_evaluations",
        "Evaluations of a candidate on a case: `success` was measured and is durable, `cached` was known, \
         `failed` is an attempt that failed (one that is tried again counts each time)";
    PROMPT_EVALUATIONS_FAILED: Counter<FailureLabels> = "prompt_evaluations_failed",
        "Attempts at an evaluation that failed, by cause";
    EVALUATION_DURATION: Histogram = "evaluation_duration" in "seconds",
        "Time of an attempt at an evaluation: model calls and scoring, queues left out";
    EVALUATION_QUEUE_WAIT: Histogram = "evaluation_queue_wait" in "seconds",
        "Time an evaluation waited in the pool for a worker";
    EVALUATION_CACHE_HITS: Counter<TierLabels> = "evaluation_cache_hits",
        "Evaluations whose result was known";
    EVALUATION_CACHE_MISSES: Counter<TierLabels> = "evaluation_cache_misses",
        "Evaluations looked up whose result was not known";
    EVALUATIONS_SAVED: Counter<SavedLabels> = "evaluations_saved",
        "Evaluations that were not needed, by what made them unnecessary";
}

/// Where a result that is known already was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheTier {
    /// Another evaluation of the same content was under way in this process.
    InFlight,
    /// The durable store.
    Store,
}

impl CacheTier {
    fn as_str(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::Store => "store",
        }
    }
}

/// What made an evaluation unnecessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavedBy {
    /// Its result was known.
    Cache,
    /// Its candidate fell at the minibatch gate.
    MinibatchGate,
    /// Its candidate fell in the race.
    Racing,
}

impl SavedBy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::MinibatchGate => "minibatch_gate",
            Self::Racing => "racing",
        }
    }
}

/// Measurements of candidates.
#[derive(Debug)]
pub struct EvaluationMetrics {
    succeeded: Counter,
    failed: Counter,
    cached: Counter,
    failures: Series<FailureLabels, Counter>,
    duration: Durations,
    queue_wait: Durations,
    hits: Series<TierLabels, Counter>,
    misses: Series<TierLabels, Counter>,
    saved: Series<SavedLabels, Counter>,
}

impl EvaluationMetrics {
    pub(super) fn declare(declare: &mut Declarations) -> Self {
        let outcomes: Series<OutcomeLabels, Counter> = declare.counters(names::PROMPT_EVALUATIONS);
        let outcome = |outcome: &'static str| outcomes.get(&OutcomeLabels { outcome: outcome.into() });
        Self {
            succeeded: outcome("success"),
            failed: outcome("failed"),
            cached: outcome("cached"),
            failures: declare.counters(names::PROMPT_EVALUATIONS_FAILED),
            duration: declare.durations(names::EVALUATION_DURATION, SLOW),
            queue_wait: declare.durations(names::EVALUATION_QUEUE_WAIT, QUICK),
            hits: declare.counters(names::EVALUATION_CACHE_HITS),
            misses: declare.counters(names::EVALUATION_CACHE_MISSES),
            saved: declare.counters(names::EVALUATIONS_SAVED),
        }
    }

    /// An evaluation was measured and is durable.
    pub fn succeeded(&self) {
        self.succeeded.inc();
    }

    /// The result of an evaluation was known.
    pub fn cached(&self, tier: CacheTier) {
        self.cached.inc();
        self.hits.get(&TierLabels { tier: tier.as_str().into() }).inc();
        self.saved(SavedBy::Cache, 1);
    }

    /// Results were looked up and not found.
    pub fn missed(&self, tier: CacheTier, count: u64) {
        self.misses.get(&TierLabels { tier: tier.as_str().into() }).inc_by(count);
    }

    /// An attempt failed.
    pub fn failed(&self, error_type: &str) {
        self.failed.inc();
        self.failures.get(&FailureLabels { error_type: open(error_type) }).inc();
    }

    /// An attempt took so long.
    pub fn took(&self, duration: Duration) {
        self.duration.observe(duration);
    }

    /// An evaluation waited so long for a worker.
    pub fn waited(&self, duration: Duration) {
        self.queue_wait.observe(duration);
    }

    /// Evaluations were not needed.
    pub fn saved(&self, by: SavedBy, count: u64) {
        self.saved.get(&SavedLabels { by: by.as_str().into() }).inc_by(count);
    }
}
