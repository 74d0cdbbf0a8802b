//! The bytes of a connection, counted and watched.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use evohub_monitoring::metrics::{Direction, Metrics};
use ractor_cluster::NetworkStream;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{Failure, tls};

/// What is read at once: the library reads in small portions.
const READ: usize = 32 << 10;

/// A connection, encrypted or not.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How the reading of a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The other end closed it.
    Closed,
    /// The other end refuses our certificate.
    Certificate(String),
}

/// Tells how the reading of a connection ended; `None` while it has not.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Option<Ended>>>);

impl Watch {
    pub(super) fn ended(&self) -> Option<Ended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&self, how: Ended) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(how);
    }
}

impl Stream {
    /// What the other end showed, if anything.
    pub(super) fn certificate(&self) -> Option<CertificateDer<'static>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream
                .get_ref()
                .1
                .peer_certificates()?
                .first()
                .map(|certificate| certificate.clone().into_owned()),
        }
    }

    /// As the library takes it.
    pub(super) fn into_network(self, metrics: &Arc<Metrics>, label: String) -> (NetworkStream, Watch) {
        let watch = Watch::default();
        let (reader, writer): (Box<dyn AsyncRead + Unpin + Send>, Box<dyn AsyncWrite + Unpin + Send>) =
            match self {
                Self::Plain(stream) => {
                    let (reader, writer) = stream.into_split();
                    (Box::new(reader), Box::new(writer))
                }
                Self::Tls(stream) => {
                    let (reader, writer) = tokio::io::split(*stream);
                    (Box::new(reader), Box::new(writer))
                }
            };
        let reader = Reader { reader, metrics: Arc::clone(metrics), watch: watch.clone() };
        let stream = NetworkStream::External {
            peer_label: Some(label),
            local_label: None,
            reader: Box::new(BufReader::with_capacity(READ, reader)),
            writer: Box::new(Writer { writer, metrics: Arc::clone(metrics) }),
        };
        (stream, watch)
    }
}

struct Reader {
    reader: Box<dyn AsyncRead + Unpin + Send>,
    metrics: Arc<Metrics>,
    watch: Watch,
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.reader).poll_read(context, buffer);
        match &read {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len() - before;
                self.metrics.cluster.transferred(Direction::Received, bytes);
                if bytes == 0 {
                    self.watch.end(Ended::Closed);
                }
            }
            // For the library it is an end like any other, and nothing to warn of.
            Poll::Ready(Err(error)) => {
                self.watch.end(match tls::failure(error) {
                    Failure::Certificate(problem) => Ended::Certificate(problem),
                    _ => Ended::Closed,
                });
                return Poll::Ready(Ok(()));
            }
        }
        read
    }
}

struct Writer {
    writer: Box<dyn AsyncWrite + Unpin + Send>,
    metrics: Arc<Metrics>,
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.writer).poll_write(context, bytes);
        if let Poll::Ready(Ok(bytes)) = &written {
            self.metrics.cluster.transferred(Direction::Sent, *bytes);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(context)
    }
}
