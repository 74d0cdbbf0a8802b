//! Sends batches, and counts what became of them.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::gate::Gate;
use super::secrets;
use super::tally::Tally;
use crate::metrics::SpanOutcome;

/// Takes secrets out of spans before an exporter sends them, counts them, and tells when the collector goes away and
/// comes back.
pub(super) struct CountingExporter<E> {
    exporter: E,
    gate: Gate,
    tally: Tally,
    endpoint: String,
    failing: AtomicBool,
}

impl<E> CountingExporter<E> {
    pub(super) fn new(exporter: E, gate: Gate, tally: Tally, endpoint: String) -> Self {
        Self { exporter, gate, tally, endpoint, failing: AtomicBool::new(false) }
    }

    /// Tells of the first failure after a success and of the first success after a failure, not of each.
    fn tell(&self, result: &OTelSdkResult) {
        let endpoint = self.endpoint.as_str();
        match result {
            Err(error) if !self.failing.swap(true, Relaxed) => {
                tracing::warn!(endpoint, %error, "traces cannot be exported; spans are lost until they can");
            }
            Ok(()) if self.failing.swap(false, Relaxed) => {
                tracing::info!(endpoint, "traces are exported again");
            }
            _ => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for CountingExporter<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        if self.gate.is_closed() {
            // They have been counted as dropped: sending them now would make the counts wrong.
            return Ok(());
        }
        batch.iter_mut().for_each(secrets::remove);
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        if self.gate.leave(spans) {
            let outcome = if result.is_ok() { SpanOutcome::Exported } else { SpanOutcome::Failed };
            self.tally.count(outcome, spans);
        }
        self.tell(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E> fmt::Debug for CountingExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingExporter").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
