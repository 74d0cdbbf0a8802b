//! Who does not belong here is kept out, and harms nobody.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use evohub_cluster::{Cluster, ClusterConfig, TlsFiles, TransportLimits, test_certificates};
use evohub_monitoring::traces::TraceContext;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::echo::{ECHO, Echo, SOON, TestNode, config, metrics, name, sample};

/// Short enough for a test to wait for.
const HANDSHAKE: Duration = Duration::from_millis(300);

fn strict(config: ClusterConfig) -> ClusterConfig {
    let limits = TransportLimits { handshake: HANDSHAKE, unauthenticated: 32, ..TransportLimits::default() };
    ClusterConfig { limits, ..config }
}

/// Waits until the other end closes.
async fn is_closed(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let mut rest = vec![];
    let read = timeout(SOON, stream.read_to_end(&mut rest)).await.unwrap();
    let is_reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
    assert!(read.as_ref().err().is_none_or(is_reset), "{read:?}");
    begun.elapsed()
}

/// Another node links and is answered.
async fn works_on(node: &TestNode, config: ClusterConfig) {
    let seeds = vec![node.cluster.address().to_string()];
    let other = TestNode::start(ClusterConfig { seeds, ..config }).await;
    let (called, own) = (node.cluster.id().name, other.cluster.id().name);
    other.sees(|view| view.is_usable(&called)).await;
    let body = Bytes::from_static(b"x");
    let answer = other.cluster.call(&called, ECHO, &TraceContext::default(), body.clone(), SOON).await;
    assert_eq!(answer, Ok(body));
    node.sees(|view| view.is_usable(&own)).await;
    other.cluster.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cookie() {
    let a = TestNode::start(config("a", vec![])).await;
    let cookie = SecretString::from("not the cookie for tests");
    let seeds = vec![a.cluster.address().to_string()];
    let b = TestNode::start(ClusterConfig { cookie, ..config("b", seeds) }).await;
    a.counts("cluster_refused_total{reason=\"cookie\"}", 1).await;
    b.counts("cluster_refused_total{reason=\"cookie\"}", 2).await;
    assert_eq!(a.cluster.view().borrow().members.len(), 1);
    works_on(&a, config("c", vec![])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_said() {
    let refused = async |config: ClusterConfig| {
        let started = Cluster::start(config, Echo::new().0, metrics()).await;
        started.err().unwrap().to_string()
    };
    let short = ClusterConfig { cookie: SecretString::from("short"), ..config("a", vec![]) };
    assert!(refused(short).await.starts_with("the cookie has 5 characters and needs at least 16"));
    let open = ClusterConfig { listen: ([0, 0, 0, 0], 0).into(), ..config("a", vec![]) };
    assert!(refused(open).await.contains("can be reached from other machines and there are no certificates"));
    let anywhere = ClusterConfig { listen: ([0, 0, 0, 0], 0).into(), insecure: true, ..config("a", vec![]) };
    assert!(refused(anywhere).await.contains("stands for every address of this machine"));
    let a = TestNode::start(config("a", vec![])).await;
    let taken = ClusterConfig { listen: a.cluster.address(), ..config("b", vec![]) };
    assert!(refused(taken).await.contains("the port is taken by another program"));
}

fn with_tls(config: ClusterConfig, files: &TlsFiles) -> ClusterConfig {
    strict(ClusterConfig { tls: Some(files.clone()), ..config })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_others() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = test_certificates(ours.path(), &["a", "c"]).unwrap();
    let a = TestNode::start(with_tls(config("a", vec![]), &files[0])).await;
    let seeds = || vec![a.cluster.address().to_string()];

    // Of another authority.
    let foreign = test_certificates(theirs.path(), &["b"]).unwrap();
    let b = TestNode::start(with_tls(config("b", seeds()), &foreign[0])).await;
    b.counts("cluster_refused_total{reason=\"certificate\"}", 2).await;
    a.counts("cluster_refused_total{reason=\"certificate\"}", 1).await;
    b.cluster.leave().await;

    // Of another authority, whose bearer takes ours.
    let mixed = TlsFiles { authority: files[0].authority.clone(), ..foreign[0].clone() };
    let before = sample(&a.metrics, "cluster_refused_total{reason=\"certificate\"}") as u64;
    let b = TestNode::start(with_tls(config("b", seeds()), &mixed)).await;
    a.counts("cluster_refused_total{reason=\"certificate\"}", before + 1).await;
    b.counts("cluster_refused_total{reason=\"certificate\"}", 1).await;
    b.cluster.leave().await;

    // None at all.
    let before = sample(&a.metrics, "cluster_refused_total{reason=\"certificate\"}") as u64;
    without_certificate(a.cluster.address(), &files[0]).await;
    a.counts("cluster_refused_total{reason=\"certificate\"}", before + 1).await;

    // Not even TLS.
    let b = TestNode::start(config("b", seeds())).await;
    a.counts("cluster_refused_total{reason=\"garbage\"}", 1).await;
    b.cluster.leave().await;

    assert_eq!(a.cluster.view().borrow().members.len(), 1);
    works_on(&a, with_tls(config("c", vec![]), &files[1])).await;
}

async fn without_certificate(address: SocketAddr, files: &TlsFiles) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.authority).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    // It is refused after its own part of the handshake is over.
    let mut stream = connector.connect(ServerName::try_from("a").unwrap(), socket).await.unwrap();
    let read = timeout(SOON, stream.read_u8()).await.unwrap();
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_all_kinds() {
    let a = TestNode::start(strict(config("a", vec![]))).await;
    let dial = async || TcpStream::connect(a.cluster.address()).await.unwrap();
    // A frame larger than any, a request of another protocol, a frame that is none, and one that ends too early.
    let garbage: [&[u8]; 4] = [
        &[0xff; 64],
        b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
        &[0, 0, 0, 0, 0, 0, 0, 2, 0xff, 0xff],
        &[0, 0, 0, 0, 0, 0, 0, 9, 1],
    ];
    for bytes in garbage {
        let mut stream = dial().await;
        stream.write_all(bytes).await.unwrap();
        assert!(is_closed(&mut stream).await < SOON / 2, "{bytes:?}");
    }
    a.counts("cluster_refused_total{reason=\"garbage\"}", 3).await;
    a.counts("cluster_refused_total{reason=\"late\"}", 1).await;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..50 {
        let mut stream = dial().await;
        let mut bytes = vec![];
        for _ in 0..100 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        // It may be closed before it has taken all.
        let _ = stream.write_all(&bytes).await;
        is_closed(&mut stream).await;
    }
    works_on(&a, config("b", vec![])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_and_who_says_it_slowly() {
    let a = TestNode::start(strict(config("a", vec![]))).await;
    let mut silent = TcpStream::connect(a.cluster.address()).await.unwrap();
    let (mut read, mut write) = TcpStream::connect(a.cluster.address()).await.unwrap().into_split();
    let dripping = tokio::spawn(async move {
        // The length of a frame, and then the frame, a byte at a time.
        for byte in [0, 0, 0, 0, 0, 0, 1, 0].into_iter().chain([10; 256]) {
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(HANDSHAKE / 20).await;
        }
    });
    let waited = is_closed(&mut silent).await;
    assert!(waited >= HANDSHAKE / 2 && waited < HANDSHAKE + SOON / 2, "{waited:?}");
    let mut rest = vec![];
    let _ = timeout(SOON, read.read_to_end(&mut rest)).await.unwrap();
    dripping.abort();
    a.counts("cluster_refused_total{reason=\"late\"}", 2).await;
    works_on(&a, config("b", vec![])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_say_nothing() {
    let a = TestNode::start(strict(config("a", vec![]))).await;
    let b = TestNode::start(config("b", vec![a.cluster.address().to_string()])).await;
    b.sees(|view| view.is_usable(&name("a"))).await;
    let mut silent = vec![];
    for _ in 0..1000 {
        silent.push(TcpStream::connect(a.cluster.address()).await.unwrap());
    }
    for _ in 0..100 {
        let answer = b.cluster.call(&name("a"), ECHO, &TraceContext::default(), Bytes::new(), SOON).await;
        assert_eq!(answer, Ok(Bytes::new()));
    }
    for stream in &mut silent {
        is_closed(stream).await;
    }
    let count = |reason| sample(&a.metrics, &format!("cluster_refused_total{{reason=\"{reason}\"}}"));
    assert!(count("crowded") > 0.0 && count("late") >= 32.0, "{} and {}", count("crowded"), count("late"));
    assert!((1000.0 - count("crowded") - count("late")).abs() < 1.0);
    works_on(&a, config("c", vec![])).await;
    b.sees(|view| view.is_usable(&name("a"))).await;
}
