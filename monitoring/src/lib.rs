//! What the program shows of itself: its logs, free of secrets.

pub mod logs;
pub mod redaction;
