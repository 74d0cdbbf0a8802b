//! What can be wrong with a model file, before the model's name is known.

use std::fmt;

use crate::error::{LlmError, LlmErrorKind};

/// What is wrong with a model file, as a fragment of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Fault(String);

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The error of the crate: names the model and the place, and keeps the message.
    pub(super) fn at(&self, model: impl fmt::Display, place: impl fmt::Display) -> LlmError {
        LlmError::new(LlmErrorKind::LocalModel, model, format!("{place}: {self}"))
    }
}
