//! One line of the log.

use std::fmt::{self, Write as _};

use opentelemetry::trace::SpanContext;
use serde::ser::{SerializeMap, Serializer as _};
use serde_json::Value;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use super::fields::Fields;

/// The keys that every JSON line has.
const KEYS: [&str; 7] = ["timestamp", "level", "message", "logger", "module", "function", "line"];

/// The keys of a line inside a span that is exported.
const TRACE_ID: &str = "trace_id";
const SPAN_ID: &str = "span_id";

/// What a line says. Message and fields hold no secrets any more.
pub(super) struct Line<'a> {
    pub(super) metadata: &'static Metadata<'static>,
    /// Whether it is worse than an error.
    pub(super) critical: bool,
    pub(super) message: String,
    /// The innermost span's name.
    pub(super) function: Option<&'a str>,
    /// The exported span, if there is one.
    pub(super) trace: Option<SpanContext>,
    pub(super) fields: Fields,
}

impl Line<'_> {
    /// `2026-01-31T12:00:00.000000Z WARNING evohub_llm: message name=value`.
    pub(super) fn human(&self, colored: bool) -> String {
        let level = self.level();
        let (on, off) = if colored { (color(self.metadata.level()), "\x1b[0m") } else { ("", "") };
        let mut text = format!("{} {on}{level:<7}{off} {}: ", now(), self.metadata.target());
        let _ = write!(text, "{}", Visible(&self.message));
        for (name, value) in self.fields.iter() {
            let _ = match value {
                Value::String(value) if is_plain(value) => write!(text, " {name}={}", Visible(value)),
                Value::String(value) => write!(text, " {name}={value:?}"),
                other => write!(text, " {name}={other}"),
            };
        }
        if let Some(span) = &self.trace {
            let _ = write!(text, " trace_id={} span_id={}", span.trace_id(), span.span_id());
        }
        text.push('\n');
        text
    }

    /// A JSON object.
    pub(super) fn json(&self) -> String {
        // Neither texts nor numbers can fail to be written to memory.
        let mut bytes = self.object().unwrap_or_default();
        bytes.push(b'\n');
        String::from_utf8(bytes).unwrap_or_default()
    }

    fn object(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = vec![];
        let mut serializer = serde_json::Serializer::new(&mut bytes);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &now())?;
        map.serialize_entry("level", self.level())?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("logger", self.metadata.target())?;
        map.serialize_entry("module", &self.metadata.module_path())?;
        map.serialize_entry("function", &self.function)?;
        map.serialize_entry("line", &self.metadata.line())?;
        if let Some(span) = &self.trace {
            map.serialize_entry(TRACE_ID, &span.trace_id().to_string())?;
            map.serialize_entry(SPAN_ID, &span.span_id().to_string())?;
        }
        for (name, value) in self.fields.iter() {
            match KEYS.contains(&name) || self.trace.is_some() && matches!(name, TRACE_ID | SPAN_ID) {
                true => map.serialize_entry(&format!("fields.{name}"), value)?,
                false => map.serialize_entry(name, value)?,
            }
        }
        map.end()?;
        Ok(bytes)
    }

    fn level(&self) -> &'static str {
        if self.critical { "CRITICAL" } else { level_name(self.metadata.level()) }
    }
}

/// The names that readers of logs know; there is none below `DEBUG`.
fn level_name(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

fn color(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "\x1b[1;31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[36m",
        _ => "\x1b[2m",
    }
}

/// The time in UTC by RFC 3339.
fn now() -> String {
    let mut text = String::new();
    // Fails only where the text does.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// Whether a value can be told from what stands around it.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '='))
}

/// Text whose control characters are written out, so that nobody can forge lines or steer a terminal.
struct Visible<'a>(&'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c.is_control() {
                true => write!(f, "{}", c.escape_default())?,
                false => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
