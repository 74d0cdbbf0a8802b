//! Takes the connections of others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use super::channel::Origin;
use super::stream::Stream;
use super::{Endpoint, Failure, socket};

/// How long it rests when the machine gives no connection, such as for want of file descriptors.
const REST: Duration = Duration::from_millis(100);

/// Takes connections for as long as it runs, each in a task of its own. Those that come while too many have not proved
/// themselves are closed at once.
pub(super) async fn accept(endpoint: Arc<Endpoint>, socket: TcpListener) {
    let places = Arc::new(Semaphore::new(endpoint.limits.unauthenticated));
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    let endpoint = Arc::clone(&endpoint);
                    tokio::spawn(async move {
                        if let Err(failure) = take(&endpoint, stream, peer, place).await {
                            tracing::debug!(address = %peer, reason = %failure, "a connection was refused");
                            endpoint.failed(None, failure);
                        }
                    });
                }
                Err(_) => endpoint.failed(None, Failure::Crowded),
            },
            // That one connection was gone before it was taken.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "the machine gives no connection");
                sleep(REST).await;
            }
        }
    }
}

async fn take(
    endpoint: &Arc<Endpoint>,
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
) -> Result<(), Failure> {
    let deadline = Instant::now() + endpoint.limits.handshake;
    socket::prepare(&stream).map_err(|_| Failure::Closed)?;
    let stream = match &endpoint.tls {
        Some(tls) => timeout_at(deadline, tls.accept(stream)).await.unwrap_or(Err(Failure::Late))?,
        None => Stream::Plain(stream),
    };
    endpoint.open(stream, peer, Origin::Accepted, deadline, Some(place)).await
}
