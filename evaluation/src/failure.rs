//! Failures of models, as failures of evaluations.

use evohub_evolution::{Failure, FailureKind};
use evohub_llm::{LlmError, LlmErrorKind};

/// What a failed model call means for the piece of work that needed it. A refused request is the fault of this
/// piece (its prompt may be too long); whether all are refused is for the engine to see.
pub fn failure_of_model(error: &LlmError) -> Failure {
    let kind = match error.kind {
        LlmErrorKind::InvalidRequest => FailureKind::Piece,
        kind if kind.is_transient() => FailureKind::Transient,
        _ => FailureKind::Systemic,
    };
    Failure { kind, cause: error.kind.as_str().into(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_consequence() {
        for (kind, expected) in [
            (LlmErrorKind::Authentication, FailureKind::Systemic),
            (LlmErrorKind::InvalidRequest, FailureKind::Piece),
            (LlmErrorKind::RateLimited, FailureKind::Transient),
            (LlmErrorKind::Timeout, FailureKind::Transient),
            (LlmErrorKind::Connection, FailureKind::Transient),
            (LlmErrorKind::Server, FailureKind::Transient),
            (LlmErrorKind::MalformedResponse, FailureKind::Transient),
            (LlmErrorKind::CircuitOpen, FailureKind::Transient),
            (LlmErrorKind::QuotaExhausted, FailureKind::Systemic),
            (LlmErrorKind::LocalModel, FailureKind::Systemic),
            (LlmErrorKind::Configuration, FailureKind::Systemic),
        ] {
            let failure = failure_of_model(&LlmError::new(kind, "lab:m", "what"));
            assert_eq!((failure.kind, failure.cause.as_str()), (expected, kind.as_str()));
            assert_eq!(failure.message, "lab:m: what");
        }
    }
}
