//! Nodes that are killed.

use crate::cluster::Cluster;
use crate::lab::Kind;
use crate::noticed::KILLED;

const TAKEOVERS: &str = "cluster_lease_takeovers_total";
const REDISPATCHED: &str = "cluster_redispatched_total{cause=\"node_down\"}";

#[test]
fn three_nodes_do_as_one() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.check(&job);
    let askers = cluster.lab.askers("1");
    assert!(askers.len() == 3 && askers.values().all(|count| *count > 20), "all take part: {askers:?}");
    assert_eq!(cluster.sum(TAKEOVERS) + cluster.sum(REDISPATCHED), 0.0);
}

#[test]
fn what_several_islands_breed_is_paid_for_once() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit_as(0, "1", Kind::Alike);
    cluster.check(&job);
}

#[test]
fn a_helper_is_killed() {
    // One owns the job, and three host an island each at most.
    let mut cluster = Cluster::start(5);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(100);
    let hosts = cluster.hosts(&job);
    let helper = (1..5).find(|number| hosts.values().all(|host| host != number)).expect("one hosts nothing");
    let killed = cluster.kill(&[helper]);
    cluster.check(&job);
    cluster.check_noticed(helper, killed, KILLED);
    cluster.check_shown(helper);
    assert!(cluster.sum(REDISPATCHED) > 0.0);
    assert_eq!(cluster.sum(TAKEOVERS), 0.0);
}

#[test]
fn the_owner_is_killed() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(120);
    let killed = cluster.kill(&[0]);
    cluster.check(&job);
    let noticed = cluster.check_noticed(0, killed, KILLED);
    cluster.check_moved(&job, &[0, 1, 2], noticed, killed);
    cluster.check_shown(0);
    assert_eq!(cluster.sum(TAKEOVERS), 1.0);
}

#[test]
fn a_host_is_killed() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(120);
    let hosts = cluster.hosts(&job);
    let (island, host) = hosts.into_iter().find(|(_, host)| *host != 0).expect("islands are spread");
    let killed = cluster.kill(&[host]);
    cluster.check(&job);
    let noticed = cluster.check_noticed(host, killed, KILLED);
    cluster.check_moved(&job, &[island], noticed, killed);
    cluster.check_shown(host);
    assert_eq!(cluster.sum(TAKEOVERS), 0.0);
}

#[test]
fn all_are_killed_and_start_again() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(150);
    cluster.kill(&[0, 1, 2]);
    (0..3).for_each(|number| cluster.add(number));
    cluster.check(&job);
    cluster.until_whole();
    assert_eq!(cluster.sum(TAKEOVERS), 1.0);
}

#[test]
fn one_that_was_killed_starts_again_under_its_name() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(100);
    let before = cluster.lab.askers("1")["b"];
    cluster.kill(&[1]);
    cluster.add(1);
    cluster.check(&job);
    cluster.until_whole();
    let after = cluster.lab.askers("1")["b"];
    assert!(after > before + 10, "it takes part again: {before}, {after}");
}

#[test]
fn an_accepted_job_outlives_the_node_that_accepted_it() {
    let mut cluster = Cluster::start(3);
    let job = cluster.submit(0, "1");
    let killed = cluster.kill(&[0]);
    cluster.check(&job);
    cluster.check_noticed(0, killed, KILLED);
}
