use std::time::Duration;

use evohub_monitoring::metrics::{Metrics, MetricsConfig};
use evohub_monitoring::traces::TraceContext;
use tokio::time::timeout;

use super::*;
use crate::wire::{Hello, PROTOCOL};
use crate::{ClientId, Incarnation, NodeId, Responder, Topic};

const SOON: Duration = Duration::from_secs(20);

struct Silent;

impl Service for Silent {
    fn cast(&self, _: &Peer, _: Topic, _: TraceContext, _: bytes::Bytes) {}
    fn call(&self, _: &Peer, _: Topic, _: TraceContext, _: bytes::Bytes, _: Responder) {}
}

struct End {
    endpoint: Arc<Endpoint>,
    happenings: mpsc::UnboundedReceiver<Happening>,
    address: String,
}

fn node(name: &str) -> Peer {
    Peer::Node(NodeId { name: name.parse().unwrap(), incarnation: Incarnation::first(7) })
}

fn setup(myself: Peer) -> Setup {
    Setup {
        myself,
        facts: Facts { version: "0.9".to_owned(), ..Facts::default() },
        cookie: SecretString::from("a cookie for tests"),
        tls: None,
        insecure: false,
        limits: TransportLimits::default(),
        metrics: Metrics::new(&MetricsConfig::default()),
        protocol: PROTOCOL,
    }
}

impl End {
    async fn start(setup: Setup) -> Self {
        let (endpoint, happenings) = Endpoint::start(setup, Arc::new(Silent)).await.unwrap();
        let socket = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        endpoint.accept(socket);
        Self { endpoint, happenings, address }
    }

    async fn next(&mut self) -> Happening {
        timeout(SOON, self.happenings.recv()).await.unwrap().unwrap()
    }

    /// What becomes of the next connection that somebody makes.
    #[cfg(feature = "certificates")]
    async fn judges(&mut self) -> Result<Arc<Link>, Failure> {
        loop {
            match self.next().await {
                Happening::Opened { link, .. } => return Ok(link),
                Happening::Failed { failure, .. } => return Err(failure),
                Happening::Closed { .. } | Happening::Gossip { .. } => {}
            }
        }
    }

    async fn fails(&mut self) -> (Option<String>, Failure) {
        match self.next().await {
            Happening::Failed { address, failure } => (address, failure),
            other => panic!("{other:?}"),
        }
    }

    fn refused(&self, reason: &str) -> bool {
        let page = self.endpoint.metrics.encode();
        page.contains(&format!("cluster_refused_total{{reason=\"{reason}\"}} 1\n"))
    }
}

#[tokio::test]
async fn both_ends_hear_of_a_link_and_of_its_end() {
    let (mut a, mut b) = (End::start(setup(node("a"))).await, End::start(setup(node("b"))).await);
    a.endpoint.dial(b.address.clone());
    let Happening::Opened { link, address, .. } = a.next().await else { panic!() };
    assert_eq!((link.peer(), address), (&node("b"), Some(b.address.clone())));
    let Happening::Opened { link: back, address, .. } = b.next().await else { panic!() };
    assert_eq!((back.peer(), address), (&node("a"), None));
    link.close(UnlinkCause::Stopped, "a test");
    assert!(matches!(a.next().await, Happening::Closed { cause: UnlinkCause::Stopped, .. }));
    assert!(matches!(b.next().await, Happening::Closed { cause: UnlinkCause::Closed, .. }));
    assert!(a.endpoint.channels.all().is_empty() && b.endpoint.channels.all().is_empty());
}

#[tokio::test]
async fn versions_that_differ_are_refused_at_both_ends() {
    let mut a = End::start(setup(node("a"))).await;
    let mut b = End::start(Setup { protocol: PROTOCOL + 1, ..setup(node("b")) }).await;
    a.endpoint.dial(b.address.clone());
    for (end, theirs) in [(&mut a, PROTOCOL + 1), (&mut b, PROTOCOL)] {
        let (_, failure) = end.fails().await;
        assert!(matches!(&failure, Failure::Version { theirs: said, .. } if *said == theirs), "{failure}");
        assert!(failure.to_string().contains("(evohub 0.9)") && end.refused("version"), "{failure}");
    }
}

