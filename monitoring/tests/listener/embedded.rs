//! The routes inside a listener of the embedding service.

use std::convert::Infallible;

use evohub_monitoring::listener::Routes;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::client::{connect, exchange, request};
use super::service::{LOOPBACK, RIGHT, sources, token};

#[tokio::test]
async fn routes_beside_those_of_a_service() {
    let (sources, _) = sources();
    let metrics = sources.metrics.clone();
    let routes = Routes::new(sources, Some(token()));
    let socket = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = socket.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = socket.accept().await.unwrap();
        let service = service_fn(async |request: Request<Incoming>| {
            Ok::<_, Infallible>(match Routes::knows(request.uri().path()) {
                true => routes.handle(request).await,
                false => Response::new(Full::new(Bytes::from("its own"))),
            })
        });
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
    });

    let mut stream = connect(address).await;
    assert_eq!(exchange(&mut stream, &request("GET", "/", &[])).await.unwrap().body, "its own");
    assert_eq!(exchange(&mut stream, &request("GET", "/metrics", &[])).await.unwrap().status, 401);
    let page = exchange(&mut stream, &request("GET", "/metrics", &[RIGHT])).await.unwrap();
    assert!(page.body.contains(r#"route="/metrics",status="401"} 1"#), "{}", page.body);
    assert_eq!(exchange(&mut stream, &request("GET", "/health/ready", &[])).await.unwrap().status, 200);
    drop(stream);
    serving.await.unwrap().unwrap();
    // What the service itself answers, it counts itself.
    assert!(!metrics.encode().contains("unknown\",status"));
}
