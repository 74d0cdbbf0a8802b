//! What is wrong with a job file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use evohub_evaluation::DataError;
use evohub_monitoring::redaction::redact;

/// A job that cannot be run as it is written.
#[derive(Debug)]
pub struct JobFileError {
    place: Place,
    /// The key it is about, with dots between tables and keys.
    pub key: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a line of a file, from 1.
    Line(PathBuf, usize),
    /// Somewhere in a file, or not in it though it should be.
    File(PathBuf),
    /// In a setting of the command line, as it was given.
    Setting(String),
    /// The message says it.
    Said,
}

impl JobFileError {
    pub(super) fn new(place: Place, key: Option<String>, message: impl Into<String>) -> Self {
        // A message may repeat what the user wrote, and a key may stand where it should not.
        let message = redact(&message.into()).into_owned();
        Self { place, key, message }
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "there is no such file; `evohub init` writes a job file to start from".to_owned()
            }
            std::io::ErrorKind::InvalidData => "not UTF-8; save the file as UTF-8".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        Self::new(Place::File(path.to_owned()), None, message)
    }

    /// An error of a file of cases, which names the file and line itself.
    pub(super) fn of_data(error: DataError) -> Self {
        Self::new(Place::Said, None, error.to_string())
    }

    /// The line of the job file, from 1, where there is one to blame.
    pub fn line(&self) -> Option<usize> {
        match self.place {
            Place::Line(_, line) => Some(line),
            Place::File(_) | Place::Setting(_) | Place::Said => None,
        }
    }
}

impl fmt::Display for JobFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line(path, line) => write!(f, "{}:{line}: ", path.display())?,
            Place::File(path) => write!(f, "{}: ", path.display())?,
            Place::Setting(text) => write!(f, "--set {}: ", redact(text))?,
            Place::Said => {}
        }
        // A setting names its key itself.
        if let (Some(key), false) = (&self.key, matches!(self.place, Place::Setting(_))) {
            write!(f, "`{key}`: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for JobFileError {}
