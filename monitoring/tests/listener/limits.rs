//! Clients that take more than their share.

use std::sync::Arc;
use std::time::Duration;

use evohub_monitoring::health::{Check, CheckResult, Importance};
use evohub_monitoring::listener::{Access, Limits};
use evohub_monitoring::metrics::Metrics;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::client::{closed, connect, exchange, get, put, read, request, send, soon};
use super::service::{RIGHT, Service, open, start, token};

const HALF: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: ";
const SHORT: Duration = Duration::from_millis(200);
/// Longer than a test: what ends, ends for another reason.
const LONG: Duration = Duration::from_secs(600);

/// Limits of time that nobody meets.
fn unhurried(connections: usize) -> Limits {
    Limits { handshake: LONG, head: LONG, request: LONG, write: LONG, shutdown: LONG, connections }
}

/// A page that is larger than what the machine keeps for a connection.
fn enlarge(metrics: &Metrics) -> usize {
    let family = Family::<[(&'static str, String); 1], Gauge>::default();
    for series in 0..80 {
        family.get_or_create(&[("text", format!("{series}-{}", "x".repeat(100_000)))]).set(1);
    }
    metrics.extend(|registry| registry.register("large", "A large family", family));
    metrics.encode().len()
}

/// A connection that has asked for the metrics, and keeps little of the answer.
async fn deaf(service: &Service) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = soon(socket.connect(service.address)).await.unwrap();
    stream.write_all(request("GET", "/metrics", &[]).as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn half_requests_do_not_keep_others_out() {
    let service = start(Access::default(), unhurried(128)).await;
    let mut slow = vec![];
    for _ in 0..200 {
        let mut stream = connect(service.address).await;
        stream.write_all(HALF).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(get(service.address, "/metrics").await.status, 200);
    // Those that waited longest made room, and no more of them than needed.
    for stream in &mut slow[..72] {
        closed(stream).await;
    }
    for stream in &mut slow[73..] {
        let answer = exchange(stream, "text/plain\r\n\r\n").await;
        assert_eq!(answer.expect("its place is its own").status, 200);
    }
}

#[tokio::test]
async fn who_has_a_request_keeps_its_place() {
    let service = start(Access::default(), unhurried(4)).await;
    let (asked, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let release = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&release);
    let check = Check::new(move || {
        let _ = asked.send(());
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            CheckResult::healthy()
        }
    });
    let _check = service.health.register("slow", Importance::Critical, check.limit(Duration::from_secs(8)));
    let mut working = connect(service.address).await;
    working.write_all(request("GET", "/health", &[]).as_bytes()).await.unwrap();
    soon(begun.recv()).await.unwrap();
    let mut slow = vec![];
    for _ in 0..20 {
        let mut stream = connect(service.address).await;
        stream.write_all(HALF).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(get(service.address, "/health/live").await.status, 200);
    release.notify_one();
    assert_eq!(read(&mut working, true).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn half_requests_end() {
    let service = start(Access::default(), Limits { head: SHORT, ..unhurried(128) }).await;
    let mut silent = connect(service.address).await;
    let mut half = connect(service.address).await;
    half.write_all(HALF).await.unwrap();
    let mut kept = connect(service.address).await;
    exchange(&mut kept, &request("GET", "/health", &[])).await.unwrap();
    for stream in [&mut silent, &mut half, &mut kept] {
        closed(stream).await;
    }
}

#[tokio::test]
async fn clients_that_do_not_read_do_not_keep_others_out() {
    let service = start(Access::default(), unhurried(4)).await;
    enlarge(&service.metrics);
    let mut deafs = vec![];
    for _ in 0..8 {
        deafs.push(deaf(&service).await);
    }
    assert_eq!(get(service.address, "/health/live").await.status, 200);
    let page = get(service.address, "/metrics").await;
    assert!(page.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn clients_that_do_not_read_are_cut_off() {
    let service = start(Access::default(), Limits { write: SHORT, ..unhurried(4) }).await;
    let length = enlarge(&service.metrics);
    let mut stream = deaf(&service).await;
    // The answer is under way when its head is.
    soon(stream.readable()).await.unwrap();
    // This waits for the answer to end: nothing else ends it.
    soon(service.listener.shutdown()).await;
    assert!(closed(&mut stream).await < length);
}

#[tokio::test]
async fn a_body_that_does_not_come() {
    let limits = Limits { request: SHORT, ..unhurried(4) };
    let service = start(Access { token: Some(token()), ..Access::default() }, limits).await;
    let half = put("/admin/log-level", &[RIGHT], "debug").replace("debug", "de");
    let answer = send(service.address, &half).await;
    assert_eq!(answer.status, 503);
    assert!(answer.error().contains("within 200 ms"), "{answer:?}");
}

#[tokio::test]
async fn a_body_that_does_not_come_holds_no_place() {
    let service = start(Access { token: Some(token()), ..Access::default() }, unhurried(4)).await;
    let half = put("/admin/log-level", &[RIGHT], "debug").replace("debug", "de");
    let mut slow = vec![];
    for _ in 0..8 {
        let mut stream = connect(service.address).await;
        stream.write_all(half.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(get(service.address, "/health").await.status, 200);
}

#[tokio::test]
async fn heads_are_bounded() {
    let service = open().await;
    let long = format!("X-Long: {}", "x".repeat(17 * 1024));
    assert_eq!(send(service.address, &request("GET", "/health", &[&long])).await.status, 431);
    let many: Vec<_> = (0..64).map(|i| format!("X-{i}: 1")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(send(service.address, &request("GET", "/health", &many)).await.status, 431);
    assert_eq!(send(service.address, &request("GET", "/health", &many[1..])).await.status, 200);
    let long = format!("X-Long: {}", "x".repeat(15 * 1024));
    assert_eq!(send(service.address, &request("GET", "/health", &[&long])).await.status, 200);
    let body = send(service.address, &request("GET", "/health", &["Content-Length: 65537"])).await;
    assert_eq!(body.status, 413);
}
