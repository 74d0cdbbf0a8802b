//! Calls of language models.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::declare::Declarations;
use super::durations::{Bounds, Durations, QUICK, SLOW};
use super::labels::{Value, label_set, open};
use super::name::families;
use super::series::Series;
use super::share::GaugeShare;

label_set!(ModelLabels { provider: open, model: open });
label_set!(CallLabels { provider: open, model: open, outcome: open });
label_set!(TokenLabels { provider: open, model: open, direction: closed });
label_set!(RetryLabels { provider: open, model: open, error_type: open });
label_set!(LimitLabels { provider: open, kind: closed });
label_set!(OverheadLabels { cause: closed });

families! {
    LLM_API_CALLS: Counter<CallLabels> = "llm_api_calls",
        "Calls of a model, its retries within; `outcome` is `success` or the type of the error";
    LLM_API_COST: Counter<ModelLabels> = "llm_api_cost" in "dollars",
        "US dollars that calls cost, where a price is known";
    LLM_TOKENS: Counter<TokenLabels> = "llm_tokens",
        "Tokens of successful calls; `direction` is `input` (of which `cached` were ready) or `output`";
    LLM_API_DURATION: Histogram<ModelLabels> = "llm_api_duration" in "seconds",
        "Time of the attempt that succeeded, from sending to the whole answer";
    LLM_API_RETRIES: Counter<RetryLabels> = "llm_api_retries",
        "Attempts at a call that failed and were made again, by the type of the error";
    LLM_API_IN_FLIGHT: Gauge<ModelLabels> = "llm_api_in_flight",
        "Calls under way, those that wait for a place within the provider's limits included";
    LLM_API_LIMIT: Gauge<LimitLabels> = "llm_api_limit",
        "What the provider allows now, as far as it is known: calls at once, requests and tokens a minute";
    LLM_OVERHEAD: Histogram<OverheadLabels> = "llm_overhead" in "seconds",
        "Time that successful calls took on top of the provider's: for its limits, for retries, for our own \
         work";
}

type Dollars = Counter<f64, AtomicU64>;

/// What a provider limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// Calls in flight.
    Concurrency,
    /// Requests a minute.
    RequestsPerMinute,
    /// Tokens a minute.
    TokensPerMinute,
}

/// What adds to a call beside the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverheadCause {
    /// Waiting for a place within the provider's limits.
    Limits,
    /// Attempts that failed before, and the pauses after them.
    Retries,
    /// The rest: our own work.
    Work,
}

/// Calls of language models.
#[derive(Debug)]
pub struct LlmMetrics {
    calls: Series<CallLabels, Counter>,
    cost: Series<ModelLabels, Dollars>,
    tokens: Series<TokenLabels, Counter>,
    duration: Series<ModelLabels, Durations, Bounds>,
    retries: Series<RetryLabels, Counter>,
    in_flight: Series<ModelLabels, Gauge>,
    limit: Series<LimitLabels, Gauge>,
    overhead: Series<OverheadLabels, Histogram, Bounds>,
}

impl LlmMetrics {
    pub(super) fn declare(declare: &mut Declarations) -> Self {
        Self {
            calls: declare.counters(names::LLM_API_CALLS),
            cost: declare.family(names::LLM_API_COST, Family::default()),
            tokens: declare.counters(names::LLM_TOKENS),
            duration: declare.durations_by(names::LLM_API_DURATION, SLOW),
            retries: declare.counters(names::LLM_API_RETRIES),
            in_flight: declare.gauges(names::LLM_API_IN_FLIGHT),
            limit: declare.gauges(names::LLM_API_LIMIT),
            overhead: declare.histograms(names::LLM_OVERHEAD, QUICK),
        }
    }

    /// The figures of a model.
    pub fn model(&self, provider: &str, model: &str) -> ModelMetrics {
        let (provider, model) = (open(provider), open(model));
        let labels = ModelLabels { provider: provider.clone(), model: model.clone() };
        let tokens = |direction: &'static str| {
            let labels =
                TokenLabels { provider: provider.clone(), model: model.clone(), direction: direction.into() };
            self.tokens.get(&labels)
        };
        let overhead = |cause: &'static str| self.overhead.get(&OverheadLabels { cause: cause.into() });
        ModelMetrics {
            calls: self.calls.clone(),
            cost: self.cost.get(&labels),
            tokens: [tokens("input"), tokens("cached"), tokens("output")],
            duration: self.duration.get(&labels),
            retries: self.retries.clone(),
            in_flight: self.in_flight.get(&labels),
            overhead: [overhead("limits"), overhead("retries"), overhead("work")],
            provider,
            model,
        }
    }

    /// What a provider allows of a kind; the sum over all who use the provider.
    pub fn limit(&self, provider: &str, kind: LimitKind) -> GaugeShare {
        let kind = match kind {
            LimitKind::Concurrency => "concurrency",
            LimitKind::RequestsPerMinute => "requests_per_minute",
            LimitKind::TokensPerMinute => "tokens_per_minute",
        };
        GaugeShare::new(self.limit.get(&LimitLabels { provider: open(provider), kind: kind.into() }))
    }
}

/// The figures of one model.
#[derive(Debug, Clone)]
pub struct ModelMetrics {
    provider: Value,
    model: Value,
    calls: Series<CallLabels, Counter>,
    cost: Dollars,
    tokens: [Counter; 3],
    duration: Durations,
    retries: Series<RetryLabels, Counter>,
    in_flight: Gauge,
    overhead: [Histogram; 3],
}

impl ModelMetrics {
    /// A call begins; it is under way until the guard is dropped.
    pub fn begin(&self) -> CallInFlight {
        self.in_flight.inc();
        CallInFlight(self.in_flight.clone())
    }

    /// A call ended: `success`, or the type of its error.
    pub fn called(&self, outcome: &str) {
        let (provider, model) = (self.provider.clone(), self.model.clone());
        self.calls.get(&CallLabels { provider, model, outcome: open(outcome) }).inc();
    }

    /// What a successful call took: tokens (cached ones are part of the input), dollars, and the provider's time.
    pub fn used(&self, input: u64, cached: u64, output: u64, dollars: f64, latency: Duration) {
        for (counter, count) in self.tokens.iter().zip([input, cached, output]) {
            counter.inc_by(count);
        }
        // A counter cannot go down.
        self.cost.inc_by(dollars.max(0.0));
        self.duration.observe(latency);
    }

    /// What a successful call took on top.
    pub fn overhead(&self, cause: OverheadCause, time: Duration) {
        self.overhead[cause as usize].observe(time.as_secs_f64());
    }

    /// An attempt failed and will be made again.
    pub fn retried(&self, error_type: &str) {
        let (provider, model) = (self.provider.clone(), self.model.clone());
        self.retries.get(&RetryLabels { provider, model, error_type: open(error_type) }).inc();
    }
}

/// A call under way.
#[derive(Debug)]
pub struct CallInFlight(Gauge);

impl Drop for CallInFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
