//! Serves metrics and health over HTTP, by itself or inside a listener of the embedding service.
//!
//! | route | what it gives | with a token set |
//! | --- | --- | --- |
//! | `GET /metrics` | the OpenMetrics page | needs it |
//! | `GET /health` | the verdict on all checks | open |
//! | `GET /health/detailed` | also what each check says | needs it |
//! | `GET /health/ready` | whether work may come | open; the reason only with the token |
//! | `GET /health/live` | whether the process goes on | open; the reason only with the token |
//! | `GET`, `PUT /admin/log-level` | the filter of the logs, and another one | needs it; without a token set, refused |
//!
//! Bad verdicts answer 503. Health comes as `application/health+json` to who asks for it by `Accept`. Errors are JSON
//! objects with the key `error`.
//!
//! An address that other machines reach needs a token and TLS: see [`Access`]. Clients cannot hold the listener, by
//! being slow or by being many: see [`Limits`].

mod access;
mod answer;
mod connection;
mod levels;
mod limits;
mod places;
mod route;
mod routes;
mod tls;
mod token;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use access::Access;
pub use levels::LevelControl;
pub use limits::Limits;
pub use routes::{Routes, Sources};
pub use tls::{Tls, TlsError};
pub use token::{SHORTEST_TOKEN, Token, TokenError, is_open_to_others};

use connection::Server;
use places::Places;

/// How long the listener rests when the machine gives it no connection, such as for want of file descriptors.
const REST: Duration = Duration::from_millis(100);

/// Where and how to listen.
#[derive(Debug)]
pub struct ListenerConfig {
    /// The address; port 0 takes any that is free.
    pub address: SocketAddr,
    /// Who may read what.
    pub access: Access,
    /// What a client may take.
    pub limits: Limits,
}

impl ListenerConfig {
    /// With the standard limits, and open to who reaches the address: that must be this machine only.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, access: Access::default(), limits: Limits::default() }
    }

    /// Whether the address may be listened at with such access.
    ///
    /// # Errors
    /// When other machines reach the address without token and TLS.
    pub fn check(&self) -> Result<(), ListenError> {
        self.access.permit(self.address)
    }
}

/// A listener that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Other machines reach the address, and not all that this needs is there.
    #[error(
        "{address} can be reached from other machines and has no {missing}: add what is missing, listen on 127.0.0.1, \
         or say --insecure to serve without"
    )]
    Exposed {
        /// As it was given.
        address: SocketAddr,
        /// What it has not: `token`, `TLS` or both.
        missing: &'static str,
    },
    /// Somebody listens there already.
    #[error(
        "cannot listen on {0}: the port is taken by another program; choose another, or 0 for any free one"
    )]
    Taken(SocketAddr),
    /// The machine refuses.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// As it was given.
        address: SocketAddr,
        /// What the machine says.
        source: io::Error,
    },
}

/// A listener at work. Dropped, it ends at once and cuts the answers under way; [`Listener::shutdown`] does not.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens from now on, in a task of the runtime that this is called in.
    ///
    /// # Errors
    /// When other machines reach the address without token and TLS, and when the address cannot be had.
    pub async fn bind(config: ListenerConfig, sources: Sources) -> Result<Self, ListenError> {
        let ListenerConfig { address, access, limits } = config;
        access.permit(address)?;
        let taken = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::Taken(address),
            _ => ListenError::Bind { address, source },
        };
        let socket = TcpListener::bind(address).await.map_err(taken)?;
        let address = socket.local_addr().map_err(|source| ListenError::Bind { address, source })?;
        let routes = Routes::new(sources, access.token).with_request_limit(limits.request);
        let server = Arc::new(Server::new(routes, access.tls, limits));
        let (closing, closed) = watch::channel(false);
        let task = tokio::spawn(serve(socket, server, closed));
        Ok(Self { address, closing, task })
    }

    /// Where it listens, with the port that it has.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, and returns when the answers under way are given, or their time
    /// ([`Limits::shutdown`]) is over.
    pub async fn shutdown(self) {
        self.closing.send_replace(true);
        // The task ends by itself, within the limit; a panic in it has been reported.
        let _ = self.task.await;
    }
}

async fn serve(socket: TcpListener, server: Arc<Server>, mut closing: watch::Receiver<bool>) {
    let limits = server.limits().clone();
    let places = Places::new(limits.connections);
    let mut connections = JoinSet::new();
    let closed = closing.clone();
    let asked = tokio::select! {
        asked = closing.wait_for(|closing| *closing) => asked.is_ok(),
        () = accept(&socket, &server, &places, &mut connections, &closed) => false,
    };
    drop(socket);
    if asked {
        let all = async { while connections.join_next().await.is_some() {} };
        // What is left then is cut off as the set is dropped.
        let _ = tokio::time::timeout(limits.shutdown, all).await;
    }
}

/// Takes connections, for ever.
async fn accept(
    socket: &TcpListener,
    server: &Arc<Server>,
    places: &Arc<Places>,
    connections: &mut JoinSet<()>,
    closing: &watch::Receiver<bool>,
) {
    loop {
        let stream: TcpStream = tokio::select! {
            Some(_) = connections.join_next() => continue,
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the listener gets no connection");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            },
        };
        let (place, lost) = places.take().await;
        connections.spawn(Arc::clone(server).serve(stream, place, lost, closing.clone()));
        // In a storm of connections, each has its turn before the next ones can take its place.
        tokio::task::yield_now().await;
    }
}
