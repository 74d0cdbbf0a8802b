//! What is declared, for the documentation.

use std::fmt::{self, Write as _};

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations by size: `_bucket`, `_sum` and `_count`.
    Histogram,
    /// A constant 1 whose labels say something.
    Info,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        })
    }
}

/// One family of metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The name as queries write it, suffixes included.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// The catalogue as a Markdown table.
pub(super) fn markdown(declarations: &[Declaration]) -> String {
    let mut text = String::from("| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n");
    for Declaration { name, kind, labels, help } in declarations {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to memory does not fail.
        let _ = writeln!(text, "| `{name}` | {kind} | {} | {help} |", labels.join(", "));
    }
    text
}
