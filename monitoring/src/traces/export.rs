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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use opentelemetry_sdk::error::OTelSdkError;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::logs::{LogForm, LogLayer};

    /// Answers as it is told.
    #[derive(Debug)]
    struct Moody(Mutex<VecDeque<bool>>);

    impl SpanExporter for Moody {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            match self.0.lock().unwrap().pop_front() {
                Some(true) => Ok(()),
                _ => Err(OTelSdkError::InternalFailure("refused Bearer hush-1".to_owned())),
            }
        }
    }

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn tells_once_that_the_collector_has_gone_and_once_that_it_is_back() {
        let output = Output::default();
        let lines = output.clone();
        let layer = LogLayer::new(LogForm::Human, move || lines.clone());
        let _logs = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let moods = [true, false, false, false, true, true, false];
        let exporter = Moody(Mutex::new(moods.into()));
        let endpoint = "http://user:[redacted]@collector:4318".to_owned();
        let exporter = CountingExporter::new(exporter, Gate::new(1), Tally::new(None), endpoint);
        for good in moods {
            assert_eq!(exporter.export(vec![]).await.is_ok(), good);
        }
        let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        let levels: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(levels, ["WARNING", "INFO", "WARNING"], "{text}");
        assert!(text.contains("collector:4318") && text.contains("refused [redacted]"), "{text}");
        assert!(!text.contains("hush"), "{text}");
    }
}
