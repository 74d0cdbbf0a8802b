//! What reaches a collector is what happened.

use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tracing::dispatcher::{Dispatch, with_default};
use tracing::field::Empty;

use evohub_monitoring::logs::LogConfig;
use evohub_monitoring::metrics::{BuildInfo, Metrics, MetricsConfig};
use evohub_monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub_monitoring::traces::{
    Header, SpanCounts, TraceConfig, TraceContext, TraceProtocol, sampled_trace_id, set_parent,
};

use super::collector::{Collector, Received, attribute, text};

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Does something under a subscriber that sends traces, and waits until they are sent.
pub(crate) fn traced(config: TraceConfig, work: impl FnOnce(&Dispatch)) -> SpanCounts {
    let logs = LogConfig { filter: Some("off".to_owned()), ..LogConfig::default() };
    let (subscriber, telemetry) =
        Telemetry::build(&TelemetryConfig { logs, traces: Some(config) }, None).unwrap();
    with_default(&subscriber, || work(&subscriber));
    telemetry.shutdown(LIMIT)
}

/// A job whose generation and evaluation happen elsewhere, told by messages.
fn job(subscriber: &Dispatch) {
    let actor = tracing::info_span!(target: "ractor::actor", "Actor", id = 7, name = "hush-actor");
    let _actor = actor.enter();
    let job = tracing::info_span!("job", job_id = "movie-1");
    let message = job.in_scope(|| {
        assert_eq!(sampled_trace_id().unwrap().to_string().len(), 32);
        serde_json::to_string(&TraceContext::current()).unwrap()
    });
    let elsewhere = subscriber.clone();
    let work = move || {
        let context: TraceContext = serde_json::from_str(&message).unwrap();
        let generation = tracing::info_span!("generation", number = 3_i64);
        set_parent(&generation, &context);
        let _generation = generation.entered();
        // A span that is not exported stands between.
        let _detail = tracing::debug_span!("detail").entered();
        let _actor = tracing::info_span!(target: "ractor::actor", "Actor", id = 8).entered();
        let evaluation = tracing::info_span!("evaluate_prompt");
        assert_eq!(
            Some(context.traceparent().unwrap()[3..35].to_owned()),
            sampled_trace_id().map(|id| id.to_string())
        );
        let message = evaluation.in_scope(TraceContext::current);
        let call = tracing::info_span!(
            "llm_api_call",
            otel.name = "chat small-1",
            otel.kind = "client",
            gen_ai.usage.input_tokens = 1_200_i64,
            cost = 0.5,
            cached = false,
            api_key = "hush-name",
            address = "https://user:hush-pw@llm.example/v1",
            otel.status_code = Empty,
            otel.status_description = Empty,
        );
        set_parent(&call, &message);
        let _call = call.enter();
        tracing::info!(answer = "Bearer hush-field", "retried with sk-hush-event-1234");
        call.record("otel.status_description", "refused hush@example.org");
    };
    thread::spawn(move || with_default(&elsewhere, work)).join().unwrap();
}

fn check_the_tree(received: &Received) {
    assert_eq!(received.names(), ["chat small-1", "evaluate_prompt", "generation", "job"]);
    let (job, generation) = (received.named("job"), received.named("generation"));
    let (evaluation, call) = (received.named("evaluate_prompt"), received.named("chat small-1"));
    assert_eq!(job.parent_span_id, [0_u8; 0]);
    assert_eq!(generation.parent_span_id, job.span_id);
    assert_eq!(evaluation.parent_span_id, generation.span_id);
    assert_eq!(call.parent_span_id, evaluation.span_id);
    assert!(received.spans.iter().all(|span| span.trace_id == job.trace_id));
    assert!(received.spans.iter().all(|span| span.end_time_unix_nano >= span.start_time_unix_nano));
}

