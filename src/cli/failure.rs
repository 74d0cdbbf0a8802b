//! Why a command ended early.

use evohub::job_file::JobFileError;
use evohub::store::StoreError;
use evohub::{EngineError, llm::LlmError};

use super::status::Status;

/// What is told on standard error, and the exit status that goes with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) message: String,
}

impl Failure {
    /// Nothing was begun, because of what the user gave.
    pub(crate) fn bad_input(message: impl Into<String>) -> Self {
        Self { status: Status::BadInput, message: message.into() }
    }

    /// What was begun could not be done.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { status: Status::Failed, message: message.into() }
    }
}

impl From<JobFileError> for Failure {
    fn from(error: JobFileError) -> Self {
        Self::bad_input(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::bad_input(error.to_string())
    }
}

impl From<LlmError> for Failure {
    fn from(error: LlmError) -> Self {
        Self::bad_input(error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Gone => Self::failed(error.to_string()),
            error => Self::bad_input(error.to_string()),
        }
    }
}
