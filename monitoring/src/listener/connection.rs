//! One connection: the handshake, requests and answers.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use super::limits::{Limits, MOST_HEAD, MOST_HEADERS};
use super::places::{Lost, Place};
use super::routes::Routes;
use super::tls::Tls;

/// What all connections of a listener share.
pub(super) struct Server {
    routes: Routes,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    http: http1::Builder,
}

impl Server {
    pub(super) fn new(routes: Routes, tls: Option<Tls>, limits: Limits) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(MOST_HEAD)
            .max_headers(MOST_HEADERS);
        Self { routes, tls: tls.as_ref().map(Tls::acceptor), limits, http }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Serves a connection to its end, which comes early when its place is lost or the listener closes.
    pub(super) async fn serve(
        self: std::sync::Arc<Self>,
        stream: TcpStream,
        place: Place,
        lost: Lost,
        closing: watch::Receiver<bool>,
    ) {
        tokio::select! {
            biased;
            _ = lost => {}
            () = self.secure(stream, &place, closing) => {}
        }
    }

    async fn secure(&self, stream: TcpStream, place: &Place, mut closing: watch::Receiver<bool>) {
        // An answer is one piece: waiting for more of it only delays. Without it, all works as well.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write));
        let stream = Box::pin(stream);
        let Some(tls) = &self.tls else { return self.converse(stream, place, closing).await };
        let secured = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            secured = within(self.limits.handshake, tls.accept(stream)) => secured,
        };
        if let Some(Ok(stream)) = secured {
            self.converse(stream, place, closing).await;
        }
    }

    async fn converse<S>(&self, stream: S, place: &Place, mut closing: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let service = service_fn(async |request: Request<Incoming>| {
            // A body that is still to come makes an incomplete request.
            if request.body().is_end_stream() {
                place.busy();
            }
            let answer = self.routes.handle(request).await;
            place.idle();
            Ok::<_, Infallible>(answer)
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        // How a connection ends is its client's affair: nothing here goes wrong with it.
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = closing.wait_for(|closing| *closing) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}
