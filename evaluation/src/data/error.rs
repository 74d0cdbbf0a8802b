//! What can be wrong with a file of cases.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::nearest::{hint, list};

/// A file of cases that cannot be used: which, where in it, and what to do.
#[derive(Debug)]
pub struct DataError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1, where there is one to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: DataErrorKind,
}

/// What is wrong with a file of cases.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataErrorKind {
    /// The file does not exist.
    #[error("there is no such file; paths are relative to the job file")]
    Missing,
    /// The file exists and cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// The extension names no known format.
    #[error("the extension says no format; use .jsonl, .json, .csv or .tsv")]
    UnknownFormat,
    /// The file has no case.
    #[error("there is no case in it; write one case per row, with an input and what is expected")]
    Empty,
    /// The text is not UTF-8.
    #[error("not UTF-8; save the file as UTF-8")]
    Encoding,
    /// The text is not JSON.
    #[error("invalid JSON at column {column}: {message}")]
    Json {
        /// The column, from 1.
        column: usize,
        /// What the parser expected.
        message: String,
    },
    /// A JSON value stands where a case should.
    #[error("a case must be an object such as {{\"input\": \"…\", \"expected\": \"…\"}}, not {found}")]
    NotAnObject {
        /// What stands there.
        found: &'static str,
    },
    /// The JSON file holds no array.
    #[error(
        "the file must hold an array of objects, not {found}; write one object per line in a .jsonl file instead"
    )]
    NotAnArray {
        /// What stands there.
        found: &'static str,
    },
    /// A row has more or fewer cells than the header.
    #[error("the row has {found} cells and the header {wanted}; quote cells that hold the separator")]
    RowLength {
        /// Cells of the header.
        wanted: u64,
        /// Cells of the row.
        found: u64,
    },
    /// The CSV parser gave up.
    #[error("invalid CSV: {0}")]
    Csv(String),
    /// The header names a column twice.
    #[error("the header names column `{0}` twice; rename one")]
    RepeatedColumn(String),
    /// A column that is needed is not there.
    #[error("there is no column `{column}` (there are {}){}", list(existing.iter().map(String::as_str)), hint(column, existing.iter().map(String::as_str)))]
    MissingColumn {
        /// The column wanted.
        column: String,
        /// The columns that exist.
        existing: Vec<String>,
    },
    /// A case gives the model nothing.
    #[error("column `{0}` is empty: every case needs an input")]
    EmptyInput(String),
    /// A weight is not a number above 0.
    #[error("column `{column}`: `{value}` is no weight; write a number above 0")]
    Weight {
        /// The column of weights.
        column: String,
        /// What stands in it.
        value: String,
    },
    /// The scorer cannot score this case.
    #[error("the case cannot be scored: {0}")]
    Unscorable(String),
}

impl DataError {
    pub(crate) fn new(path: &Path, line: impl Into<Option<usize>>, kind: DataErrorKind) -> Self {
        Self { path: path.to_owned(), line: line.into(), kind }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            DataErrorKind::Unreadable(source) => Some(source),
            _ => None,
        }
    }
}
