//! How long things take.

use std::time::{Duration, SystemTime};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::MetricConstructor;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};

use crate::traces::sampled_trace_id;

/// Bounds for what a process does by itself, in seconds: from ten microseconds to ten seconds.
pub(super) const QUICK: &[f64] =
    &[0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Bounds for what a model or a client is waited for, in seconds: from a millisecond to ten minutes.
pub(super) const SLOW: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0,
    30.0, 60.0, 120.0, 300.0, 600.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabel {
    trace_id: String,
}

/// A histogram of durations in seconds. An observation made inside a sampled trace leaves the trace's id as the
/// exemplar of its bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Durations(HistogramWithExemplars<TraceLabel>);

impl Durations {
    /// Notes that something took so long.
    pub fn observe(&self, duration: Duration) {
        let exemplar = sampled_trace_id().map(|id| TraceLabel { trace_id: id.to_string() });
        let at = exemplar.is_some().then(SystemTime::now);
        self.0.observe(duration.as_secs_f64(), exemplar, at);
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

/// Makes histograms with the same bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds(pub(super) &'static [f64]);

impl MetricConstructor<Durations> for Bounds {
    fn new_metric(&self) -> Durations {
        Durations(HistogramWithExemplars::new(self.0.iter().copied()))
    }
}

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}
