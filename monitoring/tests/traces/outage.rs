//! A collector that is gone costs nothing but its spans, and those are counted.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tracing::dispatcher::with_default;

use evohub_monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub_monitoring::traces::{SpanCounts, TraceConfig, TraceProtocol};

use super::collector::{Collector, config};

const SPANS: u64 = 20_000;

/// Makes many spans, and ends within a limit of time.
fn many_spans(mut traces: TraceConfig) -> SpanCounts {
    traces.timeout = Duration::from_secs(1);
    let config = TelemetryConfig { traces: Some(traces), ..TelemetryConfig::default() };
    let (subscriber, telemetry) = Telemetry::build(&config, None).unwrap();
    let started = Instant::now();
    with_default(&subscriber, || {
        for number in 0..SPANS as i64 {
            tracing::info_span!("job", number).in_scope(|| ());
        }
    });
    let counts = telemetry.shutdown(Duration::from_secs(2));
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    counts
}

fn check_that_all_are_lost(address: SocketAddr) {
    for protocol in [TraceProtocol::Http, TraceProtocol::Grpc] {
        let counts = many_spans(config(address, protocol));
        assert_eq!(counts.lost(), SPANS, "{counts:?}");
        assert_eq!(counts.total(), SPANS, "{counts:?}");
        assert!(counts.dropped > SPANS / 2, "the queue did not grow: {counts:?}");
    }
}

#[test]
fn a_dead_collector_costs_its_spans() {
    // Nobody listens on the port once this has gone.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    check_that_all_are_lost(address);
}

#[test]
fn a_frozen_collector_costs_its_spans() {
    // Connections are made by the system; nobody ever reads from them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    check_that_all_are_lost(listener.local_addr().unwrap());
}

#[test]
fn spans_that_a_collector_refuses_have_failed() {
    let collector = Collector::answering(StatusCode::BAD_REQUEST);
    let traces = Some(collector.config(TraceProtocol::Http));
    let (subscriber, telemetry) =
        Telemetry::build(&TelemetryConfig { traces, ..TelemetryConfig::default() }, None).unwrap();
    with_default(&subscriber, || tracing::info_span!("job").in_scope(|| ()));
    let counts = telemetry.shutdown(Duration::from_secs(20));
    assert_eq!(counts, SpanCounts { failed: 1, ..SpanCounts::default() });
}

#[test]
fn counts_add_up_with_a_collector_that_answers() {
    let collector = Collector::start();
    let counts = many_spans(collector.config(TraceProtocol::Grpc));
    assert_eq!(counts.total(), SPANS, "{counts:?}");
    assert_eq!(collector.received().spans.len() as u64, counts.exported);
    assert_eq!(counts.failed, 0, "{counts:?}");
}
