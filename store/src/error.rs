//! What can go wrong with a store.

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

impl StoreError {
    /// An error of a kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
