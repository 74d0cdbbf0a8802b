//! What can go wrong with a model.

use std::fmt;
use std::time::Duration;

use evohub_monitoring::redaction::redact;

/// What went wrong, in classes that call for different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LlmErrorKind {
    /// The key is missing, wrong or lacks a right. Trying again cannot help.
    Authentication,
    /// The provider refuses the request itself (unknown model, too long, bad parameter).
    InvalidRequest,
    /// Too many requests or tokens, even after waiting.
    RateLimited,
    /// No answer in time.
    Timeout,
    /// The connection could not be made or was cut.
    Connection,
    /// The provider failed (5xx).
    Server,
    /// An answer came that is not one (empty, cut, not JSON).
    MalformedResponse,
    /// The circuit breaker is open: the provider failed too often just now.
    CircuitOpen,
    /// The account has no money or quota left.
    QuotaExhausted,
    /// A local model could not be had or could not run.
    LocalModel,
    /// The model or provider is named or set up wrongly.
    Configuration,
}

impl LlmErrorKind {
    /// Whether the same call can succeed later with nobody mending anything.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Timeout
                | Self::Connection
                | Self::Server
                | Self::MalformedResponse
                | Self::CircuitOpen
        )
    }

    /// A short stable name, as used in metrics and in stored records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::InvalidRequest => "invalid_request",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::MalformedResponse => "malformed_response",
            Self::CircuitOpen => "circuit_open",
            Self::QuotaExhausted => "quota_exhausted",
            Self::LocalModel => "local_model",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for LlmErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed call: what, where, and what to do. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{model}: {message}")]
pub struct LlmError {
    /// The class of the failure.
    pub kind: LlmErrorKind,
    /// The model (or provider) that was called.
    pub model: String,
    /// What happened and what the user can do about it.
    pub message: String,
    /// How long to wait before it is worth trying again, where that is known: the provider said so, or the
    /// circuit breaker is open until then.
    pub retry_after: Option<Duration>,
}

impl LlmError {
    /// An error of a kind, about a model. What looks like a key, a token or an e-mail address is taken out of both
    /// texts, except for [`LlmErrorKind::LocalModel`]: the path and the hash of a file may look like one.
    pub fn new(kind: LlmErrorKind, model: impl fmt::Display, message: impl Into<String>) -> Self {
        let clean = |text: String| match kind {
            LlmErrorKind::LocalModel => text,
            _ => redact(&text).into_owned(),
        };
        Self { kind, model: clean(model.to_string()), message: clean(message.into()), retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-proj-Zx9Qw8Er7Ty6Ui5Op4As3Df2";

    #[test]
    fn no_text_of_an_error_holds_a_secret() {
        let model = format!("openai:{KEY}");
        let message = format!("no access for ann@example.org with Authorization: Bearer {KEY}");
        let error = LlmError::new(LlmErrorKind::Authentication, model, message);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("Zx9Qw8") && !shown.contains("ann@"), "{shown}");
        assert!(error.model.starts_with("openai:") && error.message.starts_with("no access"), "{shown}");
    }

    #[test]
    fn the_hash_of_a_file_is_no_secret() {
        let hash = "0123456789abcdef".repeat(4);
        assert!(LlmError::new(LlmErrorKind::LocalModel, "local:m", &hash).message.contains(&hash));
    }
}
