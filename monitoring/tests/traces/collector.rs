//! A collector that listens on a port and keeps what it gets, by HTTP and by gRPC.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;

use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use evohub_monitoring::traces::{TraceConfig, TraceProtocol};

/// What a collector got.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<Span>,
    pub(crate) resource: Vec<KeyValue>,
    pub(crate) headers: Vec<HeaderMap>,
}

impl Received {
    pub(crate) fn named(&self, name: &str) -> &Span {
        let mut found = self.spans.iter().filter(|span| span.name == name);
        let span = found.next().unwrap_or_else(|| panic!("no span `{name}` among {:?}", self.names()));
        assert!(found.next().is_none(), "more than one span `{name}`");
        span
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.spans.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

pub(crate) fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a any_value::Value> {
    attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()
}

pub(crate) fn text(value: &str) -> any_value::Value {
    AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }.value.unwrap()
}

pub(crate) struct Collector {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
}

impl Collector {
    /// One that takes all it gets.
    pub(crate) fn start() -> Self {
        Self::answering(StatusCode::OK)
    }

    /// One that answers requests by HTTP with a status.
    pub(crate) fn answering(status: StatusCode) -> Self {
        Self::listening(status, None)
    }

    /// One that takes all it gets over TLS.
    pub(crate) fn secure(tls: ServerConfig) -> Self {
        Self::listening(StatusCode::OK, Some(TlsAcceptor::from(Arc::new(tls))))
    }

    /// Works in a thread of its own.
    fn listening(status: StatusCode, tls: Option<TlsAcceptor>) -> Self {
        let received = Arc::<Mutex<Received>>::default();
        let kept = received.clone();
        let (ready, address) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (kept, tls) = (kept.clone(), tls.clone());
                    tokio::spawn(async move {
                        let service = service_fn(move |request| answer(request, status, kept.clone()));
                        let builder = Builder::new(TokioExecutor::new());
                        // The other side may hang up as it likes.
                        match tls {
                            None => drop(builder.serve_connection(TokioIo::new(stream), service).await),
                            Some(tls) => {
                                let Ok(stream) = tls.accept(stream).await else { return };
                                drop(builder.serve_connection(TokioIo::new(stream), service).await);
                            }
                        }
                    });
                }
            });
        });
        Self { address: address.recv().unwrap(), received }
    }

    pub(crate) fn config(&self, protocol: TraceProtocol) -> TraceConfig {
        config(self.address, protocol)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn received(self) -> Received {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

/// The configuration for a collector at an address.
pub(crate) fn config(address: SocketAddr, protocol: TraceProtocol) -> TraceConfig {
    let path = match protocol {
        TraceProtocol::Http => "/v1/traces",
        TraceProtocol::Grpc => "",
    };
    let mut config = TraceConfig::new(format!("http://{address}{path}"));
    config.protocol = protocol;
    config
}

async fn answer(
    request: Request<Incoming>,
    status: StatusCode,
    kept: Arc<Mutex<Received>>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let is_grpc =
        head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let path = head.uri.path();
    let message = match is_grpc {
        true => {
            assert_eq!(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
            // A flag of compression and the length stand before the message.
            assert_eq!(body[0], 0);
            body.slice(5..)
        }
        false => {
            assert_eq!(
                (path, &head.headers[CONTENT_TYPE]),
                ("/v1/traces", &"application/x-protobuf".parse().unwrap())
            );
            body
        }
    };
    let message = ExportTraceServiceRequest::decode(message).unwrap();
    if status.is_success() {
        keep(&mut kept.lock().unwrap(), message, head.headers);
    }
    let answer = match is_grpc {
        true => {
            let trailers =
                HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
            let body = Full::new(Bytes::from_static(&[0; 5]));
            let body = body.with_trailers(std::future::ready(Some(Ok(trailers)))).boxed();
            Response::builder().header(CONTENT_TYPE, "application/grpc").body(body)
        }
        false => Response::builder().status(status).body(Full::default().boxed()),
    };
    Ok(answer.unwrap())
}

fn keep(received: &mut Received, message: ExportTraceServiceRequest, headers: HeaderMap) {
    for resource in message.resource_spans {
        received.resource = resource.resource.unwrap_or_default().attributes;
        received.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    received.headers.push(headers);
}

/// How many spans have each name.
pub(crate) fn by_name(received: &Received) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for span in &received.spans {
        *counts.entry(span.name.as_str()).or_default() += 1;
    }
    counts
}
