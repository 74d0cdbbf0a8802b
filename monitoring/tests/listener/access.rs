//! Who gets what.

use std::net::SocketAddr;

use evohub_monitoring::health::{CheckResult, Importance, Phase};
use evohub_monitoring::listener::{Access, Limits, ListenError, Listener, ListenerConfig};

use super::client::{get, put, request, send};
use super::service::{LOOPBACK, RIGHT, guarded, open, sources, start, token};

const WRONG: [&str; 7] = [
    "Authorization: Bearer correct-horse-battery-stapl",
    "Authorization: Bearer correct-horse-battery-staple2",
    "Authorization: Bearer",
    "Authorization: correct-horse-battery-staple",
    "Authorization: Basic correct-horse-battery-staple",
    "Authorization: Digest correct-horse-battery-staple",
    "Authorization: Bearer \u{e9}",
];

#[tokio::test]
async fn routes_and_tokens() {
    let (open, guarded) = (open().await, guarded().await);
    let get = |path| request("GET", path, &[]);
    for (path, without_token, with_token) in [
        ("/metrics", 200, 401),
        ("/health", 200, 200),
        ("/health/detailed", 200, 401),
        ("/health/ready", 200, 200),
        ("/health/live", 200, 200),
        ("/admin/log-level", 403, 401),
        ("/nothing", 404, 404),
    ] {
        assert_eq!(send(open.address, &get(path)).await.status, without_token, "{path}");
        let none = send(guarded.address, &get(path)).await;
        assert_eq!(none.status, with_token, "{path}");
        assert_eq!(
            none.header("www-authenticate"),
            (with_token == 401).then_some("Bearer realm=\"monitoring\""),
            "{path}"
        );
        for wrong in WRONG {
            let answer = send(guarded.address, &request("GET", path, &[wrong])).await;
            assert_eq!(answer.status, with_token, "{path} {wrong}");
            if with_token == 401 {
                assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"));
                assert!(!answer.error().contains("correct-horse"));
            }
        }
        for right in [RIGHT, "authorization: bearer   correct-horse-battery-staple  "] {
            let expected = if path == "/nothing" { 404 } else { 200 };
            assert_eq!(
                send(guarded.address, &request("GET", path, &[right])).await.status,
                expected,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn nobody_administers_without_a_token() {
    use evohub_monitoring::listener::LevelControl;

    let (open, guarded) = (open().await, guarded().await);
    for headers in [&[][..], &[RIGHT]] {
        let answer = send(open.address, &put("/admin/log-level", headers, "trace")).await;
        assert_eq!(answer.status, 403);
        assert!(answer.error().contains("none is set: write one"), "{answer:?}");
    }
    assert_eq!(send(guarded.address, &put("/admin/log-level", &[], "trace")).await.status, 401);
    assert_eq!((open.levels.filter(), guarded.levels.filter()), ("warn".into(), "warn".into()));
}

#[tokio::test]
async fn open_routes_tell_strangers_no_reasons() {
    let service = guarded().await;
    let failing = || std::future::ready(CheckResult::unhealthy("inner-host refuses"));
    let _database = service.health.register("database", Importance::Critical, failing);
    service.health.set_liveness(failing);
    for path in ["/health", "/health/ready", "/health/live"] {
        for accept in ["Accept: application/json", "Accept: application/health+json"] {
            let stranger = send(service.address, &request("GET", path, &[accept])).await;
            assert_eq!(stranger.status, 503);
            assert!(
                !stranger.body.contains("inner-host") && !stranger.body.contains("database"),
                "{stranger:?}"
            );
            let known = send(service.address, &request("GET", path, &[accept, RIGHT])).await;
            assert_eq!(known.body.contains("inner-host"), path != "/health", "{known:?}");
        }
    }
    service.health.set_phase(Phase::Draining);
    let stranger = get(service.address, "/health/ready").await.json();
    assert_eq!(stranger.as_object().unwrap().len(), 3, "{stranger}");
}

async fn refusal(address: &str, access: Access) -> Option<ListenError> {
    let address: SocketAddr = address.parse().unwrap();
    let config = ListenerConfig { access, ..ListenerConfig::new(address) };
    Listener::bind(config, sources().0).await.err()
}

#[tokio::test]
async fn addresses_that_others_reach() {
    let tls = || Some(super::tls::made().0);
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        for (access, missing) in [
            (Access::default(), "no token and no TLS"),
            (Access { token: Some(token()), ..Access::default() }, "no TLS:"),
            (Access { tls: tls(), ..Access::default() }, "no token:"),
        ] {
            let error = refusal(address, access).await.expect("a refusal");
            assert!(matches!(error, ListenError::Exposed { .. }), "{error}");
            let text = error.to_string();
            assert!(
                text.contains(missing) && text.contains("--insecure") && text.contains("127.0.0.1"),
                "{text}"
            );
        }
    }
    assert!(refusal("127.0.0.1:0", Access::default()).await.is_none());
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let service = start(Access::default(), Limits::default()).await;
    let error = refusal(&service.address.to_string(), Access::default()).await.expect("a refusal");
    assert!(matches!(error, ListenError::Taken(address) if address == service.address), "{error}");
    assert!(error.to_string().contains("taken by another program"), "{error}");
    let foreign = refusal("192.0.2.1:0", Access { insecure: true, ..Access::default() }).await;
    assert!(matches!(foreign, Some(ListenError::Bind { .. })), "{foreign:?}");
    assert_ne!(LOOPBACK.port(), service.address.port());
}
