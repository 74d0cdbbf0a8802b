//! Logs on standard error: lines for people, or JSON lines for programs. Secrets are removed from both.

mod fields;
mod layer;
mod line;

use std::io::{self, IsTerminal};
use std::str::FromStr;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

pub use layer::LogLayer;

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
    /// and `line`, and the fields of the event and of the spans around it.
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
    /// Somebody else has installed a subscriber in this process.
    #[error("the process has a subscriber for logs already")]
    Installed,
}

/// Logs to standard error from now on, for the whole process.
///
/// `filter` has the syntax of [`EnvFilter`]: a level, or directives such as `warn,evohub_llm=debug`. Without one the
/// variable [`FILTER_VARIABLE`] is asked, and then [`DEFAULT_FILTER`] holds. An empty text counts as none.
///
/// # Errors
/// When the filter is not understood, and when the process has a subscriber already.
pub fn init(filter: Option<&str>, form: LogForm) -> Result<(), LogError> {
    let variable = std::env::var(FILTER_VARIABLE).ok();
    let given = [filter, variable.as_deref()].into_iter().flatten().find(|text| !text.trim().is_empty());
    let colored = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let layer = filtered(LogLayer::new(form, io::stderr).colored(colored), given.unwrap_or(DEFAULT_FILTER))?;
    tracing_subscriber::registry().with(layer).try_init().map_err(|_| LogError::Installed)
}

/// A layer that sees only what the filter lets through.
fn filtered<S, L>(layer: L, filter: &str) -> Result<impl Layer<S> + use<S, L>, LogError>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    L: Layer<S>,
{
    let parsed = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse(filter)
        .map_err(|error| LogError::Filter { filter: filter.to_owned(), problem: error.to_string() })?;
    Ok(layer.with_filter(parsed.and(without_actor_noise())))
}

/// The actor library tells of every message below the level of information: nobody who asks for `debug` means that.
fn without_actor_noise() -> FilterFn {
    filter_fn(|metadata| {
        *metadata.level() <= Level::INFO || metadata.target().split("::").next() != Some("ractor")
    })
}

#[cfg(test)]
mod tests;
