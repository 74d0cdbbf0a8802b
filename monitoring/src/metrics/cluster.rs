//! The nodes of the cluster, the links between them, and what they give each other to do.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};

use super::declare::Declarations;
use super::labels::{OTHER, label_set, open};
use super::name::families;
use super::series::Series;

label_set!(StateLabels { state: closed });
label_set!(PeerLabels { peer: open });
label_set!(CauseLabels { cause: closed });
label_set!(ReasonLabels { reason: closed });
label_set!(DirectionLabels { direction: closed });

families! {
    CLUSTER_NODES: Gauge<StateLabels> = "cluster_nodes",
        "Nodes of the cluster as this one knows them, itself included, by state; those that left or died \
         for as long as they are remembered";
    CLUSTER_WORKERS_AVAILABLE: Gauge = "cluster_workers_available",
        "Evaluations that the living nodes could begin at once, over the whole cluster";
    CLUSTER_WORKERS_BUSY: Gauge = "cluster_workers_busy",
        "Evaluations under way, over the whole cluster";
    CLUSTER_LINK_HEARTBEAT: Gauge<PeerLabels> = "cluster_link_heartbeat" in "seconds",
        "Time since a linked node was last heard, by any message over the link";
    CLUSTER_REDISPATCHED: Counter<CauseLabels> = "cluster_redispatched",
        "Evaluations that were given to another node after the first did not bring them to an end, by cause";
    CLUSTER_LEASE_TAKEOVERS: Counter = "cluster_lease_takeovers",
        "Jobs that this node took over after their owner was gone";
    CLUSTER_PERMITS: Gauge<PeerLabels> = "cluster_permits",
        "Evaluations that this node may have under way at a node at once";
    CLUSTER_REFUSED: Counter<ReasonLabels> = "cluster_refused",
        "Connections, made or accepted, that did not become a link because one of the ends refused, by \
         reason";
    CLUSTER_LINK_BYTES: Counter<DirectionLabels> = "cluster_link" in "bytes",
        "Bytes that went over links to nodes and clients, before encryption";
    CLUSTER_DUPLICATES: Counter = "cluster_duplicates",
        "Results that came after another node had brought the same one";
    CLUSTER_HEDGED: Counter = "cluster_hedged",
        "Evaluations that were given to a second node because the first took long";
    CLUSTER_LATE_ANSWERS: Counter = "cluster_late_answers",
        "Answers of other nodes that came when nobody waited for them any more";
}

/// Most linked nodes that have a series of their own; what comes on top is `other`, with the longest silence.
const MOST_PEERS: usize = 256;

/// What a node is doing, as this process knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It works.
    Alive,
    /// It finishes what it has.
    Draining,
    /// It said goodbye.
    Left,
    /// It was found dead.
    Dead,
}

/// Why a connection was not made a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The two ends have different cookies.
    Cookie,
    /// A certificate is missing, of another authority, or not good for the name of the node.
    Certificate,
    /// The two ends speak different versions of the protocol.
    Version,
    /// What came is not of the protocol.
    Garbage,
    /// The handshake was not over in time.
    Late,
    /// There was no room for another.
    Crowded,
    /// The name is this node's own, or that of a newer process.
    Name,
    /// The two ends keep their jobs in different places.
    Store,
}

/// Why a piece of work was given out once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedispatchCause {
    /// The node that had it is gone.
    NodeDown,
    /// Its time was over.
    Expired,
    /// The node that had it could not do it.
    Failed,
    /// The node that had it took no more.
    Busy,
}

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From other nodes.
    Received,
    /// To other nodes.
    Sent,
}

/// Tells how long each linked node has been silent, or that the node whose links they were is gone.
type Look = Box<dyn Fn() -> Option<Vec<(String, Duration)>> + Send + Sync>;

/// The cluster as this process sees it.
#[derive(Debug)]
pub struct ClusterMetrics {
    nodes: [Gauge; 4],
    workers_available: Gauge,
    workers_busy: Gauge,
    links: Arc<Links>,
    redispatched: [Counter; 4],
    takeovers: Counter,
    permits: Series<PeerLabels, Gauge>,
    refused: [Counter; 8],
    bytes: [Counter; 2],
    duplicates: Counter,
    hedged: Counter,
    late_answers: Counter,
}

