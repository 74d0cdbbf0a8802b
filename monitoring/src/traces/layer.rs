//! Turns spans of the `tracing` library into those of OpenTelemetry.

use opentelemetry_sdk::trace::SdkTracer;
use tracing::{Level, Metadata, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::passage::{Marks, Passage};

/// Libraries whose spans are not ours to export: a span of the actor library lives as long as its actor, and the
/// others are at work when spans are sent.
const LEFT_OUT: [&str; 9] = [
    "h2",
    "hyper",
    "hyper_util",
    "opentelemetry",
    "opentelemetry_otlp",
    "opentelemetry_sdk",
    "ractor",
    "reqwest",
    "tonic",
];

/// A layer that has spans and their events exported. Where in the source a span stands and which thread it runs on is
/// left out: it costs more than it tells.
pub(super) fn exporting<S>(tracer: SdkTracer, passage: Passage) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let exporting = OpenTelemetryLayer::new(tracer)
        .with_context_activation(false)
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(passage);
    exporting.and_then(Marks.with_filter(filter_fn(Marks::sees)))
}

pub(super) fn is_exported(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO && !LEFT_OUT.contains(&library)
}
