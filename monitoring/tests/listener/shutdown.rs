//! The end of the listener.

use std::sync::Arc;
use std::time::Duration;

use evohub_monitoring::health::{Check, CheckResult, Importance};
use evohub_monitoring::listener::{Access, Limits};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use super::client::{closed, connect, exchange, read, request, soon};
use super::service::{Service, open, start};

/// A service whose check tells when it is asked, and answers when it is told to.
async fn scripted(limits: Limits) -> (Service, mpsc::UnboundedReceiver<()>, Arc<Notify>) {
    let service = start(Access::default(), limits).await;
    let (asked, begun) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let told = Arc::clone(&release);
    let check = Check::new(move || {
        let _ = asked.send(());
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            CheckResult::healthy()
        }
    });
    let check = check.limit(Duration::from_secs(8));
    service.health.register("slow", Importance::Critical, check).forever();
    (service, begun, release)
}

#[tokio::test]
async fn answers_under_way_are_given() {
    // Nothing ends for want of time.
    let long = Duration::from_secs(600);
    let limits = Limits { head: long, shutdown: long, ..Limits::default() };
    let (service, mut begun, release) = scripted(limits).await;
    let address = service.address;
    let mut silent = connect(address).await;
    let mut idle = connect(address).await;
    exchange(&mut idle, &request("GET", "/health/live", &[])).await.unwrap();
    let mut working = connect(address).await;
    working.write_all(request("GET", "/health", &[]).as_bytes()).await.unwrap();
    soon(begun.recv()).await.unwrap();

    let ending = tokio::spawn(service.listener.shutdown());
    closed(&mut silent).await;
    closed(&mut idle).await;
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    soon(refused).await;
    assert!(!ending.is_finished(), "an answer is under way");
    release.notify_one();
    assert_eq!(read(&mut working, true).await.expect("an answer").status, 200);
    closed(&mut working).await;
    soon(ending).await.unwrap();
}

#[tokio::test]
async fn answers_that_take_too_long_are_cut_off() {
    let limits = Limits { shutdown: Duration::from_millis(50), ..Limits::default() };
    let (service, mut begun, _release) = scripted(limits).await;
    let mut working = connect(service.address).await;
    working.write_all(request("GET", "/health", &[]).as_bytes()).await.unwrap();
    soon(begun.recv()).await.unwrap();
    soon(service.listener.shutdown()).await;
    assert_eq!(closed(&mut working).await, 0);
    let page = service.metrics.encode();
    let given_up = r#"http_requests_total{method="GET",route="/health",status="499"} 1"#;
    assert!(page.contains(given_up) && page.contains("http_requests_in_flight 0"), "{page}");
}

#[tokio::test]
async fn a_listener_that_is_dropped_ends() {
    let service = open().await;
    let address = service.address;
    let mut idle = connect(address).await;
    exchange(&mut idle, &request("GET", "/health", &[])).await.unwrap();
    drop(service.listener);
    closed(&mut idle).await;
    soon(async { while TcpStream::connect(address).await.is_ok() {} }).await;
}
