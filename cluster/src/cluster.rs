//! A node of a cluster.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use evohub_monitoring::metrics::Metrics;
use evohub_monitoring::traces::TraceContext;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::endpoint::{self, Endpoint, Setup};
use crate::link::{Link, Outcome};
use crate::node::{Node, Order};
use crate::wire::PROTOCOL;
use crate::{
    CallError, Change, ClusterConfig, ClusterError, Incarnation, Load, Membership, NodeId, Peer, Recipient,
    Responder, SendError, Service, Topic, View,
};

/// How many changes may wait for somebody who listens to them.
const MOST_CHANGES: usize = 1024;

/// A node of a cluster: it finds the others, links with them, and knows who is alive. Cheap to clone; it works until it
/// leaves, or until all clones are dropped.
#[derive(Clone, Debug)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Arc<Endpoint>,
    address: SocketAddr,
    view: watch::Receiver<Arc<View>>,
    changes: broadcast::Sender<Change>,
    orders: mpsc::UnboundedSender<Order>,
}

impl Cluster {
    /// Listens, and links with the seeds and with all whom they know, now and for as long as the node lives.
    ///
    /// # Errors
    /// When other machines reach the address without certificates or cannot be told which it is, when the certificates cannot be used or are not good
    /// for the node's name, and when the address cannot be had. That no seed answers is none: they are tried for ever.
    pub async fn start(
        config: ClusterConfig,
        service: Arc<dyn Service>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ClusterError> {
        let tls = config.checked()?;
        let socket = endpoint::listen(config.listen)?;
        let address =
            socket.local_addr().map_err(|source| ClusterError::Bind { address: config.listen, source })?;
        let mut facts = config.facts;
        facts.address = config.advertise.unwrap_or_else(|| address.to_string());
        let id = NodeId { name: config.name, incarnation: Incarnation::first(now()) };
        let setup = Setup {
            myself: Peer::Node(id.clone()),
            facts: facts.clone(),
            cookie: config.cookie,
            tls,
            insecure: config.insecure,
            limits: config.limits,
            metrics: Arc::clone(&metrics),
            protocol: PROTOCOL,
        };
        let (endpoint, happenings) = Endpoint::start(setup, service).await?;
        let membership = Membership::new(config.membership.clone(), id, facts, config.seeds, rand::random());
        let (view_sender, view) = watch::channel(Arc::new(membership.view()));
        let (changes, _) = broadcast::channel(MOST_CHANGES);
        let (orders, ordered) = mpsc::unbounded_channel();
        let shown = (view_sender, changes.clone());
        let acceptor = endpoint.accept(socket);
        let node = Node::new(Arc::clone(&endpoint), membership, &config.membership, shown, acceptor);
        tokio::spawn(node.run(happenings, ordered));
        let watched = Arc::downgrade(endpoint.links());
        metrics.cluster.links(move || {
            let silence = |link: &Arc<Link>| (link.peer().to_string(), link.silence());
            Some(watched.upgrade()?.nodes().iter().map(silence).collect())
        });
        Ok(Self(Arc::new(Inner { endpoint, address, view, changes, orders })))
    }

    /// Who this node is, in its newest life.
    pub fn id(&self) -> NodeId {
        let view = self.0.view.borrow();
        let newest = view.member(&view.myself).map(|member| member.id.clone());
        match (newest, self.0.endpoint.myself()) {
            (Some(id), _) | (None, Peer::Node(id)) => id,
            (None, Peer::Client(_)) => unreachable!("the endpoint of a node is that of a node"),
        }
    }

    /// Where it listens, with the port that it has.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What it knows of the nodes, now and from now on. It is closed when the node has stopped: it has left, or another
    /// process has taken its name.
    pub fn view(&self) -> watch::Receiver<Arc<View>> {
        self.0.view.clone()
    }

    /// What becomes of nodes from now on. Who falls behind by more than 1024 changes is told so, and finds the outcome
    /// in the [`view`](Self::view), which is never behind a change that was heard.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Tells the others what this node has to do, with its next heartbeats.
    pub fn report(&self, load: Load) {
        self.order(Order::Report(load));
    }

    /// Sends a message that has no answer. It arrives once or not at all.
    ///
    /// # Errors
    /// When the recipient is not linked, when too much waits for it already, and when the message is too large. Nothing
    /// has been sent then.
    pub fn cast(
        &self,
        to: impl Into<Recipient>,
        topic: Topic,
        context: &TraceContext,
        body: Bytes,
    ) -> Result<(), SendError> {
        let to = to.into();
        if let Some(myself) = self.is_myself(&to) {
            self.0.endpoint.service().cast(&myself, topic, context.clone(), body);
            return Ok(());
        }
        match self.0.endpoint.links().to(&to) {
            Some(link) => link.cast(topic, context, body),
            None => Err(SendError::Unlinked { to }),
        }
    }

    /// Sends a message and waits for its answer, no longer than the limit. A message to this node itself is handled
    /// before this waits.
    ///
    /// # Errors
    /// When it is not sent, as for [`cast`](Self::cast); when the link goes, which is noticed at once; when the answer
    /// does not come in time; when the other end refuses or drops the call.
    pub async fn call(
        &self,
        to: impl Into<Recipient>,
        topic: Topic,
        context: &TraceContext,
        body: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let to = to.into();
        if let Some(myself) = self.is_myself(&to) {
            let (waiting, outcome) = oneshot::channel();
            let answer = Responder::to_myself(waiting, limit);
            self.0.endpoint.service().call(&myself, topic, context.clone(), body, answer);
            return match timeout(limit, outcome).await {
                Ok(outcome) => outcome.unwrap_or(Outcome::Lost).into_answer(to),
                Err(_) => Err(CallError::TimedOut { to, limit }),
            };
        }
        match self.0.endpoint.links().to(&to) {
            Some(link) => link.call(topic, context, body, limit).await,
            None => Err(SendError::Unlinked { to }.into()),
        }
    }

    /// Has the others give this node no new work.
    pub fn drain(&self) {
        self.order(Order::Drain);
    }

    /// Says goodbye and closes all links. What was sent before is given half a second to arrive.
    pub async fn leave(self) {
        let (done, is_done) = oneshot::channel();
        self.order(Order::Leave(done));
        // The node drops its end when all is closed.
        let _ = is_done.await;
    }

    fn order(&self, order: Order) {
        // A node that has left takes no orders.
        let _ = self.0.orders.send(order);
    }

    fn is_myself(&self, to: &Recipient) -> Option<Peer> {
        let Recipient::Node(name) = to else { return None };
        Some(self.0.endpoint.myself()).filter(|myself| matches!(myself, Peer::Node(id) if id.name == *name))
    }
}

/// Milliseconds since the epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
