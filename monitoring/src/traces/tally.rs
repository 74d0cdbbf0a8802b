//! Counts what becomes of spans.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::metrics::{SpanOutcome, TelemetryMetrics};

/// How many spans there were of each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// The collector took them.
    pub exported: u64,
    /// They were sent, and the collector did not take them.
    pub failed: u64,
    /// There was no room to keep them until they could be sent, or no time at the end.
    pub dropped: u64,
    /// They were left out by the sampling.
    pub sampled_out: u64,
}

impl SpanCounts {
    /// All of them.
    pub fn total(self) -> u64 {
        self.exported + self.failed + self.dropped + self.sampled_out
    }

    /// Those that should have reached the collector and did not.
    pub fn lost(self) -> u64 {
        self.failed + self.dropped
    }
}

/// The counters, here and in the metrics of the process.
#[derive(Debug, Clone)]
pub(super) struct Tally(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    own: [AtomicU64; 4],
    metrics: Option<TelemetryMetrics>,
}

impl Tally {
    pub(super) fn new(metrics: Option<TelemetryMetrics>) -> Self {
        Self(Arc::new(Counters { own: Default::default(), metrics }))
    }

    pub(super) fn count(&self, outcome: SpanOutcome, spans: usize) {
        if spans == 0 {
            return;
        }
        let spans = spans as u64;
        self.0.own[outcome as usize].fetch_add(spans, Relaxed);
        if let Some(metrics) = &self.0.metrics {
            metrics.spans(outcome, spans);
        }
    }

    pub(super) fn counts(&self) -> SpanCounts {
        let of = |outcome: SpanOutcome| self.0.own[outcome as usize].load(Relaxed);
        SpanCounts {
            exported: of(SpanOutcome::Exported),
            failed: of(SpanOutcome::Failed),
            dropped: of(SpanOutcome::Dropped),
            sampled_out: of(SpanOutcome::SampledOut),
        }
    }
}
