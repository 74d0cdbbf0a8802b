//! What can go wrong with a store.

use crate::job::JobId;

/// What went wrong, in classes that call for different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The address names no store that this build knows.
    Address,
    /// The store cannot be opened or reached.
    Unavailable,
    /// The file or schema is not one of ours, damaged, or written by a newer version.
    Incompatible,
    /// Nothing more can be written: disk full, or read-only.
    NotWritable,
    /// What was asked for is not there.
    NotFound,
    /// Another process owns the job.
    Owned,
    /// What was read is not what was written.
    Corrupt,
    /// What should be written cannot be: an id that is taken, or a number that is none.
    Invalid,
}

/// A failed operation: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// The class of the failure.
    pub kind: StoreErrorKind,
    /// What happened, where, and what the user can do about it.
    pub message: String,
}

/// At most this many ids are named when one is not found.
const SUGGESTIONS: usize = 3;

impl StoreError {
    /// An error of a kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// That there is such a job in the store at `place` already.
    pub(crate) fn taken(id: &JobId, place: &str) -> Self {
        let message = format!("there is a job `{id}` in {place} already: choose another id");
        Self::new(StoreErrorKind::Invalid, message)
    }

    /// That there is no such job in the store at `place`, with those of the `known` ids that resemble it.
    pub(crate) fn no_such_job(id: &JobId, place: &str, known: &[String]) -> Self {
        let mut alike: Vec<(f64, &String)> = known
            .iter()
            .map(|other| {
                (if other.starts_with(&id.0) { 1.0 } else { strsim::jaro_winkler(&id.0, other) }, other)
            })
            .filter(|(likeness, _)| *likeness > 0.8)
            .collect();
        alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let names: Vec<String> =
            alike.into_iter().take(SUGGESTIONS).map(|(_, other)| format!("`{other}`")).collect();
        let hint =
            if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) };
        Self::new(StoreErrorKind::NotFound, format!("there is no job `{id}` in {place}{hint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_not_found_names_those_that_resemble_it() {
        let known = ["sentiment-0a1b", "sentiment-9f3c", "unrelated"].map(String::from);
        let message = |id: &str| StoreError::no_such_job(&JobId(id.into()), "here", &known).message;
        assert_eq!(message("zzz"), "there is no job `zzz` in here");
        assert_eq!(
            message("sentiment-0a1"),
            "there is no job `sentiment-0a1` in here; did you mean `sentiment-0a1b` or `sentiment-9f3c`?"
        );
    }
}
