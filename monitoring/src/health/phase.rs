//! How far a service is between its start and its end.

use crate::redaction::redact;

/// Starting, ready, draining: one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It does not take work yet.
    Starting {
        /// What it is about, such as `migrating the database`.
        doing: String,
    },
    /// It takes work.
    Ready,
    /// It finishes the work that it has, and takes no more. This phase is the last.
    Draining,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Starting { doing: String::new() }
    }
}

impl Phase {
    /// Why no work should come; `None` where it should.
    pub(super) fn reason(&self) -> Option<String> {
        match self {
            Self::Starting { doing } if doing.is_empty() => Some("starting".into()),
            Self::Starting { doing } => Some(format!("starting: {}", redact(doing))),
            Self::Ready => None,
            Self::Draining => Some("draining: no new work is taken".into()),
        }
    }
}
