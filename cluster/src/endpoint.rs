//! This process's end of all links: it makes connections, takes them, and has both ends prove themselves.

mod acceptor;
mod channel;
mod failure;
mod gateway;
mod links;
mod session;
mod socket;
mod stream;
mod tls;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evohub_monitoring::metrics::Metrics;
use ractor::{Actor, ActorRef};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

pub(crate) use channel::{FAREWELL, stop_after};
pub(crate) use failure::Failure;
pub(crate) use links::{Admission, Links};
pub(crate) use tls::{CLIENT, Tls, certificates};

use crate::link::Link;
use crate::{ClusterError, Facts, Gossip, NodeName, Peer, Service, TransportLimits, UnlinkCause};
use channel::{Channel, Origin};
use gateway::Gateway;
use session::{Connection, Session};
use stream::Stream;

/// The characters of the shortest cookie.
const SHORTEST_COOKIE: usize = 16;

/// Gossip that may wait. What comes on top is left out: newer gossip will come.
const MOST_GOSSIP: usize = 256;

/// What happens at the endpoint.
#[derive(Debug)]
pub(crate) enum Happening {
    /// There is a new link. `address` is what was dialled for it, if this end dialled.
    Opened { link: Arc<Link>, address: Option<String>, admission: Admission },
    /// A link is gone. `stood` is whether no other had taken its place, or kept it out of it.
    Closed { link: Arc<Link>, cause: UnlinkCause, stood: bool },
    /// A dial, or a connection that somebody made, did not become a link.
    Failed { address: Option<String>, failure: Failure },
    /// A linked node told something of the nodes.
    Gossip { from: NodeName, gossip: Gossip },
}

/// What an endpoint is made from.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) myself: Peer,
    pub(crate) facts: Facts,
    pub(crate) cookie: SecretString,
    pub(crate) tls: Option<Tls>,
    pub(crate) insecure: bool,
    pub(crate) limits: TransportLimits,
    pub(crate) metrics: Arc<Metrics>,
    /// The version of the protocol that it speaks.
    pub(crate) protocol: u32,
}

/// This process's end of all links.
pub(crate) struct Endpoint {
    myself: Mutex<Peer>,
    facts: Facts,
    cookie: SecretString,
    tls: Option<Tls>,
    insecure: bool,
    limits: TransportLimits,
    metrics: Arc<Metrics>,
    protocol: u32,
    service: Arc<dyn Service>,
    gateway: ActorRef<Vec<u8>>,
    channels: Arc<Channels>,
    links: Arc<Links>,
    dials: AtomicU64,
    gossip: AtomicUsize,
    happenings: mpsc::UnboundedSender<Happening>,
}

/// The connections, by the tokens that their messages carry.
#[derive(Debug, Default)]
pub(crate) struct Channels(Mutex<HashMap<u64, Arc<Channel>>>);

impl Channels {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Channel>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, token: u64) -> Option<Arc<Channel>> {
        self.lock().get(&token).cloned()
    }

    fn all(&self) -> Vec<Arc<Channel>> {
        self.lock().values().cloned().collect()
    }
}

impl Endpoint {
    /// An endpoint without links, and what will happen at it.
    pub(crate) async fn start(
        setup: Setup,
        service: Arc<dyn Service>,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<Happening>), ClusterError> {
        let Setup { myself, facts, cookie, tls, insecure, limits, metrics, protocol } = setup;
        check_cookie(&cookie)?;
        let channels = Arc::new(Channels::default());
        let gateway = Gateway::new(Arc::clone(&channels), Arc::clone(&metrics));
        let (gateway, _) =
            Actor::spawn(None, gateway, ()).await.map_err(|error| ClusterError::Actor(error.to_string()))?;
        let (happenings, received) = mpsc::unbounded_channel();
        let endpoint = Self {
            myself: Mutex::new(myself),
            facts,
            cookie,
            tls,
            insecure,
            limits: limits.clamped(),
            metrics,
            protocol,
            service,
            gateway,
            channels,
            links: Arc::default(),
            dials: AtomicU64::new(0),
            gossip: AtomicUsize::new(0),
            happenings,
        };
        Ok((Arc::new(endpoint), received))
    }

