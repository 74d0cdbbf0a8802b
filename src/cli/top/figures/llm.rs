//! Calls of language models.

use serde::Serialize;

use super::{SUCCESS, Span, latency, share, whole};
use crate::cli::top::counts::Counts;
use crate::cli::top::histogram::{Histogram, Latency};
use crate::cli::top::reading::{Limit, Model, Reading};

/// What limits calls at once, as the page spells it.
const CONCURRENCY: &str = "concurrency";

/// Calls of language models, in counts since the start of the process.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LlmFigures {
    /// Calls by outcome: `success`, or the type of the error.
    pub(crate) calls: Counts,
    pub(crate) calls_per_second: Option<f64>,
    /// The share of calls that failed, 0 to 1.
    pub(crate) error_rate: Option<f64>,
    pub(crate) retries: u64,
    pub(crate) dollars: f64,
    pub(crate) dollars_per_minute: Option<f64>,
    /// Tokens by direction: `input` (of which `cached` were ready) and `output`.
    pub(crate) tokens: Counts,
    /// Of input and output together.
    pub(crate) tokens_per_second: Option<f64>,
    pub(crate) in_flight: u64,
    /// What the providers allow at once, together; `None` where it is not known.
    pub(crate) in_flight_limit: Option<u64>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) duration: Latency,
    /// Time that was added to the calls.
    pub(crate) overhead: Latency,
    pub(crate) models: Vec<ModelFigures>,
}

/// One model.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ModelFigures {
    /// Its provider and its name, `provider:model`.
    pub(crate) model: String,
    pub(crate) calls: u64,
    pub(crate) calls_per_second: Option<f64>,
    pub(crate) error_rate: Option<f64>,
    pub(crate) retries: u64,
    pub(crate) dollars: f64,
    pub(crate) tokens: u64,
    pub(crate) tokens_per_second: Option<f64>,
    pub(crate) in_flight: u64,
    pub(crate) duration: Latency,
}

impl LlmFigures {
    pub(super) fn new(now: &Reading, recent: Option<Span<'_>>, minute: Option<Span<'_>>) -> Self {
        let all = together(now);
        let came = |span: Span<'_>| Growth::between(&all, &together(span.since));
        let (lately, in_minute) = (recent.map(came), minute.map(came));
        let concurrency = now.limits.iter().filter(|limit| limit.kind == CONCURRENCY);
        let limit = concurrency.map(|limit| limit.limit).reduce(|sum, limit| sum + limit);
        let models = now.models.iter().map(|(name, model)| ModelFigures::new(name, model, recent, minute));
        Self {
            calls_per_second: rate(recent, &lately, |growth| growth.calls.total() as f64),
            error_rate: in_minute.as_ref().and_then(Growth::error_rate),
            retries: all.retries,
            dollars: all.dollars,
            dollars_per_minute: rate(minute, &in_minute, |growth| growth.dollars * 60.0),
            tokens_per_second: rate(recent, &lately, |growth| growth.tokens),
            in_flight: whole(all.in_flight),
            in_flight_limit: limit.map(whole),
            limits: now.limits.clone(),
            duration: in_minute.map_or_else(Latency::default, |growth| growth.duration.latency()),
            overhead: latency(minute, |since| now.llm_overhead.since(&since.llm_overhead)),
            models: models.collect(),
            calls: all.calls,
            tokens: all.tokens,
        }
    }
}

impl ModelFigures {
    fn new(name: &str, now: &Model, recent: Option<Span<'_>>, minute: Option<Span<'_>>) -> Self {
        let nothing = Model::default();
        let came = |span: Span<'_>| Growth::between(now, span.since.models.get(name).unwrap_or(&nothing));
        let (lately, in_minute) = (recent.map(came), minute.map(came));
        Self {
            model: name.to_owned(),
            calls: now.calls.total(),
            calls_per_second: rate(recent, &lately, |growth| growth.calls.total() as f64),
            error_rate: in_minute.as_ref().and_then(Growth::error_rate),
            retries: now.retries,
            dollars: now.dollars,
            tokens: tokens(&now.tokens),
            tokens_per_second: rate(recent, &lately, |growth| growth.tokens),
            in_flight: whole(now.in_flight),
            duration: in_minute.map_or_else(Latency::default, |growth| growth.duration.latency()),
        }
    }
}

/// What came between two readings.
struct Growth {
    calls: Counts,
    dollars: f64,
    tokens: f64,
    duration: Histogram,
}

impl Growth {
    fn between(now: &Model, then: &Model) -> Self {
        Self {
            calls: now.calls.since(&then.calls),
            dollars: now.dollars - then.dollars,
            tokens: tokens(&now.tokens.since(&then.tokens)) as f64,
            duration: now.duration.since(&then.duration),
        }
    }

    fn error_rate(&self) -> Option<f64> {
        share(self.calls.total_but(SUCCESS), self.calls.total())
    }
}

fn rate(span: Option<Span<'_>>, growth: &Option<Growth>, of: impl FnOnce(&Growth) -> f64) -> Option<f64> {
    span?.rate(of(growth.as_ref()?))
}

/// Of both directions. Those that were ready are part of the input.
fn tokens(by_direction: &Counts) -> u64 {
    by_direction.total_but("cached")
}

/// All models as one.
fn together(reading: &Reading) -> Model {
    let mut all = Model::default();
    for (_, model) in reading.models.iter() {
        all.calls.add(&model.calls);
        all.tokens.add(&model.tokens);
        all.dollars += model.dollars;
        all.retries = all.retries.saturating_add(model.retries);
        all.in_flight += model.in_flight;
        all.duration.add(&model.duration);
    }
    all
}