#[tokio::test]
async fn cookies_that_differ_are_refused_at_both_ends() {
    let mut a = End::start(setup(node("a"))).await;
    let cookie = SecretString::from("another cookie for tests");
    let mut b = End::start(Setup { cookie, ..setup(node("b")) }).await;
    a.endpoint.dial(b.address.clone());
    assert_eq!(a.fails().await, (Some(b.address.clone()), Failure::MaybeCookie));
    assert_eq!(b.fails().await, (None, Failure::Cookie));
    assert!(a.refused("cookie") && b.refused("cookie"));
    assert!(!format!("{:?}", b.endpoint).contains("another cookie"));
}

#[tokio::test]
async fn a_node_that_dials_itself_finds_itself() {
    let mut a = End::start(setup(node("a"))).await;
    a.endpoint.dial(a.address.clone());
    let mut failures = [a.fails().await, a.fails().await];
    failures.sort_by_key(|(address, _)| address.is_none());
    assert_eq!(failures[0], (Some(a.address.clone()), Failure::Myself));
}

#[tokio::test]
async fn nobody_is_dialled_in_vain_for_long() {
    let mut a = End::start(setup(node("a"))).await;
    let gone = listen(([127, 0, 0, 1], 0).into()).unwrap().local_addr().unwrap().to_string();
    a.endpoint.dial(gone.clone());
    assert_eq!(a.fails().await, (Some(gone), Failure::Refused));
    a.endpoint.dial("nowhere".to_owned());
    assert!(matches!(a.fails().await.1, Failure::Unreachable(_)));
}

#[tokio::test]
async fn only_who_belongs_here_is_let_in() {
    let a = End::start(setup(node("a"))).await;
    let facts = Facts::default();
    let hello = |peer: &Peer| Hello { protocol: PROTOCOL, ..Hello::new(peer, &facts, 0) };
    let address = ([127, 0, 0, 1], 1).into();
    let channel = Channel::new(Arc::clone(&a.endpoint), address, Origin::Accepted, None, None);
    let client = Peer::Client(ClientId::random());
    assert_eq!(channel.judge(&hello(&node("b"))), Ok(node("b")));
    assert_eq!(channel.judge(&hello(&client)), Ok(client.clone()));
    assert!(matches!(channel.judge(&hello(&node("a"))), Err(Failure::Name(_))));
    let nameless = Hello { name: "No Name".to_owned(), ..hello(&node("b")) };
    assert_eq!(channel.judge(&nameless), Err(Failure::Garbage));

    let b = End::start(setup(client.clone())).await;
    let channel = Channel::new(Arc::clone(&b.endpoint), address, Origin::Accepted, None, None);
    assert!(matches!(channel.judge(&hello(&client)), Err(Failure::Name(_))));
}

#[cfg(feature = "certificates")]
#[tokio::test]
async fn a_certificate_is_good_for_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let files = crate::test_certificates(folder.path(), &["a", "b", "client"]).unwrap();
    let tls = |number: usize, name| Some(Tls::from_files(&files[number], name).unwrap());
    let mut a = End::start(Setup { tls: tls(0, "a"), ..setup(node("a")) }).await;
    for (number, name, says, is_good) in [
        (1, "b", node("b"), true),
        (1, "b", node("c"), false),
        (2, CLIENT, Peer::Client(ClientId::random()), true),
        (2, CLIENT, node("b"), false),
        (1, "b", Peer::Client(ClientId::random()), false),
    ] {
        let mut other = End::start(Setup { tls: tls(number, name), ..setup(says.clone()) }).await;
        other.endpoint.dial(a.address.clone());
        match a.judges().await {
            Ok(link) => assert!(is_good && link.peer() == &says, "{says}"),
            Err(failure) => {
                let name = tls::name_of(&says);
                let problem = format!("the certificate of the other end is not good for `{name}`");
                assert_eq!((failure, is_good), (Failure::Certificate(problem), false));
                // The other end may have had its link for a moment.
                if let Err(failure) = other.judges().await {
                    assert!(matches!(failure, Failure::Told(_)), "{failure}");
                }
            }
        }
        other.endpoint.stop();
    }
}
