//! Logs on standard error or in a file: lines for people, or JSON lines for programs. Secrets are removed from both.

mod control;
mod fields;
mod file;
mod layer;
mod line;
mod panics;

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

pub use control::LogControl;
pub use file::LogFile;
pub use layer::LogLayer;
pub use panics::log_panics;

use crate::metrics::TelemetryMetrics;

/// The environment variable that holds the filter where no flag gives one.
pub const FILTER_VARIABLE: &str = "EVOHUB_LOG";

/// What is logged when nobody says otherwise.
pub const DEFAULT_FILTER: &str = "warn";

/// The form of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogForm {
    /// For people.
    #[default]
    Human,
    /// One JSON object on each line, with the keys `timestamp`, `level`, `message`, `logger`, `module`, `function`
    /// and `line`, with `trace_id` and `span_id` inside a span that is exported, and the fields of the event and of
    /// the spans around it.
    Json,
}

impl FromStr for LogForm {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(LogError::Form(text.to_owned())),
        }
    }
}

/// Where lines go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LogDestination {
    /// Standard error, each line before the program goes on.
    #[default]
    Stderr,
    /// A file, from a thread of its own.
    File(LogFile),
}

/// What is logged, how, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// The filter, in the syntax of [`EnvFilter`]: a level, or directives such as `warn,evohub_llm=debug`. Without
    /// one the variable [`FILTER_VARIABLE`] is asked, and then [`DEFAULT_FILTER`] holds. An empty text counts as none.
    pub filter: Option<String>,
    /// The form of a line.
    pub form: LogForm,
    /// Where lines go.
    pub destination: LogDestination,
}

/// Logs that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The filter does not parse.
    #[error(
        "log filter `{filter}` is not understood ({problem}): write a level such as `debug`, or `warn,evohub_llm=debug`"
    )]
    Filter {
        /// As it was given.
        filter: String,
        /// What the parser says.
        problem: String,
    },
    /// There is no such form.
    #[error("log form `{0}` is not known: write `human` or `json`")]
    Form(String),
    /// The file cannot be written.
    #[error("log file {} cannot be written: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        problem: String,
    },
    /// Somebody else has installed a subscriber in this process.
    #[error("the process has a subscriber for logs already")]
    Installed,
    /// The logs whose filter should change are no more.
    #[error("the filter cannot be changed: these logs have ended")]
    Ended,
}

/// What is left to hold of logs once their layer is in a subscriber. When it goes, the lines that wait are written.
pub struct Logs {
    control: LogControl,
    _writing: Option<WorkerGuard>,
}

impl Logs {
    /// The layer that writes lines, and what is left to hold of it.
    ///
    /// # Errors
    /// When the filter is not understood, and when the file cannot be written.
    pub fn layer<S>(
        config: &LogConfig,
        metrics: Option<&TelemetryMetrics>,
    ) -> Result<(impl Layer<S> + Send + Sync + use<S>, Self), LogError>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        let variable = std::env::var(FILTER_VARIABLE).ok();
        let given = [config.filter.as_deref(), variable.as_deref()];
        let given = given.into_iter().flatten().find(|text| !text.trim().is_empty());
        let filter = given.unwrap_or(DEFAULT_FILTER);
        // A wrong filter should not leave a file behind.
        parse(filter)?;
        let (writer, colored, writing) = match &config.destination {
            LogDestination::Stderr => (BoxMakeWriter::new(io::stderr), is_colored(), None),
            LogDestination::File(file) => {
                let (writer, writing) = file.open(metrics.cloned())?;
                (BoxMakeWriter::new(writer), false, Some(writing))
            }
        };
        let (layer, control) = filtered(LogLayer::new(config.form, writer).colored(colored), filter)?;
        Ok((layer, Self { control, _writing: writing }))
    }

    /// Changes what is logged.
    pub fn control(&self) -> &LogControl {
        &self.control
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("control", &self.control).finish_non_exhaustive()
    }
}

fn is_colored() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// A layer that sees only what the filter lets through, and what changes the filter.
fn filtered<S, L>(layer: L, filter: &str) -> Result<(impl Layer<S> + use<S, L>, LogControl), LogError>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    L: Layer<S>,
{
    let (changeable, handle) = reload::Layer::new(parse(filter)?);
    Ok((layer.with_filter(changeable.and(without_noise())), LogControl::new(filter, handle)))
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse(filter)
        .map_err(|error| LogError::Filter { filter: filter.to_owned(), problem: error.to_string() })
}

/// Spans inside an evaluation that are for traces alone: what is logged in them belongs to the evaluation, and a span
/// that the logs take part in costs as much again.
const FOR_TRACES: [&str; 2] = ["llm_api_call", "calculate_fitness"];

/// The actor library tells of every message below the level of information: nobody who asks for `debug` means that.
/// Its spans live as long as their actor, and would put their fields into all that the actor logs. Its sessions between
/// nodes warn of every planned end, and show whole messages below that: the cluster tells what matters of them.
fn without_noise() -> FilterFn {
    let is_no_noise: fn(&Metadata<'_>) -> bool = |metadata| {
        let crate_name = metadata.target().split("::").next();
        let is_of_actors = crate_name == Some("ractor");
        if crate_name == Some("ractor_cluster") {
            return metadata.is_event() && *metadata.level() == Level::ERROR;
        }
        match metadata.is_span() {
            true => !is_of_actors && !FOR_TRACES.contains(&metadata.name()),
            false => !is_of_actors || *metadata.level() <= Level::INFO,
        }
    };
    // Said, because a filter that does not say it has all the libraries below us ask for each of their events.
    FilterFn::new(is_no_noise).with_max_level_hint(LevelFilter::TRACE)
}

#[cfg(test)]
mod tests;
