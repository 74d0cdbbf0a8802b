//! Whether the collector takes traces.

use std::time::Duration;

use evohub_monitoring::traces::{TraceConfig, Traces};
use tokio::sync::oneshot;

use super::finding::{Check, Finding};

const CHECK: Check = Check::Export;

/// How long the collector may take to answer.
const ANSWER: Duration = Duration::from_secs(4);

/// Sends the collector a request without spans.
pub(super) async fn check(traces: &Result<Option<TraceConfig>, String>) -> Vec<Finding> {
    let config = match traces {
        Ok(Some(config)) => TraceConfig { timeout: config.timeout.min(ANSWER), ..config.clone() },
        Ok(None) => {
            let why = "no collector is named (--otlp-endpoint, OTEL_EXPORTER_OTLP_ENDPOINT)";
            return vec![Finding::not_applicable(CHECK, why)];
        }
        Err(error) => return vec![Finding::problem(CHECK, error, "correct the variable")],
    };
    let endpoint = config.shown_endpoint();
    let (sender, answer) = oneshot::channel();
    // The exporter waits where it is called, and wants a thread without a runtime.
    std::thread::spawn(move || sender.send(Traces::probe(&config)));
    vec![match answer.await {
        Ok(Ok(())) => Finding::ok(CHECK, format!("the collector at {endpoint} takes traces")),
        Ok(Err(error)) => Finding::problem(
            CHECK,
            error.to_string(),
            "see whether it runs, speaks that protocol (OTEL_EXPORTER_OTLP_PROTOCOL) and wants a header",
        ),
        Err(_) => {
            Finding::problem(CHECK, format!("the collector at {endpoint} cannot be asked"), "look again")
        }
    }]
}
