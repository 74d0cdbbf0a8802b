//! What is sent arrives.

use std::time::{Duration, Instant};

use bytes::Bytes;
use evohub_cluster::{CallError, Peer, Recipient, SendError, Topic, TransportLimits};
use evohub_monitoring::traces::TraceContext;

use crate::echo::{DROP, ECHO, KEEP, PANIC, REFUSE, SOON, TestNode, config, name, until};

fn trace() -> TraceContext {
    TraceContext::from_headers("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some("a=1"))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn casts_arrive_in_order_with_their_traces() {
    let [a, mut b] = TestNode::several(["a", "b"]).await;
    for number in 0..1000_u32 {
        let body = Bytes::copy_from_slice(&number.to_be_bytes());
        a.cluster.cast(&name("b"), Topic(9), &trace(), body).unwrap();
    }
    for number in 0..1000_u32 {
        let (from, topic, context, body) = b.hears().await;
        assert_eq!((from, topic), (Peer::Node(a.cluster.id()), Topic(9)));
        assert_eq!((context, &body[..]), (trace(), &number.to_be_bytes()[..]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_end_in_every_way() {
    let [a, b] = TestNode::several(["a", "b"]).await;
    let (called, none) = (b_name(), TraceContext::default());
    let to = Recipient::from(&called);
    let call = |topic, limit| a.cluster.call(&called, topic, &none, Bytes::from_static(b"x"), limit);
    assert_eq!(call(ECHO, SOON).await, Ok(Bytes::from_static(b"x")));
    let reason = "not today".to_owned();
    assert_eq!(call(REFUSE, SOON).await, Err(CallError::Refused { to: to.clone(), reason }));
    assert_eq!(call(DROP, SOON).await, Err(CallError::Lost { to: to.clone() }));
    assert_eq!(call(PANIC, SOON).await, Err(CallError::Lost { to: to.clone() }));
    let limit = Duration::from_millis(30);
    assert_eq!(call(KEEP, limit).await, Err(CallError::TimedOut { to: to.clone(), limit }));
    b.service.release();
    a.counts("cluster_late_answers_total", 1).await;

    let nobody = a.cluster.call(&name("c"), ECHO, &none, Bytes::new(), SOON).await;
    let unlinked = SendError::Unlinked { to: Recipient::from(&name("c")) };
    assert_eq!(nobody, Err(unlinked.into()));
    let large = a.cluster.call(&b_name(), ECHO, &none, vec![0; (64 << 20) + 1].into(), SOON).await;
    assert!(matches!(large, Err(CallError::NotSent(SendError::TooLarge { .. }))));
    let myself = a.cluster.call(&name("a"), ECHO, &none, Bytes::from_static(b"me"), SOON).await;
    assert_eq!(myself, Ok(Bytes::from_static(b"me")));
}

fn b_name() -> evohub_cluster::NodeName {
    name("b")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_fail_at_once_when_the_other_end_leaves() {
    let [a, b] = TestNode::several(["a", "b"]).await;
    let cluster = a.cluster.clone();
    let call = tokio::spawn(async move {
        cluster.call(&b_name(), KEEP, &TraceContext::default(), Bytes::new(), 10 * SOON).await
    });
    until("the call arrives", || b.service.kept() == 1).await;
    let left = Instant::now();
    b.cluster.leave().await;
    assert_eq!(call.await.unwrap(), Err(CallError::Unlinked { to: Recipient::from(&b_name()) }));
    assert!(left.elapsed() < SOON);
    a.sees(|view| !view.is_reachable(&b_name())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_holds_nobody_up() {
    let [a, b] = TestNode::several(["a", "b"]).await;
    let none = TraceContext::default();
    let body: Bytes = (0..32 << 20).map(|byte: u32| (byte % 251) as u8).collect();
    let cluster = a.cluster.clone();
    let sent = body.clone();
    let large = tokio::spawn(async move {
        cluster.call(&b_name(), ECHO, &TraceContext::default(), sent, 10 * SOON).await
    });
    let mut slowest = Duration::ZERO;
    let mut between = 0;
    while !large.is_finished() {
        let begun = Instant::now();
        let answer = a.cluster.call(&b_name(), ECHO, &none, Bytes::from_static(b"small"), SOON).await;
        assert_eq!(answer, Ok(Bytes::from_static(b"small")));
        slowest = slowest.max(begun.elapsed());
        between += 1;
    }
    assert!(large.await.unwrap().unwrap() == body);
    assert!(
        between > 10 && slowest < Duration::from_secs(2),
        "{between} calls, the slowest took {slowest:?}"
    );
    assert!(b.cluster.view().borrow().is_reachable(&name("a")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_frames_do_as_well() {
    let limits = TransportLimits { frame: 16 << 10, window: 32 << 10, ..TransportLimits::default() };
    let a = TestNode::start(evohub_cluster::ClusterConfig { limits, ..config("a", vec![]) }).await;
    let b = TestNode::start(config("b", vec![a.cluster.address().to_string()])).await;
    a.sees(|view| view.is_usable(&b_name())).await;
    b.sees(|view| view.is_usable(&name("a"))).await;
    for size in [0, 1, 4000, 5000, 100_000, 3 << 20] {
        let body = Bytes::from(vec![7; size]);
        let answer = a.cluster.call(&b_name(), ECHO, &TraceContext::default(), body.clone(), SOON).await;
        assert!(answer.unwrap() == body, "{size}");
    }
}
