//! What each route answers, and in which form.

use evohub_monitoring::health::{CheckResult, Importance, Phase};
use serde_json::json;

use super::client::{connect, exchange, get, put, request, send};
use super::service::{RIGHT, guarded, open};

const ROUTES: [&str; 5] = ["/metrics", "/health", "/health/detailed", "/health/ready", "/health/live"];

fn well() -> std::future::Ready<CheckResult> {
    std::future::ready(CheckResult::healthy())
}

#[tokio::test]
async fn metrics() {
    let service = open().await;
    let first = get(service.address, "/metrics").await;
    assert_eq!(first.status, 200);
    assert_eq!(
        first.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(first.body.ends_with("# EOF\n"), "{}", first.body);
    assert!(first.body.contains("http_requests_in_flight 1\n"), "the scrape itself: {}", first.body);

    get(service.address, "/health").await;
    get(service.address, "/health").await;
    send(service.address, &request("POST", "/health", &[])).await;
    let mut stream = connect(service.address).await;
    for path in 0..100 {
        exchange(&mut stream, &request("GET", &format!("/{path}?user={path}"), &[])).await.unwrap();
        exchange(&mut stream, &request(&format!("X{path}"), "/metrics", &[])).await.unwrap();
    }
    let page = get(service.address, "/metrics").await.body;
    let mut counted: Vec<_> =
        page.lines().filter(|line| line.starts_with("http_requests_total{")).map(str::to_owned).collect();
    counted.sort();
    assert_eq!(
        counted,
        [
            r#"http_requests_total{method="GET",route="/health",status="200"} 2"#,
            r#"http_requests_total{method="GET",route="/metrics",status="200"} 1"#,
            r#"http_requests_total{method="GET",route="unknown",status="404"} 100"#,
            r#"http_requests_total{method="POST",route="/health",status="405"} 1"#,
            r#"http_requests_total{method="other",route="/metrics",status="405"} 100"#,
        ]
    );
}

#[tokio::test]
async fn health() {
    let service = open().await;
    let _database = service.health.register("database", Importance::Critical, well);
    for (path, status) in [("/health", "healthy"), ("/health/ready", "ready"), ("/health/live", "alive")] {
        let answer = get(service.address, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{path}");
        let mut value = answer.json();
        let timestamp = value["timestamp"].take();
        assert_eq!(value, json!({ "status": status, "timestamp": null, "version": "1.0.0" }), "{path}");
        assert_eq!(timestamp.as_str().unwrap().len(), "2024-01-01T00:00:00Z".len());
    }
    let detailed = get(service.address, "/health/detailed").await.json();
    assert_eq!(detailed["checks"]["database"]["status"], "healthy");
    assert!(detailed["checks"]["database"]["response_time_ms"].is_u64());
    assert_eq!(detailed.as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn health_in_the_draft_form() {
    let service = open().await;
    let _database = service.health.register("database", Importance::Critical, well);
    let accept = "Accept: application/health+json, application/json;q=0.9";
    for path in ["/health", "/health/detailed", "/health/ready", "/health/live"] {
        let answer = send(service.address, &request("GET", path, &[accept])).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/health+json")),
            "{path}"
        );
        let value = answer.json();
        assert_eq!(value["status"], "pass");
        assert_eq!(value["version"], "1.0.0");
        assert_eq!(value["serviceId"], "service");
        let times = &value["checks"]["database:responseTime"];
        assert_eq!(times.is_array(), path == "/health/detailed", "{value}");
    }
    service.health.set_phase(Phase::Draining);
    let answer = send(service.address, &request("GET", "/health/ready", &[accept])).await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (503, Some("fail")));
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let service = open().await;
    let mut stream = connect(service.address).await;
    for path in ROUTES {
        let answer = exchange(&mut stream, &request("HEAD", path, &[])).await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert!(length > 20, "{path}: {length}");
    }
    // Had a body come, this would read it as a head.
    assert_eq!(exchange(&mut stream, &request("GET", "/health", &[])).await.unwrap().status, 200);
}

#[tokio::test]
async fn what_is_not_there() {
    let service = open().await;
    for path in ["/", "/health/", "/Metrics", "/metrics/x", "/health?", "/health/ready?verbose=1"] {
        let answer = get(service.address, path).await;
        let expected = if path.contains('?') { 200 } else { 404 };
        assert_eq!(answer.status, expected, "{path}");
    }
    let error = get(service.address, "/secret-word").await.error();
    assert!(ROUTES.iter().all(|route| error.contains(route)), "{error}");
    assert!(!error.contains("secret-word"), "{error}");
    for path in ROUTES {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = send(service.address, &request(method, path, &[])).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
            assert!(answer.error().contains("GET, HEAD"));
        }
    }
}

#[tokio::test]
async fn all_answers_are_for_programs_and_for_now() {
    let service = guarded().await;
    for path in ["/metrics", "/health", "/health/detailed", "/nothing", "/admin/log-level"] {
        for headers in [&[][..], &[RIGHT]] {
            let answer = send(service.address, &request("GET", path, headers)).await;
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
    }
}

#[tokio::test]
async fn the_filter_of_the_logs() {
    use evohub_monitoring::listener::LevelControl;

    const PATH: &str = "/admin/log-level";
    let service = guarded().await;
    let mut stream = connect(service.address).await;
    let answer = exchange(&mut stream, &request("GET", PATH, &[RIGHT])).await.unwrap();
    assert_eq!((answer.status, answer.json()), (200, json!({ "filter": "warn" })));
    let answer = exchange(&mut stream, &put(PATH, &[RIGHT], " info,x=debug\n")).await.unwrap();
    assert_eq!((answer.status, answer.json()), (200, json!({ "filter": "info,x=debug" })));
    let chunked = "4\r\ntrac\r\n1\r\ne\r\n0\r\n\r\n";
    let chunked = format!("{}{chunked}", request("PUT", PATH, &[RIGHT, "Transfer-Encoding: chunked"]));
    assert_eq!(exchange(&mut stream, &chunked).await.unwrap().json(), json!({ "filter": "trace" }));

    for (body, status, problem) in [
        ("bad".to_owned(), 400, "log filter `bad` is not understood"),
        (" \n".into(), 400, "no filter"),
        ("x".repeat(4097), 413, "at most 4096 bytes"),
        ("x".repeat(70_000), 413, "at most 65536 bytes"),
    ] {
        // A connection of its own: after a refusal the listener does not read the rest.
        let answer = send(service.address, &put(PATH, &[RIGHT], &body)).await;
        assert_eq!(answer.status, status, "{problem}");
        assert!(answer.error().contains(problem), "{answer:?}");
    }
    let answer = send(service.address, &request("POST", PATH, &[RIGHT])).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, PUT")));
    assert_eq!(service.levels.filter(), "trace", "what was refused has changed nothing");
}