impl NodeState {
    const ALL: [Self; 4] = [Self::Alive, Self::Draining, Self::Left, Self::Dead];

    fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Draining => "draining",
            Self::Left => "left",
            Self::Dead => "dead",
        }
    }
}

impl Refusal {
    const ALL: [Self; 8] = [
        Self::Cookie,
        Self::Certificate,
        Self::Version,
        Self::Garbage,
        Self::Late,
        Self::Crowded,
        Self::Name,
        Self::Store,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Certificate => "certificate",
            Self::Version => "version",
            Self::Garbage => "garbage",
            Self::Late => "late",
            Self::Crowded => "crowded",
            Self::Name => "name",
            Self::Store => "store",
        }
    }
}

impl RedispatchCause {
    const ALL: [Self; 4] = [Self::NodeDown, Self::Expired, Self::Failed, Self::Busy];

    fn as_str(self) -> &'static str {
        match self {
            Self::NodeDown => "node_down",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Busy => "busy",
        }
    }
}

impl Direction {
    const ALL: [Self; 2] = [Self::Received, Self::Sent];

    fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

impl ClusterMetrics {
    pub(super) fn declare(declare: &mut Declarations) -> Self {
        let nodes: Series<StateLabels, Gauge> = declare.gauges(names::CLUSTER_NODES);
        let workers_available = declare.gauge(names::CLUSTER_WORKERS_AVAILABLE);
        let workers_busy = declare.gauge(names::CLUSTER_WORKERS_BUSY);
        let links = Arc::new(Links::default());
        declare.collector([names::CLUSTER_LINK_HEARTBEAT.declaration()], Arc::clone(&links));
        let redispatched: Series<CauseLabels, Counter> = declare.counters(names::CLUSTER_REDISPATCHED);
        let takeovers = declare.counter(names::CLUSTER_LEASE_TAKEOVERS);
        let permits = declare.gauges(names::CLUSTER_PERMITS);
        let refused: Series<ReasonLabels, Counter> = declare.counters(names::CLUSTER_REFUSED);
        let bytes: Series<DirectionLabels, Counter> = declare.counters(names::CLUSTER_LINK_BYTES);
        Self {
            nodes: NodeState::ALL.map(|state| nodes.get(&StateLabels { state: state.as_str().into() })),
            workers_available,
            workers_busy,
            links,
            redispatched: RedispatchCause::ALL
                .map(|cause| redispatched.get(&CauseLabels { cause: cause.as_str().into() })),
            takeovers,
            permits,
            refused: Refusal::ALL.map(|reason| refused.get(&ReasonLabels { reason: reason.as_str().into() })),
            bytes: Direction::ALL
                .map(|direction| bytes.get(&DirectionLabels { direction: direction.as_str().into() })),
            duplicates: declare.counter(names::CLUSTER_DUPLICATES),
            hedged: declare.counter(names::CLUSTER_HEDGED),
            late_answers: declare.counter(names::CLUSTER_LATE_ANSWERS),
        }
    }

    /// Says how many nodes are in a state.
    pub fn nodes(&self, state: NodeState, count: usize) {
        self.nodes[state as usize].set(count.try_into().unwrap_or(i64::MAX));
    }

    /// Says what the workers of all living nodes do.
    pub fn workers(&self, available: u64, busy: u64) {
        self.workers_available.set(available.try_into().unwrap_or(i64::MAX));
        self.workers_busy.set(busy.try_into().unwrap_or(i64::MAX));
    }

    /// Has the silence of linked nodes shown until `look` says that the node whose links they are is gone.
    pub fn links(&self, look: impl Fn() -> Option<Vec<(String, Duration)>> + Send + Sync + 'static) {
        self.links.lock().push(Box::new(look));
    }

    /// An evaluation is given out once more.
    pub fn redispatched(&self, cause: RedispatchCause) {
        self.redispatched[cause as usize].inc();
    }

    /// A job of a node that is gone is this node's now.
    pub fn taken_over(&self) {
        self.takeovers.inc();
    }