    /// Who this end is.
    pub(crate) fn myself(&self) -> Peer {
        self.myself.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// This end has a new life.
    pub(crate) fn rename(&self, myself: Peer) {
        *self.myself.lock().unwrap_or_else(PoisonError::into_inner) = myself;
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn limits(&self) -> &TransportLimits {
        &self.limits
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(crate) fn service(&self) -> &dyn Service {
        self.service.as_ref()
    }

    /// The links that stand.
    pub(crate) fn links(&self) -> &Arc<Links> {
        &self.links
    }

    /// Has those who run this end hear of what happens.
    pub(crate) fn tell(&self, happening: Happening) {
        if matches!(happening, Happening::Gossip { .. })
            && self.gossip.fetch_add(1, Ordering::Relaxed) >= MOST_GOSSIP
        {
            self.gossip.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        // Nobody hears it when this end is being stopped.
        let _ = self.happenings.send(happening);
    }

    /// Gossip has been heard, and another may wait.
    pub(crate) fn heard_gossip(&self) {
        self.gossip.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes connections from now on.
    pub(crate) fn accept(self: &Arc<Self>, socket: TcpListener) -> JoinHandle<()> {
        tokio::spawn(acceptor::accept(Arc::clone(self), socket))
    }

    /// Tries to link with who listens at an address. What comes of it is told as a [`Happening`].
    pub(crate) fn dial(self: &Arc<Self>, address: String) {
        let endpoint = Arc::clone(self);
        tokio::spawn(async move {
            let deadline = Instant::now() + endpoint.limits.dial + endpoint.limits.handshake;
            let opened = async {
                let dialled = timeout(endpoint.limits.dial, socket::dial(&address));
                let socket = dialled.await.unwrap_or(Err(Failure::Silent))?;
                let peer = socket.peer_addr().map_err(|error| Failure::Unreachable(error.to_string()))?;
                if endpoint.tls.is_none() && !endpoint.insecure && !peer.ip().is_loopback() {
                    return Err(Failure::Exposed(peer));
                }
                let stream = match &endpoint.tls {
                    Some(tls) => {
                        timeout_at(deadline, tls.connect(socket)).await.unwrap_or(Err(Failure::Late))?
                    }
                    None => Stream::Plain(socket),
                };
                let dial = endpoint.dials.fetch_add(1, Ordering::Relaxed) + 1;
                let origin = Origin::Dialled { address: address.clone(), dial };
                endpoint.open(stream, peer, origin, deadline, None).await
            };
            if let Err(failure) = opened.await {
                endpoint.failed(Some(address), failure);
            }
        });
    }

    /// Has the other end of a new connection prove itself.
    async fn open(
        self: &Arc<Self>,
        stream: Stream,
        peer: SocketAddr,
        origin: Origin,
        deadline: Instant,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<(), Failure> {
        let certificate = stream.certificate();
        let channel = Channel::new(Arc::clone(self), peer, origin, certificate, place);
        let channel = Arc::new(channel);
        self.channels.lock().insert(channel.token(), Arc::clone(&channel));
        let connection = Connection { channel: Arc::clone(&channel), stream, deadline };
        match Actor::spawn(None, Session, connection).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.channels.lock().remove(&channel.token());
                Err(Failure::Unreachable(error.to_string()))
            }
        }
    }

    fn forget(&self, channel: &Channel) {
        self.channels.lock().remove(&channel.token());
    }

    /// Counts and tells that a connection did not become a link.
    fn failed(&self, address: Option<String>, failure: Failure) {
        if let Some(refusal) = failure.refusal() {
            self.metrics.cluster.refused(refusal);
        }
        self.tell(Happening::Failed { address, failure });
    }

    /// Closes all connections and takes no messages any more.
    pub(crate) fn stop(&self) {
        for channel in self.channels.all() {
            channel.stop();
        }
        // It ends when it has handled what it has; nothing depends on when that is.
        self.gateway.stop(None);
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("myself", &self.myself()).finish_non_exhaustive()
    }
}

/// Whether a cookie is long enough.
pub(crate) fn check_cookie(cookie: &SecretString) -> Result<(), ClusterError> {
    let length = cookie.expose_secret().chars().count();
    match length < SHORTEST_COOKIE {
        true => Err(ClusterError::Cookie { length, shortest: SHORTEST_COOKIE }),
        false => Ok(()),
    }
}

/// Listens at an address, without taking connections yet.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, ClusterError> {
    socket::listen(address)
}

#[cfg(test)]
mod tests;
