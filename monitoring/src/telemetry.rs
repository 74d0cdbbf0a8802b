//! Logs and traces of a process, set up together.

use std::time::Duration;

use tracing::dispatcher::{self, Dispatch};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use crate::logs::{LogConfig, LogControl, LogError, Logs};
use crate::metrics::TelemetryMetrics;
use crate::traces::{SpanCounts, TraceConfig, TraceError, Traces};

/// What is logged, and where traces go.
#[derive(Debug, Clone, Default)]
pub struct TelemetryConfig {
    /// What is logged, how, and where.
    pub logs: LogConfig,
    /// Where traces go, and which; none are made without it.
    pub traces: Option<TraceConfig>,
}

/// Logs and traces that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The logs cannot be.
    #[error(transparent)]
    Logs(#[from] LogError),
    /// The traces cannot be.
    #[error(transparent)]
    Traces(#[from] TraceError),
}

/// The logs and traces of a process. Hold it until the process ends, and then call [`shutdown`](Self::shutdown).
#[derive(Debug)]
pub struct Telemetry {
    logs: Logs,
    traces: Option<Traces>,
}

impl Telemetry {
    /// Logs and traces from now on, for the whole process.
    ///
    /// # Errors
    /// When a setting is wrong, when the log file cannot be written, and when the process has a subscriber already.
    pub fn init(
        config: &TelemetryConfig,
        metrics: Option<&TelemetryMetrics>,
    ) -> Result<Self, TelemetryError> {
        let (subscriber, telemetry) = Self::build(config, metrics)?;
        dispatcher::set_global_default(subscriber).map_err(|_| LogError::Installed)?;
        Ok(telemetry)
    }

    /// The same without installing it, such as for [`dispatcher::with_default`].
    ///
    /// # Errors
    /// When a setting is wrong, and when the log file cannot be written.
    pub fn build(
        config: &TelemetryConfig,
        metrics: Option<&TelemetryMetrics>,
    ) -> Result<(Dispatch, Self), TelemetryError> {
        let (log_layer, logs) = Logs::layer(&config.logs, metrics)?;
        let traces = config.traces.as_ref().map(|traces| Traces::start(traces, metrics)).transpose()?;
        let subscriber = registry().with(log_layer);
        let subscriber = match &traces {
            Some(traces) => Dispatch::new(subscriber.with(traces.layer())),
            None => Dispatch::new(subscriber),
        };
        Ok((subscriber, Self { logs, traces }))
    }

    /// Changes what is logged.
    pub fn log_control(&self) -> LogControl {
        self.logs.control().clone()
    }

    /// What has become of the spans that ended so far; zeros without traces.
    pub fn span_counts(&self) -> SpanCounts {
        self.traces.as_ref().map(Traces::counts).unwrap_or_default()
    }

    /// Waits until the spans that ended so far were sent, up to five seconds. It blocks: in asynchronous code call it
    /// by `spawn_blocking`.
    pub fn flush(&self) {
        self.traces.iter().for_each(Traces::flush);
    }

    /// Sends the spans that wait, for at most the time given, and writes the lines that wait, for at most a second.
    /// What was lost is in the counts that it returns. It blocks: in asynchronous code call it by `spawn_blocking`.
    pub fn shutdown(self, limit: Duration) -> SpanCounts {
        self.traces.as_ref().map(|traces| traces.shutdown(limit)).unwrap_or_default()
    }
}

#[cfg(all(test, not(feature = "otlp")))]
mod tests {
    use super::*;

    #[test]
    fn says_that_it_was_built_without_the_exporter() {
        let traces = Some(TraceConfig::new("http://127.0.0.1:4318/v1/traces"));
        let config = TelemetryConfig { traces, ..TelemetryConfig::default() };
        let error = Telemetry::build(&config, None).unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:4318") && error.contains("`otlp`"), "{error}");
    }
}
