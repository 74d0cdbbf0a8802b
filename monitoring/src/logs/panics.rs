//! Panics in the log, where the default would print them as they are.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write as _};
use std::panic::{self, PanicHookInfo};
use std::thread;

use super::layer::lines_of_this_thread;
use crate::redaction::redact;

/// What the lines about panics give as their logger.
const LOGGER: &str = "panic";

/// Has panics of this process logged from now on, as lines of the level CRITICAL and without secrets, in the place of
/// what the standard library prints. Where no [`LogLayer`](super::LogLayer) takes them, they are written to standard
/// error, without secrets too.
pub fn log_panics() {
    panic::set_hook(Box::new(report));
}

fn report(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    let location = info.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let current = thread::current();
    let thread = current.name().unwrap_or("unnamed");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    // That somebody is interested would not mean that it is told: a layer for traces may be alone with it.
    let lines = lines_of_this_thread();
    tracing::error!(target: LOGGER, critical = true, thread, location, backtrace, "panicked: {text}");
    if lines_of_this_thread() != lines {
        return;
    }
    let line = format!("thread `{thread}` panicked at {location}: {text}");
    let mut stderr = io::stderr().lock();
    // There is nowhere to report it when it cannot be written.
    let _ = writeln!(stderr, "{}", redact(&line));
    if let Some(backtrace) = backtrace {
        let _ = writeln!(stderr, "{}", redact(&backtrace));
    }
}
