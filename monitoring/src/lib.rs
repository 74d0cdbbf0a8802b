//! What the program shows of itself: metrics, health, logs and traces, and the listener that serves them.
//!
//! Nothing here knows of prompts or jobs: a service that embeds the actors, or has actors of its own, uses it as it is.

pub mod health;
pub mod listener;
pub mod logs;
pub mod metrics;
pub mod redaction;
pub mod telemetry;
pub mod traces;
