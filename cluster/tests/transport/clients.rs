//! Clients: no members, and at home with any node.

use std::time::Duration;

use bytes::Bytes;
use evohub_cluster::{
    CallError, Client, ClientConfig, ClusterConfig, ClusterError, Peer, SendError, TlsFiles, Topic,
    TransportLimits, test_certificates,
};
use evohub_monitoring::traces::TraceContext;
use secrecy::SecretString;
use tokio::time::timeout;

use crate::echo::{COOKIE, ECHO, Echo, KEEP, SOON, TestNode, config, metrics, name, until};

fn client(addresses: Vec<String>) -> ClientConfig {
    ClientConfig {
        addresses,
        cookie: SecretString::from(COOKIE),
        tls: None,
        insecure: false,
        limits: TransportLimits::default(),
    }
}

async fn echo(client: &Client) -> Result<Bytes, CallError> {
    client.call(ECHO, &TraceContext::default(), Bytes::from_static(b"x"), SOON).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_is_told_of_events() {
    let mut node = TestNode::start(config("a", vec![])).await;
    let (service, mut events) = Echo::new();
    let client =
        Client::connect(client(vec![node.cluster.address().to_string()]), service, metrics()).await.unwrap();
    assert_eq!(client.node(), Some(node.cluster.id()));
    assert_eq!(echo(&client).await, Ok(Bytes::from_static(b"x")));
    client.cast(Topic(7), &TraceContext::default(), Bytes::from_static(b"tell me")).unwrap();
    let (from, ..) = node.hears().await;
    assert_eq!(from, Peer::Client(client.id()));
    node.cluster.cast(&from, Topic(8), &TraceContext::default(), Bytes::from_static(b"news")).unwrap();
    let (from_node, topic, _, body) = timeout(SOON, events.recv()).await.unwrap().unwrap();
    assert_eq!((from_node, topic, &body[..]), (Peer::Node(node.cluster.id()), Topic(8), &b"news"[..]));
    assert_eq!(node.cluster.view().borrow().members.len(), 1, "a client is no member");
    drop(client);
    let to = evohub_cluster::Recipient::from(&from);
    let cast = || node.cluster.cast(&from, Topic(8), &TraceContext::default(), Bytes::new());
    until("the node hears that the client is gone", || cast() == Err(SendError::Unlinked { to: to.clone() }))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_to_another_node_when_its_own_goes() {
    let [a, b] = TestNode::several(["a", "b"]).await;
    let addresses = [&a, &b].map(|node| node.cluster.address().to_string()).to_vec();
    let client = Client::connect(client(addresses), Echo::new().0, metrics()).await.unwrap();
    assert_eq!(client.node().map(|id| id.name), Some(name("a")));
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call(KEEP, &TraceContext::default(), Bytes::new(), 10 * SOON).await }
    });
    until("the call arrives", || a.service.kept() == 1).await;
    a.cluster.leave().await;
    assert!(matches!(waiting.await.unwrap(), Err(CallError::Unlinked { .. })));
    let answered = async {
        while echo(&client).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, answered).await.unwrap();
    assert_eq!(client.node().map(|id| id.name), Some(name("b")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_why_no_node_takes_it() {
    let a = TestNode::start(config("a", vec![])).await;
    let gone = TestNode::start(config("b", vec![])).await;
    let nobody = gone.cluster.address().to_string();
    gone.cluster.leave().await;
    let another = ClientConfig {
        cookie: SecretString::from("not the cookie for tests"),
        ..client(vec![nobody.clone(), a.cluster.address().to_string()])
    };
    let error = Client::connect(another, Echo::new().0, metrics()).await.unwrap_err();
    assert!(matches!(error, ClusterError::NoNode { .. }));
    let error = error.to_string();
    assert!(error.contains(&format!("{nobody}: nobody listens there")), "{error}");
    assert!(error.contains("it may have another cookie"), "{error}");
    a.counts("cluster_refused_total{reason=\"cookie\"}", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_room_for_so_many() {
    let limits = TransportLimits { clients: 1, ..TransportLimits::default() };
    let a = TestNode::start(ClusterConfig { limits, ..config("a", vec![]) }).await;
    let addresses = vec![a.cluster.address().to_string()];
    let first = Client::connect(client(addresses.clone()), Echo::new().0, metrics()).await.unwrap();
    let second = Client::connect(client(addresses), Echo::new().0, metrics()).await;
    a.counts("cluster_refused_total{reason=\"crowded\"}", 1).await;
    assert_eq!(echo(&first).await, Ok(Bytes::from_static(b"x")));
    drop(first);
    // The second goes on trying.
    assert_eq!(echo(&second.unwrap()).await, Ok(Bytes::from_static(b"x")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shows_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let files = test_certificates(folder.path(), &["a", "client"]).unwrap();
    let a = TestNode::start(ClusterConfig { tls: Some(files[0].clone()), ..config("a", vec![]) }).await;
    let with = |files: &TlsFiles| ClientConfig {
        tls: Some(files.clone()),
        ..client(vec![a.cluster.address().to_string()])
    };
    let linked = Client::connect(with(&files[1]), Echo::new().0, metrics()).await.unwrap();
    assert_eq!(echo(&linked).await, Ok(Bytes::from_static(b"x")));
    let error = Client::connect(with(&files[0]), Echo::new().0, metrics()).await.unwrap_err().to_string();
    assert!(error.contains("is not good for `client`"), "{error}");
}
