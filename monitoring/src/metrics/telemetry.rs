//! The health of logs and traces themselves.

use prometheus_client::metrics::counter::Counter;

use super::declare::Declarations;
use super::labels::label_set;
use super::name::families;
use super::series::Series;

label_set!(SpanLabels { outcome: closed });

families! {
    TRACE_SPANS: Counter<SpanLabels> = "trace_spans",
        "Spans that ended, by what became of them; loss is `failed` and `dropped`";
    LOG_LINES_DROPPED: Counter = "log_lines_dropped",
        "Log lines that were lost because the file could not be written as fast";
}

/// What became of a span that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanOutcome {
    /// The collector took it.
    Exported,
    /// It was sent, and the collector did not take it.
    Failed,
    /// There was no room to keep it until it could be sent.
    Dropped,
    /// It was left out by the sampling.
    SampledOut,
}

impl SpanOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Exported, Self::Failed, Self::Dropped, Self::SampledOut];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::SampledOut => "sampled_out",
        }
    }
}

/// The health of logs and traces themselves. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TelemetryMetrics {
    spans: [Counter; 4],
    log_lines_dropped: Counter,
}

impl TelemetryMetrics {
    pub(super) fn declare(declare: &mut Declarations) -> Self {
        let spans: Series<SpanLabels, Counter> = declare.counters(names::TRACE_SPANS);
        Self {
            spans: SpanOutcome::ALL
                .map(|outcome| spans.get(&SpanLabels { outcome: outcome.as_str().into() })),
            log_lines_dropped: declare.counter(names::LOG_LINES_DROPPED),
        }
    }

    /// Notes what became of spans.
    pub fn spans(&self, outcome: SpanOutcome, count: u64) {
        self.spans[outcome as usize].inc_by(count);
    }

    /// Notes that log lines were lost.
    pub fn log_lines_dropped(&self, count: u64) {
        self.log_lines_dropped.inc_by(count);
    }
}
