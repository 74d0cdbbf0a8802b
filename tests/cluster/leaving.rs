//! Nodes that leave, are drained, and come.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cluster::{Cluster, Job};
use crate::database::Database;
use crate::process::until;

/// How long a node may take to hand over its work and end.
const LEAVING: Duration = Duration::from_secs(10);

#[test]
fn the_owner_leaves() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(120);
    leave(&mut cluster, 0, &job);
}

#[test]
fn a_host_leaves() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(120);
    let host = *cluster.hosts(&job).values().find(|host| **host != 0).expect("islands are spread");
    leave(&mut cluster, host, &job);
}

/// Has a node leave. Nothing is lost by that, so nothing may be asked for again.
fn leave(cluster: &mut Cluster, number: usize, job: &Job) {
    let start = Instant::now();
    cluster.nodes[number].signal(Signal::TERM);
    assert_eq!(cluster.nodes[number].wait(), Some(0), "{}", cluster.nodes[number].said());
    let took = start.elapsed();
    println!("{} was gone after {took:?}", cluster.nodes[number].name);
    assert!(took < LEAVING, "{took:?}");
    cluster.wait_for_more(1);
    cluster.check(job);
    for other in cluster.running() {
        let node = &cluster.nodes[other];
        assert_eq!(node.value("cluster_nodes{state=\"left\"}"), 1.0);
        assert_eq!(node.cluster_check()["status"], "healthy", "who leaves is not missed");
    }
}

#[test]
fn a_drained_node_has_nothing_and_gets_nothing() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(120);
    let host = *cluster.hosts(&job).values().find(|host| **host != 0).expect("islands are spread");
    let name = cluster.nodes[host].name.clone();
    // Asked of another node.
    cluster.run(&["node", "drain", &name], 0).done();
    let asked = cluster.lab.askers("1")[&name];
    until("its heartbeats show that it has nothing", || {
        let status = cluster.run(&["status", "--json"], 0).done().json();
        let mut nodes = status["nodes"].as_array().unwrap().iter();
        let drained = nodes.find(|node| node["name"] == *name).unwrap();
        assert_eq!(drained["state"], "draining");
        (drained["islands"] == serde_json::json!([]) && drained["busy"] == 0).then_some(())
    });
    cluster.check(&job);
    assert_eq!(cluster.lab.askers("1")[&name], asked, "it is given nothing more");
    cluster.nodes[host].signal(Signal::TERM);
    assert_eq!(cluster.nodes[host].wait(), Some(0));
}

#[test]
fn one_that_comes_late_takes_its_part() {
    let mut cluster = Cluster::start(2);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(80);
    cluster.add(2);
    cluster.check(&job);
    cluster.until_whole();
    let askers = cluster.lab.askers("1");
    assert!(askers["c"] > 20, "{askers:?}");
}

#[test]
fn one_that_cannot_open_a_job_is_done_without() {
    let mut cluster = Cluster::new(Database::shared(), &[]);
    cluster.seat(2).has_key = false;
    (0..3).for_each(|number| cluster.add(number));
    cluster.until_whole();
    let job = cluster.submit(0, "1");
    let seconds = cluster.check(&job).seconds;
    println!("it took {seconds:.1} s without the third");
    assert!(!cluster.lab.askers("1").contains_key("c"));
}

#[test]
fn jobs_are_shown_and_stopped_by_any_node() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(60);
    let listed = cluster.run(&["jobs", "--json"], 1).done().stdout;
    assert!(listed.contains(&*job.id.0), "{listed}");
    cluster.run(&["stop", &job.id.0], 2).done();
    let shown = until("it has stopped", || {
        let shown = cluster.run(&["show", &job.id.0, "--json"], 1).done().json();
        (shown["status"] == "stopped").then_some(shown)
    });
    assert!(shown["candidates"].as_array().is_some_and(|list| !list.is_empty()), "{shown}");
}
