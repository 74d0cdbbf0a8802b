//! Nodes that stand still with all their connections open, and then go on as if nothing had been.

use std::time::Duration;

use crate::cluster::{Cluster, LATENCY, WORKERS};
use crate::noticed::SILENT;

/// Less than the lease of a job and the silence that others bear, taken together.
const SHORT: Duration = Duration::from_secs(10);
/// Longer than the lease.
const LONG: Duration = Duration::from_secs(12);
/// So slow that the job is under way when the node is back.
const SLOWED: u64 = 400;

#[test]
fn the_owner_freezes() {
    freeze_one(true, SHORT);
}

#[test]
fn the_owner_freezes_beyond_its_lease() {
    freeze_one(true, LONG);
}

#[test]
fn a_host_freezes() {
    freeze_one(false, SHORT);
}

#[test]
fn a_host_freezes_for_long() {
    freeze_one(false, LONG);
}

fn freeze_one(is_owner: bool, time: Duration) {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(120);
    let hosts = cluster.hosts(&job);
    let (island, host) = hosts.into_iter().find(|(_, host)| *host != 0).expect("islands are spread");
    let (frozen, islands) = if is_owner { (0, vec![0, 1, 2]) } else { (host, vec![island]) };
    let at = cluster.freeze(&[frozen]);
    cluster.lab.set_latency(SLOWED);
    // Not to wait for anything: this is how long it is frozen.
    std::thread::sleep(time);
    let asked = cluster.lab.count();
    cluster.nodes[frozen].thaw();
    cluster.wait_for_more(20);
    cluster.lab.set_latency(LATENCY);
    // What it had begun and not sent yet goes through now, and comes too late.
    cluster.check_with(&job, WORKERS);
    assert!(asked > 150, "the others went on meanwhile: {asked}");
    let noticed = cluster.check_noticed(frozen, at, SILENT);
    cluster.check_moved(&job, &islands, noticed, at);
    cluster.until_whole();
    let others: Vec<usize> = (0..3).filter(|number| *number != frozen).collect();
    let takeovers: f64 =
        others.iter().map(|number| cluster.nodes[*number].value("cluster_lease_takeovers_total")).sum();
    assert_eq!(takeovers, f64::from(u8::from(is_owner)));
    assert_eq!(cluster.nodes[frozen].value("cluster_lease_takeovers_total"), 0.0, "it takes nothing back");
}
