//! Files of cases.

mod error;
mod overlap;
mod row;
mod split;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use evohub_evolution::Case;
use serde::{Deserialize, Serialize};

pub use error::{DataError, DataErrorKind};
pub use overlap::{Overlap, OverlapKind, overlaps};
pub use split::{SplitError, split};

use row::{Row, from_csv, from_json, from_jsonl};

/// Which columns of a file mean what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// The column that the model is given.
    pub input: String,
    /// The column that it should answer.
    pub expected: String,
    /// The column that says how much a case counts; every case counts 1 without it.
    pub weight: Option<String>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { input: "input".into(), expected: "expected".into(), weight: None }
    }
}

/// The cases of one file, in its order, without duplicates.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The file.
    pub path: PathBuf,
    /// The cases. Their columns are those of the row, the weight's excepted.
    pub cases: Vec<Case>,
    /// The line on which each case starts, from 1.
    pub lines: Vec<usize>,
    /// All columns that any row has, the weight's excepted.
    pub columns: BTreeSet<String>,
    /// What should be looked at and hinders nothing.
    pub warnings: Vec<DataWarning>,
}

/// Something odd in a file of cases that hinders nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataWarning {
    /// A case stands in the file twice; the second was left out.
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Where it stands again, from 1.
        line: usize,
        /// Where it stood first.
        first: usize,
    },
}

impl fmt::Display for DataWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { path, line, first } => {
                write!(f, "{}:{line}: the same case as in line {first}; left out", path.display())
            }
        }
    }
}

impl Dataset {
    /// Reads a file; its extension (`jsonl`, `ndjson`, `json`, `csv`, `tsv`) says the format.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn read(path: &Path, config: &DataConfig) -> Result<Self, DataError> {
        let bytes = std::fs::read(path).map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => DataErrorKind::Missing,
                _ => DataErrorKind::Unreadable(error),
            };
            DataError::new(path, None, kind)
        })?;
        Self::parse(path, &bytes, config)
    }

    /// The cases in the content of a file. `path` says the format and stands in errors; it is not opened.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn parse(path: &Path, bytes: &[u8], config: &DataConfig) -> Result<Self, DataError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            DataError::new(path, line, DataErrorKind::Encoding)
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let extension = path.extension().map(|text| text.to_string_lossy().to_lowercase());
        let rows = match extension.as_deref() {
            Some("jsonl" | "ndjson") => from_jsonl(text),
            Some("json") => from_json(text),
            Some("csv") => from_csv(text, b','),
            Some("tsv") => from_csv(text, b'\t'),
            _ => Err((None, DataErrorKind::UnknownFormat)),
        };
        let rows = rows.map_err(|(line, kind)| DataError::new(path, line, kind))?;
        Self::from_rows(path, rows, config)
    }

    fn from_rows(path: &Path, rows: Vec<Row>, config: &DataConfig) -> Result<Self, DataError> {
        if rows.is_empty() {
            return Err(DataError::new(path, None, DataErrorKind::Empty));
        }
        let existing: BTreeSet<String> = rows.iter().flat_map(|row| row.cells.keys().cloned()).collect();
        let missing = |column: &str, line: Option<usize>| {
            let kind = DataErrorKind::MissingColumn {
                column: column.to_owned(),
                existing: existing.iter().cloned().collect(),
            };
            DataError::new(path, line, kind)
        };
        // Cases may do without expected answers, but a column that was named must be there.
        let named = config.expected != DataConfig::default().expected;
        let needed = [Some(&config.input), named.then_some(&config.expected), config.weight.as_ref()];
        if let Some(column) = needed.into_iter().flatten().find(|column| !existing.contains(*column)) {
            return Err(missing(column, None));
        }

        let mut dataset = Self {
            path: path.to_owned(),
            cases: Vec::with_capacity(rows.len()),
            lines: Vec::with_capacity(rows.len()),
            columns: existing.iter().filter(|name| Some(*name) != config.weight.as_ref()).cloned().collect(),
            warnings: Vec::new(),
        };
        let mut known = HashMap::new();
        for Row { line, cells } in rows {
            let case = case(cells, config).map_err(|kind| DataError::new(path, line, kind))?;
            match known.insert(case.id(), line) {
                Some(first) => {
                    known.insert(case.id(), first);
                    dataset.warnings.push(DataWarning::Duplicate { path: path.to_owned(), line, first });
                }
                None => {
                    dataset.cases.push(case);
                    dataset.lines.push(line);
                }
            }
        }
        Ok(dataset)
    }

    /// Asks of every case whether it can be used; the first that cannot is an error with its line.
    ///
    /// # Errors
    /// What `check` said of that case.
    pub fn check(&self, check: impl Fn(&Case) -> Result<(), String>) -> Result<(), DataError> {
        for (case, line) in self.cases.iter().zip(&self.lines) {
            check(case).map_err(|what| DataError::new(&self.path, *line, DataErrorKind::Unscorable(what)))?;
        }
        Ok(())
    }
}

fn case(mut cells: BTreeMap<String, String>, config: &DataConfig) -> Result<Case, DataErrorKind> {
    let weight = match config.weight.as_ref().and_then(|column| cells.remove_entry(column)) {
        None => 1.0,
        Some((column, value)) => match value.trim().parse::<f64>() {
            Ok(weight) if weight.is_finite() && weight > 0.0 => weight,
            _ => return Err(DataErrorKind::Weight { column, value }),
        },
    };
    let input = match cells.get(&config.input) {
        Some(text) if !text.trim().is_empty() => text.clone(),
        _ => return Err(DataErrorKind::EmptyInput(config.input.clone())),
    };
    Ok(Case { input, expected: cells.get(&config.expected).cloned(), weight, columns: cells })
}

#[cfg(test)]
mod tests;
