//! Panics are told in the log. They are made in a process of their own: the hook is one for the whole process.

use std::env;
use std::process::Command;
use std::thread;

use serde_json::Value;

use evohub_monitoring::logs::{LogConfig, LogForm, log_panics};
use evohub_monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub_monitoring::traces::TraceProtocol;

use super::collector::Collector;
use super::delivery::LIMIT;

/// What the other process is to do.
const ROLE: &str = "EVOHUB_TEST_PANIC";

#[test]
fn the_process_that_panics() {
    let Ok(role) = env::var(ROLE) else { return };
    log_panics();
    let logs = LogConfig { filter: Some(role), form: LogForm::Json, ..LogConfig::default() };
    let traces = Some(Collector::start().config(TraceProtocol::Http));
    let telemetry = Telemetry::init(&TelemetryConfig { logs, traces }, None).unwrap();
    let worker = thread::Builder::new().name("worker-1".to_owned());
    let panics = || {
        let _job = tracing::info_span!("job").entered();
        panic!("no answer for sk-hush-1234567 of {}", "hush@example.org")
    };
    worker.spawn::<_, ()>(panics).unwrap().join().unwrap_err();
    telemetry.shutdown(LIMIT);
}

/// What a process writes to standard error that panics under a filter.
fn panicked(filter: &str) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "panics::the_process_that_panics", "--nocapture"])
        .env(ROLE, filter)
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("hush"), "{text}");
    text
}

#[test]
fn a_panic_is_a_critical_line_without_secrets() {
    let text = panicked("error");
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "CRITICAL");
    assert_eq!(line["message"], "panicked: no answer for [redacted] of [redacted]");
    assert_eq!(line["thread"], "worker-1");
    assert!(line["location"].as_str().unwrap().contains("panics.rs:"), "{text}");
}

#[test]
fn a_panic_that_no_log_takes_is_told_all_the_same() {
    let text = panicked("off");
    assert!(text.starts_with("thread `worker-1` panicked at "), "{text}");
    assert!(text.trim_end().ends_with(": no answer for [redacted] of [redacted]"), "{text}");
}
