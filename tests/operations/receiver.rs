//! Those who are told: chat, pager and dead man's switch, as far as Alertmanager can tell.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Something that was posted.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    /// When.
    pub(crate) at: Instant,
    /// Where to: the path tells the receivers apart.
    pub(crate) path: String,
    /// What it was allowed by; empty where there was nothing.
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// A server that takes what is posted to it, and answers as the service would whose path it is.
pub(crate) struct Receiver {
    address: SocketAddr,
    posts: Arc<Mutex<Vec<Post>>>,
    _runtime: Runtime,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let posts = Arc::<Mutex<Vec<Post>>>::default();
        let kept = Arc::clone(&posts);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let service = service_fn(move |request| take(request, Arc::clone(&kept)));
                    // The other side may hang up as it likes.
                    drop(
                        Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self { address, posts, _runtime: runtime }
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was posted to a path, oldest first.
    pub(crate) fn posts(&self, path: &str) -> Vec<Post> {
        let posts = self.posts.lock().unwrap();
        posts.iter().filter(|post| post.path == path).cloned().collect()
    }
}

/// The path of PagerDuty's interface for events, version 2.
pub(crate) const PAGER: &str = "/v2/enqueue";

async fn take(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<Post>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = head.uri.path().to_owned();
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let authorization = authorization.unwrap_or_default().to_owned();
    let body: Result<Value, _> = serde_json::from_slice(&body);
    let (status, answer) = match body {
        Ok(body) if head.method == Method::POST => {
            let key = body["dedup_key"].clone();
            kept.lock().unwrap().push(Post { at: Instant::now(), path: path.clone(), authorization, body });
            match path.as_str() {
                PAGER => (
                    202,
                    json!({"status": "success", "message": "Event processed", "dedup_key": key}).to_string(),
                ),
                _ => (200, "ok".to_owned()),
            }
        }
        _ => (400, "invalid_payload".to_owned()),
    };
    Ok(Response::builder().status(status).body(Full::from(answer)).unwrap())
}
