//! PostgreSQL and Redis that go away and come back.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::database::Database;
use crate::postgres::Postgres;
use crate::process::until;
use crate::redis::Redis;

/// How long a server is away.
const AWAY: Duration = Duration::from_secs(2);

#[test]
fn postgresql_restarts() {
    let postgres = Postgres::start();
    let mut cluster = Cluster::start_on(Database::on(postgres.url()), 3, &[]);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(150);
    postgres.crash();
    let check = |cluster: &mut Cluster, status: &str| {
        let node = &cluster.nodes[1];
        until(&format!("the database is {status}"), || {
            let health = node.get("/health/detailed").json();
            (health["checks"]["database"]["status"] == status).then_some(())
        });
    };
    check(&mut cluster, "unhealthy");
    // Not to wait for anything: this is how long it is away.
    std::thread::sleep(AWAY);
    postgres.begin();
    cluster.check(&job);
    check(&mut cluster, "healthy");
    assert_eq!(cluster.sum("cluster_lease_takeovers_total"), 0.0);
    drop(cluster);
}

#[test]
fn redis_restarts() {
    let mut redis = Redis::start();
    let mut cluster = Cluster::start_on(Database::shared(), 3, &["--redis", &redis.url()]);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(150);
    redis.stop();
    let check = |cluster: &mut Cluster, status: &str| {
        for node in &cluster.nodes {
            until(&format!("to {}, Redis is {status}", node.name), || {
                let health = node.get("/health/detailed").json();
                (health["checks"]["redis"]["status"] == status).then_some(())
            });
        }
    };
    check(&mut cluster, "degraded");
    redis.begin();
    cluster.check(&job);
    let job = cluster.submit(1, "2");
    check(&mut cluster, "healthy");
    cluster.check(&job);
}
