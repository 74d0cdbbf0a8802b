//! Logs and redaction.