    /// Says how many evaluations this node may have under way at another.
    pub fn permits(&self, peer: &str, count: u64) {
        self.permits.get(&PeerLabels { peer: open(peer) }).set(count.try_into().unwrap_or(i64::MAX));
    }

    /// A connection did not become a link.
    pub fn refused(&self, reason: Refusal) {
        self.refused[reason as usize].inc();
    }

    /// Bytes went over a link.
    pub fn transferred(&self, direction: Direction, bytes: usize) {
        self.bytes[direction as usize].inc_by(bytes as u64);
    }

    /// A result came a second time.
    pub fn duplicate(&self) {
        self.duplicates.inc();
    }

    /// An evaluation is given to a second node.
    pub fn hedged(&self) {
        self.hedged.inc();
    }

    /// An answer came when nobody waited for it any more.
    pub fn late_answer(&self) {
        self.late_answers.inc();
    }
}

/// The links of the nodes of the process.
#[derive(Default)]
struct Links(Mutex<Vec<Look>>);

impl Links {
    fn lock(&self) -> MutexGuard<'_, Vec<Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").finish_non_exhaustive()
    }
}

impl Collector for Links {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut silences = vec![];
        self.lock().retain(|look| {
            look().is_some_and(|found| {
                silences.extend(found);
                true
            })
        });
        if silences.is_empty() {
            return Ok(());
        }
        let heartbeat = names::CLUSTER_LINK_HEARTBEAT;
        let unit = heartbeat.encoded_unit();
        let mut family = encoder.encode_descriptor(
            heartbeat.bare(),
            heartbeat.help(),
            unit.as_ref(),
            MetricType::Gauge,
        )?;
        let folded = silences.get(MOST_PEERS..).unwrap_or_default().iter().map(|(_, silence)| *silence).max();
        silences.truncate(MOST_PEERS);
        silences.extend(folded.map(|longest| (OTHER.to_owned(), longest)));
        for (peer, silence) in silences {
            let peer = open(&peer);
            let gauge = ConstGauge::new(silence.as_secs_f64());
            gauge.encode(family.encode_family(&[(heartbeat.labels().peer, peer.as_ref())])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::{Metrics, MetricsConfig};

    use super::*;

    #[test]
    fn silence_is_shown_while_there_are_links() {
        let metrics = Metrics::new(&MetricsConfig::default());
        let links = Arc::new(vec![("b".to_owned(), Duration::from_millis(1500))]);
        let weak = Arc::downgrade(&links);
        metrics.cluster.links(move || weak.upgrade().map(|links| links.to_vec()));
        let line = "cluster_link_heartbeat_seconds{peer=\"b\"} 1.5\n";
        assert!(metrics.encode().contains(line));
        drop(links);
        assert!(!metrics.encode().contains("cluster_link_heartbeat_seconds{"));
    }

    #[test]
    fn many_links_share_a_series() {
        let metrics = Metrics::new(&MetricsConfig::default());
        metrics.cluster.links(|| {
            Some((0..300).map(|number| (format!("n{number}"), Duration::from_secs(number))).collect())
        });
        let page = metrics.encode();
        assert_eq!(page.matches("cluster_link_heartbeat_seconds{").count(), MOST_PEERS + 1);
        assert!(page.contains("cluster_link_heartbeat_seconds{peer=\"other\"} 299.0\n"), "{page}");
    }

    #[test]
    fn what_is_counted_is_on_the_page() {
        let metrics = Metrics::new(&MetricsConfig::default());
        metrics.cluster.nodes(NodeState::Alive, 3);
        metrics.cluster.refused(Refusal::Cookie);
        metrics.cluster.transferred(Direction::Sent, 7);
        metrics.cluster.permits("b", 4);
        let page = metrics.encode();
        for line in [
            "cluster_nodes{state=\"alive\"} 3\n",
            "cluster_refused_total{reason=\"cookie\"} 1\n",
            "cluster_refused_total{reason=\"version\"} 0\n",
            "cluster_link_bytes_total{direction=\"sent\"} 7\n",
            "cluster_permits{peer=\"b\"} 4\n",
        ] {
            assert!(page.contains(line), "{line}");
        }
    }
}