fn check_the_attributes(received: &Received) {
    let call = received.named("chat small-1");
    let of = |key| attribute(&call.attributes, key).unwrap().clone();
    assert_eq!(call.kind, SpanKind::Client as i32);
    assert_eq!(of("gen_ai.usage.input_tokens"), Value::IntValue(1_200));
    assert_eq!((of("cost"), of("cached")), (Value::DoubleValue(0.5), Value::BoolValue(false)));
    assert_eq!(of("api_key"), text("[redacted]"));
    assert_eq!(of("address"), text("https://user:[redacted]@llm.example/v1"));
    assert_eq!(call.events[0].name, "retried with [redacted]");
    assert_eq!(attribute(&call.events[0].attributes, "answer"), Some(&text("[redacted]")));
    let status = call.status.as_ref().unwrap();
    assert_eq!((status.code, status.message.as_str()), (StatusCode::Error as i32, "refused [redacted]"));
    assert_eq!(attribute(&received.named("generation").attributes, "number"), Some(&Value::IntValue(3)));
    let shown = format!("{received:?}");
    assert!(!shown.contains("hush") && !shown.contains("Actor"), "{shown}");
}

#[test]
fn both_protocols_deliver_the_tree_without_secrets() {
    for protocol in [TraceProtocol::Http, TraceProtocol::Grpc] {
        let collector = Collector::start();
        let mut config = collector.config(protocol);
        config.service_name = "films".to_owned();
        config.resource.push(("service.instance.id".to_owned(), "n1".to_owned()));
        config.headers.push(Header { name: "Authorization".to_owned(), value: "Bearer let-me-in".into() });
        let counts = traced(config, job);
        assert_eq!(counts, SpanCounts { exported: 4, ..SpanCounts::default() });
        let mut received = collector.received();
        assert_eq!(received.headers[0]["authorization"], "Bearer let-me-in");
        received.headers.clear();
        check_the_tree(&received);
        check_the_attributes(&received);
        assert_eq!(attribute(&received.resource, "service.name"), Some(&text("films")));
        assert_eq!(attribute(&received.resource, "service.instance.id"), Some(&text("n1")));
    }
}

#[test]
fn a_trace_goes_on_from_a_request_and_tells_its_state() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let collector = Collector::start();
    traced(collector.config(TraceProtocol::Http), |_| {
        let job = tracing::info_span!("job");
        set_parent(&job, &TraceContext::from_headers(parent, Some("vendor=1")).unwrap());
        let inside = job.in_scope(TraceContext::current);
        assert_eq!(inside.tracestate().as_deref(), Some("vendor=1"));
        assert!(inside.traceparent().unwrap().starts_with(&parent[..36]));
    });
    let received = collector.received();
    assert_eq!(received.named("job").parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
}

#[test]
fn is_told_in_the_metrics() {
    let collector = Collector::start();
    let metrics = Metrics::new(&MetricsConfig::new(BuildInfo {
        version: "1".into(),
        revision: "r".into(),
        rustc: "c".into(),
    }));
    let traces = Some(collector.config(TraceProtocol::Http));
    let config = TelemetryConfig { traces, ..TelemetryConfig::default() };
    let (subscriber, telemetry) = Telemetry::build(&config, Some(&metrics.telemetry)).unwrap();
    with_default(&subscriber, || {
        for _ in 0..3 {
            tracing::info_span!("job");
        }
    });
    telemetry.flush();
    assert_eq!(telemetry.span_counts().exported, 3);
    let page = metrics.encode();
    assert!(page.contains("trace_spans_total{outcome=\"exported\"} 3\n"), "{page}");
    // After the end nothing is sent any more, and it is told.
    let late = with_default(&subscriber, || tracing::info_span!("job"));
    assert_eq!(telemetry.shutdown(LIMIT).total(), 3);
    drop(late);
    assert!(metrics.encode().contains("trace_spans_total{outcome=\"dropped\"} 1\n"));
    assert_eq!(collector.received().spans.len(), 3);
}

#[tokio::test]
async fn works_inside_a_runtime_and_beyond() {
    for protocol in [TraceProtocol::Http, TraceProtocol::Grpc] {
        let collector = Collector::start();
        let config =
            TelemetryConfig { traces: Some(collector.config(protocol)), ..TelemetryConfig::default() };
        let (subscriber, telemetry) = Telemetry::build(&config, None).unwrap();
        with_default(&subscriber, || tracing::info_span!("job").in_scope(|| ()));
        let counts = tokio::task::spawn_blocking(move || telemetry.shutdown(LIMIT)).await.unwrap();
        assert_eq!(counts.exported, 1);
        assert_eq!(collector.received().names(), ["job"]);
        // One that nobody shuts down goes without a panic.
        drop(Telemetry::build(&config, None).unwrap());
    }
}
