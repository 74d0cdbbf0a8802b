//! Measurements of candidates.

use serde::Serialize;

use super::{SUCCESS, Span, latency, share};
use crate::cli::top::counts::Counts;
use crate::cli::top::histogram::Latency;
use crate::cli::top::reading::{Evaluations, Slow};

/// Measurements of candidates, in counts since the start of the process.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EvaluationFigures {
    pub(crate) by_outcome: Counts,
    pub(crate) failed_by_type: Counts,
    /// Successful ones a second.
    pub(crate) per_second: Option<f64>,
    /// The share of attempts that failed, 0 to 1.
    pub(crate) error_rate: Option<f64>,
    pub(crate) cache_hits: Counts,
    pub(crate) cache_misses: Counts,
    /// The share of look-ups that found a result, 0 to 1, since the start of the process.
    pub(crate) cache_hit_rate: Option<f64>,
    /// Evaluations that were not needed, by what made them unnecessary.
    pub(crate) saved: Counts,
    pub(crate) duration: Latency,
    pub(crate) queue_wait: Latency,
    /// The slowest whose trace is known.
    pub(crate) slow: Option<Slow>,
}

impl EvaluationFigures {
    pub(super) fn new(now: &Evaluations, recent: Option<Span<'_>>, minute: Option<Span<'_>>) -> Self {
        let came = |span: Span<'_>| now.by_outcome.since(&span.since.evaluations.by_outcome);
        let (hits, misses) = (now.cache_hits.total(), now.cache_misses.total());
        Self {
            by_outcome: now.by_outcome.clone(),
            failed_by_type: now.failures.clone(),
            per_second: recent.and_then(|span| per_second(now, span)),
            error_rate: minute.and_then(|span| {
                let failed = came(span).of("failed");
                share(failed, failed.saturating_add(came(span).of(SUCCESS)))
            }),
            cache_hits: now.cache_hits.clone(),
            cache_misses: now.cache_misses.clone(),
            cache_hit_rate: share(hits, hits.saturating_add(misses)),
            saved: now.saved.clone(),
            duration: latency(minute, |since| now.duration.since(&since.evaluations.duration)),
            queue_wait: latency(minute, |since| now.queue_wait.since(&since.evaluations.queue_wait)),
            slow: now.slow.clone(),
        }
    }
}

/// Successful ones a second.
pub(crate) fn per_second(now: &Evaluations, span: Span<'_>) -> Option<f64> {
    span.rate(now.by_outcome.since(&span.since.evaluations.by_outcome).of(SUCCESS) as f64)
}
