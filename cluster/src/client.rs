//! A client of a cluster.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evohub_monitoring::metrics::{Metrics, Refusal};
use evohub_monitoring::traces::TraceContext;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, interval, sleep, timeout_at};

use crate::endpoint::{CLIENT, Endpoint, Failure, Happening, Setup, Tls};
use crate::link::Link;
use crate::wire::PROTOCOL;
use crate::{
    CallError, ClientConfig, ClientId, ClusterError, Facts, NodeId, Peer, Recipient, SendError, Service,
    Topic, UnlinkCause,
};

/// How often a client asks its node for a sign of life.
const PING: Duration = Duration::from_secs(1);

/// How long a client waits before it tries all addresses again: at first, and in the end.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// A client of a cluster: it is linked to one of the nodes, and to another when that one goes. It is no member, hosts
/// nothing, and nobody sees it but the node that it is linked to. Cheap to clone; it works until all clones are dropped.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: ClientId,
    link: watch::Receiver<Option<Arc<Link>>>,
}

impl Client {
    /// Links with the first of the addresses where a node takes it.
    ///
    /// `service` handles what nodes send it.
    ///
    /// # Errors
    /// When the certificates cannot be used, and when none of the addresses leads to a node that takes the client. Once
    /// it is linked, it looks for another node for as long as it takes.
    pub async fn connect(
        config: ClientConfig,
        service: Arc<dyn Service>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ClusterError> {
        let tls = config.tls.as_ref().map(|files| Tls::from_files(files, CLIENT)).transpose()?;
        let id = ClientId::random();
        let setup = Setup {
            myself: Peer::Client(id),
            facts: Facts { version: env!("CARGO_PKG_VERSION").to_owned(), ..Facts::default() },
            cookie: config.cookie,
            tls,
            insecure: config.insecure,
            limits: config.limits,
            metrics,
            protocol: PROTOCOL,
        };
        let (endpoint, happenings) = Endpoint::start(setup, service).await?;
        let (sender, link) = watch::channel(None);
        let (first, outcome) = oneshot::channel();
        let seeker = Seeker { endpoint, addresses: config.addresses, link: sender, happenings };
        tokio::spawn(seeker.run(first));
        let (tried, refusal) = match outcome.await {
            Ok(Ok(())) => return Ok(Self(Arc::new(Inner { id, link }))),
            Ok(Err(failed)) => failed,
            Err(_) => (String::new(), None),
        };
        Err(ClusterError::NoNode { tried, refusal })
    }

    /// Who this client is to the nodes.
    pub fn id(&self) -> ClientId {
        self.0.id
    }

    /// The node that it is linked to now.
    pub fn node(&self) -> Option<NodeId> {
        self.0.link.borrow().as_ref().and_then(|link| link.node().cloned())
    }

    /// Sends a message that has no answer to the node that it is linked to. It arrives once or not at all.
    ///
    /// # Errors
    /// When it is linked to none, when too much waits already, and when the message is too large.
    pub fn cast(&self, topic: Topic, context: &TraceContext, body: Bytes) -> Result<(), SendError> {
        let link = self.0.link.borrow().clone();
        link.ok_or(SendError::Unlinked { to: Recipient::Cluster })?.cast(topic, context, body)
    }

    /// Sends a message to the node that it is linked to, and waits for the answer. While it is linked to none, it waits
    /// for that too; both no longer than the limit.
    ///
    /// # Errors
    /// When it is not sent, as for [`cast`](Self::cast); when the link goes; when the answer does not come in time; when
    /// the node refuses or drops the call.
    pub async fn call(
        &self,
        topic: Topic,
        context: &TraceContext,
        body: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let deadline = Instant::now() + limit;
        let mut links = self.0.link.clone();
        loop {
            let linked = timeout_at(deadline, links.wait_for(Option::is_some)).await;
            let link = linked.ok().and_then(|linked| linked.ok()?.clone());
            let link = link.ok_or(SendError::Unlinked { to: Recipient::Cluster })?;
            let left = deadline.saturating_duration_since(Instant::now());
            match link.call(topic, context, body.clone(), left).await {
                // Nothing was sent: the link has just been closed.
                Err(CallError::NotSent(SendError::Unlinked { .. })) => {
                    let another = links.wait_for(|other| !is_same(other.as_ref(), &link));
                    // When there is none in time, that is found out above.
                    let _ = timeout_at(deadline, another).await;
                }
                outcome => return outcome,
            }
        }
    }
}

fn is_same(link: Option<&Arc<Link>>, other: &Arc<Link>) -> bool {
    link.is_some_and(|link| Arc::ptr_eq(link, other))
}

/// Keeps a client linked.
struct Seeker {
    endpoint: Arc<Endpoint>,
    addresses: Vec<String>,
    link: watch::Sender<Option<Arc<Link>>>,
    happenings: mpsc::UnboundedReceiver<Happening>,
}

impl Seeker {
    /// Says what came of the first round over the addresses; works on if that was a link.
    async fn run(mut self, first: oneshot::Sender<Result<(), (String, Option<Refusal>)>>) {
        let mut first = Some(first);
        let mut wait = WAIT.0;
        'rounds: loop {
            let (mut tried, mut refusal) = (vec![], None);
            for address in self.addresses.clone() {
                match self.seek(&address).await {
                    Ok(link) => {
                        self.link.send_replace(Some(Arc::clone(&link)));
                        if first.take().is_some_and(|first| first.send(Ok(())).is_err()) {
                            break 'rounds;
                        }
                        wait = WAIT.0;
                        if self.keep(&link).await.is_none() {
                            break 'rounds;
                        }
                    }
                    Err(failure) => {
                        refusal = failure.refusal();
                        tried.push(format!("{address}: {failure}"));
                    }
                }
            }
            if let Some(first) = first.take() {
                // Nobody may wait any more; there is nothing to go on with either way.
                let _ = first.send(Err((tried.join("; "), refusal)));
                break;
            }
            tracing::debug!(tried = tried.join("; "), "no node takes this client; it tries again");
            tokio::select! {
                () = sleep(wait) => wait = (2 * wait).min(WAIT.1),
                () = self.link.closed() => break,
            }
        }
        self.endpoint.stop();
    }

    async fn seek(&mut self, address: &str) -> Result<Arc<Link>, Failure> {
        self.endpoint.dial(address.to_owned());
        loop {
            match self.happenings.recv().await {
                Some(Happening::Opened { link, .. }) => return Ok(link),
                Some(Happening::Failed { failure, .. }) => return Err(failure),
                Some(Happening::Closed { .. } | Happening::Gossip { .. }) => {}
                None => return Err(Failure::Closed),
            }
        }
    }

    /// Returns when the link is gone; `None` when nobody is left who could use another.
    async fn keep(&mut self, link: &Arc<Link>) -> Option<()> {
        let mut ping = interval(PING);
        loop {
            tokio::select! {
                _ = ping.tick() => {
                    link.ping();
                    if link.is_stalled() {
                        link.close(UnlinkCause::Stopped, "the node does not handle what it is sent");
                    }
                }
                happening = self.happenings.recv() => {
                    if let Happening::Closed { .. } = happening? {
                        tracing::info!(node = %link.peer(), "unlinked; another node is looked for");
                        self.link.send_replace(None);
                        self.endpoint.service().gone(link.peer());
                        return Some(());
                    }
                }
                () = self.link.closed() => return None,
            }
        }
    }
}
