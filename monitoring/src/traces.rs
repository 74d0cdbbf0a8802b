//! Traces over OpenTelemetry: which spans are kept, how they reach a collector, and how a trace goes on in a message.
//!
//! Spans are those of the `tracing` library, of level `INFO` and above. The span of a job and of its generations is
//! always kept. At each span named in [`DRAWN_SPANS`] lots are drawn, and what happens inside it follows it. Numbers
//! should be recorded as `i64`: a `u64` reaches a collector as text.

mod config;
mod context;
mod environment;
mod export;
mod gate;
mod layer;
mod lots;
#[cfg(feature = "otlp")]
mod otlp;
mod passage;
mod processor;
mod sampler;
mod secrets;
mod subtrees;
mod tally;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanExporter};
use tracing::Subscriber;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

pub use config::{BatchLimits, Endpoint, Header, TraceConfig, TraceProtocol};
pub(crate) use context::span_context_at;
pub use context::{TraceContext, TraceId, sampled_trace_id, set_parent};
pub use lots::DRAWN_SPANS;
pub use tally::SpanCounts;

use crate::metrics::TelemetryMetrics;
#[cfg(feature = "otlp")]
use crate::redaction::redact;
use export::CountingExporter;
use gate::Gate;
use lots::Lots;
use passage::Passage;
use processor::Processor;
use sampler::Sampler;
use subtrees::Subtrees;
use tally::Tally;

/// Traces that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// A setting has a value that is not possible. The value is not told where it may hold a secret.
    #[error("{setting} {problem}")]
    Setting {
        /// The environment variable, or the name of the setting.
        setting: String,
        /// What is wrong with it, and what is right.
        problem: String,
    },
    /// A text is no W3C trace context.
    #[error("{header} is not understood: {problem}")]
    Context {
        /// `traceparent` or `tracestate`.
        header: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The exporter could not be built.
    #[error("traces cannot be exported to {endpoint}: {problem}")]
    Exporter {
        /// The collector's address, without secrets.
        endpoint: String,
        /// What the exporter says, without secrets.
        problem: String,
    },
    /// The program was built without the exporter.
    #[error(
        "traces cannot be exported to {endpoint}: this program was built without the feature `otlp`; build it with \
         that feature, or unset the endpoint"
    )]
    NotBuilt {
        /// The collector's address, without secrets.
        endpoint: String,
    },
}

/// Traces on their way to a collector.
///
/// Nothing in it waits for the collector but [`flush`](Self::flush) and [`shutdown`](Self::shutdown): spans are sent
/// in batches from a thread of their own, and those for which there is no room are dropped and counted.
#[derive(Debug)]
pub struct Traces {
    processor: Processor,
    provider: SdkTracerProvider,
    /// Drawn before a span is made, where losing is final.
    lots: Option<Lots>,
    tally: Tally,
}

impl Traces {
    /// Starts exporting to the collector that the configuration names. The collector need not be there yet.
    ///
    /// # Errors
    /// When a setting has no possible value, and when the program was built without the feature `otlp`.
    pub fn start(config: &TraceConfig, metrics: Option<&TelemetryMetrics>) -> Result<Self, TraceError> {
        config.check()?;
        #[cfg(feature = "otlp")]
        return Ok(Self::with_exporter(config, otlp::exporter(config)?, metrics));
        #[cfg(not(feature = "otlp"))]
        return {
            let _ = metrics;
            Err(TraceError::NotBuilt { endpoint: config.shown_endpoint() })
        };
    }

    /// Sends the collector of a configuration a request without any span, for at most as long as its time limit. It
    /// blocks, and must not be called in a runtime: use a thread of its own.
    ///
    /// # Errors
    /// As [`Traces::start`], and when the collector does not take the request.
    pub fn probe(config: &TraceConfig) -> Result<(), TraceError> {
        config.check()?;
        #[cfg(feature = "otlp")]
        return {
            let exporter = otlp::exporter(config)?;
            let sent = futures_executor::block_on(exporter.export(vec![]));
            sent.map_err(|error| TraceError::Exporter {
                endpoint: config.shown_endpoint(),
                problem: redact(&error.to_string()).into_owned(),
            })
        };
        #[cfg(not(feature = "otlp"))]
        return Err(TraceError::NotBuilt { endpoint: config.shown_endpoint() });
    }

    /// Starts exporting by an exporter of the caller's. It is called on a plain thread, never in a runtime.
    pub fn with_exporter(
        config: &TraceConfig,
        mut exporter: impl SpanExporter + 'static,
        metrics: Option<&TelemetryMetrics>,
    ) -> Self {
        let resource = resource(config);
        exporter.set_resource(&resource);
        let tally = Tally::new(metrics.cloned());
        let gate = Gate::new(config.batch.queue);
        let subtrees = Subtrees::new(config.keep_failed, config.keep_slower_than);
        let lots = Lots::new(config.sample_ratio);
        let (early, late) = match config.keep_failed || config.keep_slower_than.is_some() {
            true => (None, lots),
            false => (Some(lots), Lots::new(1.0)),
        };
        let sampler = Sampler::new(late, subtrees.clone(), tally.clone());
        let exporter = CountingExporter::new(exporter, gate.clone(), tally.clone(), config.shown_endpoint());
        let limits = BatchConfigBuilder::default()
            .with_max_queue_size(config.batch.queue)
            .with_max_export_batch_size(config.batch.size)
            .with_scheduled_delay(config.batch.delay)
            .build();
        let batch = BatchSpanProcessor::new(exporter, limits);
        let processor = Processor::new(batch, gate, subtrees, tally.clone());
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_resource(resource)
            .with_span_processor(processor.clone())
            .build();
        Self { processor, provider, lots: early, tally }
    }

    /// A layer that has the spans of a subscriber exported, besides those of libraries below us.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        context::note_layer();
        let passage = Passage::new(self.lots.clone(), self.tally.clone());
        layer::exporting(self.provider.tracer(env!("CARGO_PKG_NAME")), passage)
    }

    /// What has become of the spans that ended so far. Those that wait to be sent are in no count yet.
    pub fn counts(&self) -> SpanCounts {
        self.processor.counts()
    }

    /// Waits until what has ended so far was sent, up to five seconds. It blocks: in asynchronous code call it by
    /// `spawn_blocking`.
    pub fn flush(&self) {
        self.processor.flush();
    }

    /// Sends what waits, for at most the time given, and counts the rest as dropped. Spans that end later are dropped
    /// and counted too. It blocks: in asynchronous code call it by `spawn_blocking`.
    pub fn shutdown(&self, limit: Duration) -> SpanCounts {
        self.processor.close(limit);
        self.processor.counts()
    }
}

/// Who sends the spans.
fn resource(config: &TraceConfig) -> Resource {
    let attributes = config.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("telemetry.sdk.name", "opentelemetry"),
            KeyValue::new("telemetry.sdk.language", "rust"),
        ])
        .with_attributes(attributes)
        .with_service_name(config.service_name.clone())
        .build()
}
