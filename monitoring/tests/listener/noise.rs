//! Clients that speak no HTTP, or not quite.

use evohub_monitoring::listener::Access;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use super::client::{closed, connect, get};
use super::service::{RIGHT, start, token};

/// Bytes that a client may send: noise, and pieces of requests in any order.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(vec![
            "GET ",
            "HEAD ",
            "PUT ",
            "CONNECT ",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "OPTIONS * ",
            "/metrics",
            "/health",
            "/health/detailed",
            "/admin/log-level",
            "http://localhost/health",
            "//",
            "/%00",
            "?",
            " HTTP/1.1\r\n",
            " HTTP/1.0\r\n",
            " HTTP/9.9\r\n",
            "\r\n",
            "\n",
            "\r\n\r\n",
            "Host: localhost\r\n",
            "Content-Length: 5\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length: -1\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Expect: 100-continue\r\n",
            "Connection: upgrade\r\n",
            "Upgrade: h2c\r\n",
            "Accept: application/health+json;q=,;;\r\n",
            RIGHT,
            "Authorization: Bearer ",
            "5\r\ndebug\r\n0\r\n\r\n",
            "ffffffffffffffff\r\n",
            "debug",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let request = (
        prop::sample::select(vec!["GET", "HEAD", "PUT", "POST", "FOO"]),
        prop::sample::select(vec!["/metrics", "/health", "/health/ready", "/admin/log-level", "/x"]),
        prop::collection::vec(piece.clone(), 0..4),
    )
        .prop_map(|(method, path, rest)| {
            let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{RIGHT}\r\n");
            [head.into_bytes(), rest.concat()].concat()
        });
    let any = prop_oneof![piece, request];
    prop::collection::vec(any, 0..10).prop_map(|pieces| pieces.concat())
}

/// Whatever one client sends, the next one has its answer.
#[test]
fn no_bytes_stop_the_listener() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let access = Access { token: Some(token()), ..Access::default() };
    let service = runtime.block_on(start(access, Default::default()));
    proptest!(ProptestConfig::with_cases(400), |(bytes in bytes())| {
        runtime.block_on(async {
            let mut stream = connect(service.address).await;
            // The listener may close before it has read all.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            closed(&mut stream).await;
            prop_assert_eq!(get(service.address, "/health").await.status, 200);
            prop_assert!(get(service.address, "/health/live").await.json()["status"] == "alive");
            Ok(())
        })?;
    });
    let page = service.metrics.encode();
    let in_flight = page.lines().find(|line| line.starts_with("http_requests_in_flight"));
    assert_eq!(in_flight, Some("http_requests_in_flight 0"));
}
