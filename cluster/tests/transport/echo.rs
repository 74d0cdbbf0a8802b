//! A service that answers in all the ways that there are, and nodes that have it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evohub_cluster::{
    Cluster, ClusterConfig, Facts, MembershipConfig, NodeName, Peer, Responder, Service, Topic,
    TransportLimits, View,
};
use evohub_monitoring::metrics::{Metrics, MetricsConfig};
use evohub_monitoring::traces::TraceContext;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Is answered with what it says.
pub(crate) const ECHO: Topic = Topic(1);
/// Is refused.
pub(crate) const REFUSE: Topic = Topic(2);
/// Is dropped.
pub(crate) const DROP: Topic = Topic(3);
/// Is kept and never answered.
pub(crate) const KEEP: Topic = Topic(4);
/// Has the handler panic.
pub(crate) const PANIC: Topic = Topic(5);

pub(crate) const COOKIE: &str = "a cookie for tests";

/// How long anything may take that should take no time.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What was cast, and by whom.
pub(crate) type Heard = (Peer, Topic, TraceContext, Bytes);

/// Answers calls by their topics, and passes on what is cast.
#[derive(Debug)]
pub(crate) struct Echo {
    heard: mpsc::UnboundedSender<Heard>,
    kept: Mutex<Vec<Responder>>,
}

impl Echo {
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Heard>) {
        let (heard, hear) = mpsc::unbounded_channel();
        (Arc::new(Self { heard, kept: Mutex::default() }), hear)
    }

    /// How many calls it keeps.
    pub(crate) fn kept(&self) -> usize {
        self.kept.lock().unwrap().len()
    }

    /// Answers the calls that it keeps.
    pub(crate) fn release(&self) {
        for kept in self.kept.lock().unwrap().drain(..) {
            kept.send(Ok(Bytes::new()));
        }
    }
}

impl Service for Echo {
    fn cast(&self, from: &Peer, topic: Topic, context: TraceContext, body: Bytes) {
        let _ = self.heard.send((from.clone(), topic, context, body));
    }

    fn call(&self, _: &Peer, topic: Topic, _: TraceContext, body: Bytes, answer: Responder) {
        match topic {
            ECHO => answer.send(Ok(body)),
            REFUSE => answer.send(Err("not today".to_owned())),
            KEEP => self.kept.lock().unwrap().push(answer),
            PANIC => panic!("a handler that panics"),
            _ => drop(answer),
        }
    }
}

pub(crate) fn name(name: &str) -> NodeName {
    name.parse().unwrap()
}

pub(crate) fn metrics() -> Arc<Metrics> {
    Metrics::new(&MetricsConfig::default())
}

pub(crate) fn config(called: &str, seeds: Vec<String>) -> ClusterConfig {
    ClusterConfig {
        name: name(called),
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: None,
        seeds,
        cookie: SecretString::from(COOKIE),
        tls: None,
        insecure: false,
        facts: Facts { version: "0".to_owned(), ..Facts::default() },
        membership: MembershipConfig::default(),
        limits: TransportLimits::default(),
    }
}

/// A node of this process.
pub(crate) struct TestNode {
    pub(crate) cluster: Cluster,
    pub(crate) service: Arc<Echo>,
    pub(crate) heard: mpsc::UnboundedReceiver<Heard>,
    pub(crate) metrics: Arc<Metrics>,
}

impl TestNode {
    pub(crate) async fn start(config: ClusterConfig) -> Self {
        let (service, heard) = Echo::new();
        let metrics = metrics();
        let cluster = Cluster::start(config, service.clone(), metrics.clone()).await.unwrap();
        Self { cluster, service, heard, metrics }
    }

    /// Nodes of these names, all of which know the first.
    pub(crate) async fn several<const N: usize>(names: [&str; N]) -> [Self; N] {
        let mut nodes = vec![];
        for called in names {
            let seeds = nodes.first().map(|first: &Self| first.cluster.address().to_string());
            nodes.push(Self::start(config(called, seeds.into_iter().collect())).await);
        }
        for node in &nodes {
            node.sees(|view| names.iter().all(|other| view.is_usable(&name(other)))).await;
        }
        nodes.try_into().ok().unwrap()
    }

    /// Waits until its view is so.
    pub(crate) async fn sees(&self, is_so: impl Fn(&View) -> bool) {
        let mut view = self.cluster.view();
        let seen = timeout(SOON, view.wait_for(|view| is_so(view))).await;
        assert!(seen.is_ok(), "{:?}", self.cluster.view().borrow());
    }

    /// Waits until a counter has at least that value.
    pub(crate) async fn counts(&self, sample: &str, least: u64) {
        counts(&self.metrics, sample, least).await;
    }

    pub(crate) async fn hears(&mut self) -> Heard {
        timeout(SOON, self.heard.recv()).await.unwrap().unwrap()
    }
}

/// The value of a sample on the page.
pub(crate) fn sample(metrics: &Metrics, sample: &str) -> f64 {
    let page = metrics.encode();
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample}")).parse().unwrap()
}

/// Waits until a counter has at least that value.
pub(crate) async fn counts(metrics: &Metrics, counter: &str, least: u64) {
    let reached = async {
        while sample(metrics, counter) < least as f64 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let is_reached = timeout(SOON, reached).await.is_ok();
    assert!(is_reached, "{counter} is {} and should be {least}", sample(metrics, counter));
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let reached = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(SOON, reached).await.is_ok(), "{what}");
}
