//! Nodes that dial each other at the same time end up with one link, and lose nothing over it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use evohub_monitoring::traces::TraceContext;
use tokio::task::JoinSet;

use crate::echo::{ECHO, SOON, TestNode, config, name};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_while_all_meet() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let first = TestNode::start(config("a", vec![])).await;
    let seed = first.cluster.address().to_string();
    let mut nodes = vec![first];
    for called in &names[1..] {
        nodes.push(TestNode::start(config(called, vec![seed.clone()])).await);
    }
    let mut callers = JoinSet::new();
    for node in &nodes {
        for other in names.map(name).into_iter().filter(|other| *other != node.cluster.id().name) {
            let cluster = node.cluster.clone();
            callers.spawn(async move {
                cluster.view().wait_for(|view| view.is_usable(&other)).await.unwrap();
                // Longer than links that were replaced are kept.
                let until = Instant::now() + Duration::from_secs(3);
                while Instant::now() < until {
                    let context = TraceContext::default();
                    cluster.call(&other, ECHO, &context, Bytes::new(), SOON).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        }
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
}
