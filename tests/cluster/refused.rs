//! Nodes that do not belong together.

use crate::cluster::Cluster;
use crate::database::Database;
use crate::process::until;

/// That a node is kept out for a reason that all others count, and that they go on without it.
fn check_refused(cluster: &mut Cluster, stranger: usize, reason: &str) {
    let series = format!("cluster_refused_total{{reason=\"{reason}\"}}");
    let others: Vec<usize> = cluster.running().into_iter().filter(|number| *number != stranger).collect();
    for number in others.iter().copied() {
        let node = &cluster.nodes[number];
        until(&format!("{} refuses it", node.name), || (node.value(&series) > 0.0).then_some(()));
        assert_eq!(node.value("cluster_nodes{state=\"alive\"}"), others.len() as f64);
    }
    let alive = until("it knows itself", || {
        Some(cluster.nodes[stranger].value("cluster_nodes{state=\"alive\"}")).filter(|alive| *alive > 0.0)
    });
    assert_eq!(alive, 1.0, "it is alone");
    let job = cluster.submit(0, "1");
    cluster.check(&job);
    let name = &cluster.nodes[stranger].name;
    assert!(!cluster.lab.askers("1").contains_key(name), "nothing is done there");
}

#[test]
fn another_cookie_is_refused() {
    let mut cluster = Cluster::start(2);
    cluster.folder.write("other", "another secret, just as long\n");
    cluster.seat(2).cookie = "other".to_owned();
    cluster.seat(2).store = Some(Database::url(&cluster.database));
    cluster.add(2);
    check_refused(&mut cluster, 2, "cookie");
}

#[test]
fn another_database_is_refused() {
    let mut cluster = Cluster::start(2);
    let other = Database::shared();
    cluster.seat(2).store = Some(other.url());
    cluster.add(2);
    check_refused(&mut cluster, 2, "store");
    drop(cluster);
}

#[test]
fn a_store_for_one_node_joins_nobody() {
    let mut cluster = Cluster::new(Database::shared(), &[]);
    let file = cluster.folder.store();
    cluster.seat(0).store = Some(file.to_str().unwrap().to_owned());
    let outcome: crate::folder::Outcome = cluster.command(0).output().unwrap().into();
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("is for one node alone"), "{outcome:?}");
    assert!(outcome.stderr.contains("postgres://"), "{outcome:?}");
}
