//! What a client asks of a node, and what can be wrong with it.

use std::time::Duration;

use evohub_cluster::NodeName;
use evohub_store::{JobId, StoreError, StoreErrorKind};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::event_log::Cursor;
use crate::spec::JobSpec;

/// What a client asks of a node. Each may be repeated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Request {
    Submit { id: JobId, spec: Box<JobSpec> },
    Watch { job: JobId, cursor: Cursor, wait: Duration },
    Stop { job: JobId },
    Resume { job: JobId },
    Status,
    Drain { node: NodeName },
    Jobs,
    Job { job: JobId },
    Candidates { job: JobId },
    History { job: JobId },
    Totals { job: JobId },
}

impl Request {
    /// Its name, for logs and traces.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Submit { .. } => "submit",
            Self::Watch { .. } => "watch",
            Self::Stop { .. } => "stop",
            Self::Resume { .. } => "resume",
            Self::Status => "status",
            Self::Drain { .. } => "drain",
            Self::Jobs => "jobs",
            Self::Job { .. } => "job",
            Self::Candidates { .. } => "candidates",
            Self::History { .. } => "history",
            Self::Totals { .. } => "totals",
        }
    }
}

/// Why a request cannot be fulfilled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RequestError {
    kind: RequestErrorKind,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum RequestErrorKind {
    NotFound,
    Invalid,
    Failed,
}

impl RequestError {
    pub(crate) fn not_found(message: String) -> Self {
        Self { kind: RequestErrorKind::NotFound, message }
    }

    pub(crate) fn invalid(message: String) -> Self {
        Self { kind: RequestErrorKind::Invalid, message }
    }

    pub(crate) fn failed(message: String) -> Self {
        Self { kind: RequestErrorKind::Failed, message }
    }
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<StoreError> for RequestError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind {
            StoreErrorKind::NotFound => RequestErrorKind::NotFound,
            StoreErrorKind::Invalid => RequestErrorKind::Invalid,
            _ => RequestErrorKind::Failed,
        };
        Self { kind, message: error.message }
    }
}

impl From<RequestError> for EngineError {
    fn from(error: RequestError) -> Self {
        let kind = match error.kind {
            RequestErrorKind::Invalid => return Self::Spec(error.message),
            RequestErrorKind::NotFound => StoreErrorKind::NotFound,
            RequestErrorKind::Failed => StoreErrorKind::Unavailable,
        };
        Self::Store(StoreError::new(kind, error.message))
    }
}
