//! What the listener tells when dependencies fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evohub_monitoring::health::{Check, CheckResult, Importance, Phase, Registration};
use tokio::sync::Semaphore;

use super::client::get;
use super::service::{Service, open};

/// Makes a check that fails in its way.
type Made = fn() -> Check;

fn hanging() -> Check {
    Check::new(std::future::pending).limit(Duration::from_millis(100))
}

fn panicking() -> Check {
    fn panics() -> std::future::Ready<CheckResult> {
        panic!("out of order")
    }
    Check::new(panics)
}

fn failing() -> Check {
    Check::new(|| std::future::ready(CheckResult::unhealthy("refused, with the key sk-proj-abcDEF123456")))
}

/// The status of `/health`, of `/health/ready` and of `/health/live`, and the message of the check `x`.
async fn told(service: &Service) -> (u16, u16, u16, String) {
    let overall = get(service.address, "/health").await;
    let detailed = get(service.address, "/health/detailed").await;
    assert_eq!(overall.status, detailed.status);
    assert_eq!(overall.json()["status"], detailed.json()["status"]);
    let message = detailed.json()["checks"]["x"]["message"].as_str().unwrap_or_default().to_owned();
    let ready = get(service.address, "/health/ready").await.status;
    (overall.status, ready, get(service.address, "/health/live").await.status, message)
}

#[tokio::test]
async fn failing_checks() {
    let cases: [(Made, &str); 3] = [
        (hanging, "no answer within 100 ms"),
        (panicking, "the check panicked: out of order"),
        (failing, "refused, with the key [redacted]"),
    ];
    for (check, message) in cases {
        let service = open().await;
        let critical = service.health.register("x", Importance::Critical, check());
        assert_eq!(told(&service).await, (503, 503, 200, message.into()));
        let ready = get(service.address, "/health/ready").await.json();
        assert_eq!(ready["reason"], format!("x: {message}"));
        drop(critical);
        let _degrading = service.health.register("x", Importance::Degrading, check());
        assert_eq!(told(&service).await, (200, 200, 200, message.into()));
        assert_eq!(get(service.address, "/health").await.json()["status"], "degraded");
    }
}

#[tokio::test]
async fn one_hanging_check_hides_no_other() {
    let service = open().await;
    let mut checks: Vec<Registration> = vec![];
    for name in ["a", "b", "c"] {
        checks.push(service.health.register(name, Importance::Critical, hanging()));
    }
    let well = || std::future::ready(CheckResult::healthy().with("nodes_active", 3));
    checks.push(service.health.register("cluster", Importance::Critical, well));
    let detailed = get(service.address, "/health/detailed").await.json();
    assert_eq!(detailed["checks"]["a"]["status"], "unhealthy");
    assert_eq!(detailed["checks"]["cluster"]["status"], "healthy");
    assert_eq!(detailed["checks"]["cluster"]["nodes_active"], 3);
}

#[tokio::test]
async fn many_who_ask_cost_one_run() {
    let service = open().await;
    let (runs, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (counted, told) = (Arc::clone(&runs), Arc::clone(&answers));
    let check = Check::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let told = Arc::clone(&told);
        async move {
            told.acquire().await.expect("never closed").forget();
            CheckResult::healthy()
        }
    });
    let _check = service.health.register("x", Importance::Critical, check.limit(Duration::from_secs(8)));
    let asking: Vec<_> = (0..40)
        .map(|i| {
            let path = ["/health", "/health/detailed", "/health/ready"][i % 3];
            tokio::spawn(get(service.address, path))
        })
        .collect();
    // All are in flight before the check answers.
    while service.metrics.encode().lines().all(|line| line != "http_requests_in_flight 40") {
        tokio::task::yield_now().await;
    }
    answers.add_permits(1);
    for asked in asking {
        assert_eq!(asked.await.unwrap().status, 200);
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_stuck_supervisor() {
    let service = open().await;
    service.health.set_liveness(hanging());
    let live = get(service.address, "/health/live").await;
    assert_eq!((live.status, live.json()["status"].as_str()), (503, Some("stuck")));
    assert_eq!(live.json()["reason"], "no answer within 100 ms");
    assert_eq!(get(service.address, "/health/ready").await.status, 200);
}

#[tokio::test]
async fn the_end_of_a_service() {
    let service = open().await;
    assert_eq!(get(service.address, "/health/ready").await.status, 200);
    service.health.set_phase(Phase::Draining);
    let ready = get(service.address, "/health/ready").await;
    assert_eq!((ready.status, ready.json()["status"].as_str()), (503, Some("not_ready")));
    // Everything else goes on, so that the end can be watched.
    for path in ["/metrics", "/health", "/health/detailed", "/health/live"] {
        assert_eq!(get(service.address, path).await.status, 200, "{path}");
    }
    assert_eq!(get(service.address, "/health").await.json()["status"], "degraded");
}
