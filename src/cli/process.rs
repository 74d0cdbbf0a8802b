//! What the process as a whole has: its metrics, its logs, its traces.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use evohub::monitoring::logs::{LogConfig, LogControl, LogDestination, LogFile, LogForm, log_panics};
use evohub::monitoring::metrics::{BuildInfo, Metrics, MetricsConfig};
use evohub::monitoring::redaction::redact;
use evohub::monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub::monitoring::traces::TraceConfig;

use super::failure::Failure;

/// How long the last spans may take to be sent at the end.
const LAST_SPANS: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs, traces and metrics")]
pub(crate) struct ProcessArguments {
    /// What is logged: a level, or directives such as `warn,evohub_llm=debug`
    #[arg(long, global = true, value_name = "FILTER")]
    log_level: Option<String>,
    /// The form of logs: `human` or `json`
    #[arg(long, global = true, value_name = "FORM", default_value = "human")]
    log_format: LogForm,
    /// Log to this file instead of standard error
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// Begin another log file when one has so many megabytes
    #[arg(long, global = true, value_name = "MB", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    log_file_size: u32,
    /// Keep so many log files beside the newest
    #[arg(long, global = true, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    log_files: u32,
    /// Send traces to this OTLP collector, as in `http://127.0.0.1:4318`; goes before OTEL_EXPORTER_OTLP_ENDPOINT
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    otlp_endpoint: Option<String>,
    /// Keep the traces of failed evaluations whatever the sampling says
    #[arg(long, global = true)]
    trace_failed: bool,
    /// Keep the traces of evaluations that took longer than so many seconds, whatever the sampling says
    #[arg(long, global = true, value_name = "SECONDS")]
    trace_slow: Option<f64>,
    /// Give the gauges of running jobs a `job` label, for up to 50 jobs at once
    #[arg(long, global = true)]
    metrics_job_label: bool,
}

/// What the process as a whole has.
pub(crate) struct Process {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) logs: LogControl,
    telemetry: Telemetry,
}

impl Process {
    /// Begins to log, and to trace where that is asked for. `level` goes before the environment's.
    pub(crate) fn start(arguments: &ProcessArguments, level: Option<&str>) -> Result<Self, Failure> {
        Self::with(arguments, TelemetryConfig { logs: arguments.logs(level), traces: arguments.traces()? })
    }

    fn with(arguments: &ProcessArguments, config: TelemetryConfig) -> Result<Self, Failure> {
        let build = BuildInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: env!("EVOHUB_REVISION").to_owned(),
            rustc: env!("EVOHUB_RUSTC").to_owned(),
        };
        let job_label = arguments.metrics_job_label;
        let metrics = Metrics::new(&MetricsConfig { job_label, ..MetricsConfig::new(build) });
        let telemetry = Telemetry::init(&config, Some(&metrics.telemetry))
            .map_err(|error| Failure::bad_input(redact(&error.to_string()).into_owned()))?;
        log_panics();
        Ok(Self { metrics, logs: telemetry.log_control(), telemetry })
    }

    /// The same for a command that changes nothing: what it logs goes to standard error, and it sends no traces,
    /// whatever the settings that it looks at say.
    pub(crate) fn that_looks(arguments: &ProcessArguments, level: Option<&str>) -> Result<Self, Failure> {
        let quiet = ProcessArguments { log_file: None, ..arguments.clone() };
        Self::with(&quiet, TelemetryConfig { logs: quiet.logs(level), traces: None })
    }

    /// Sends and writes what waits. It blocks for up to six seconds.
    pub(crate) fn end(self) {
        self.telemetry.shutdown(LAST_SPANS);
    }
}

impl ProcessArguments {
    fn logs(&self, level: Option<&str>) -> LogConfig {
        let destination = match &self.log_file {
            None => LogDestination::Stderr,
            Some(path) => LogDestination::File(LogFile {
                size: self.log_file_size as usize * 1_000_000,
                kept: self.log_files as usize,
                ..LogFile::new(path)
            }),
        };
        let filter = self.log_level.as_deref().or(level).map(str::to_owned);
        LogConfig { filter, form: self.log_format, destination }
    }

    /// Where traces go, if anywhere.
    pub(crate) fn traces(&self) -> Result<Option<TraceConfig>, Failure> {
        let variable = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" if self.otlp_endpoint.is_some() => self.otlp_endpoint.clone(),
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" if self.otlp_endpoint.is_some() => None,
            name => std::env::var(name).ok(),
        };
        let config = TraceConfig::from_environment(&variable)
            .map_err(|error| Failure::bad_input(error.to_string()))?;
        let slow = self.trace_slow.map(Duration::try_from_secs_f64).transpose();
        let slow = slow.map_err(|error| Failure::bad_input(format!("--trace-slow: {error}")))?;
        Ok(config.map(|config| TraceConfig {
            keep_failed: self.trace_failed,
            keep_slower_than: slow,
            ..config
        }))
    }
}
