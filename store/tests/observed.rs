//! What is counted of a store, compared with what was done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evohub_monitoring::metrics::{BuildInfo, Metrics, MetricsConfig};
use evohub_store::testing::sample;
use evohub_store::{
    Address, Clock, Connections, JobState, Notes, ObservedStore, Results, SqliteConfig, SqliteStore, Store,
};

const MINUTE: Duration = Duration::from_secs(60);

fn metrics() -> Arc<Metrics> {
    Metrics::new(&MetricsConfig::new(BuildInfo::default()))
}

async fn open(clock: Clock) -> Arc<dyn Store> {
    let config = SqliteConfig { clock, ..Default::default() };
    let store = Arc::new(SqliteStore::open(&Address::Memory, config).await.unwrap());
    Arc::new(ObservedStore::new(store, metrics()))
}

// Nothing gets lost on the way.
mod suite {
    use super::open;
    evohub_store::store_suite!(open);
}

/// How often each operation ended how.
fn operations(metrics: &Metrics) -> BTreeMap<String, u64> {
    let page = metrics.encode();
    page.lines()
        .filter_map(|line| {
            line.strip_prefix("store_operation_seconds_count{operation=\"")?.split_once("\"} ")
        })
        .map(|(labels, count)| (labels.replace("\",outcome=\"", " "), count.parse().unwrap()))
        .collect()
}

fn connections(metrics: &Metrics) -> Connections {
    let page = metrics.encode();
    let count = |state: &str| {
        let series = format!("store_pool_connections{{state=\"{state}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    };
    Connections { busy: count("busy"), idle: count("idle") }
}

/// The connections shown, once all are free: a moment after what used them has ended.
async fn idle(metrics: &Metrics) -> u64 {
    loop {
        match connections(metrics) {
            Connections { busy: 0, idle } => return idle,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn every_operation_is_counted_by_its_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let inner = evohub_store::open(folder.path().join("jobs.db").to_str().unwrap()).await.unwrap();
    let metrics = metrics();
    let store = ObservedStore::new(Arc::clone(&inner), Arc::clone(&metrics));
    assert_eq!(store.address(), inner.address());
    let (id, missing) = (sample::id("a"), sample::id("b"));
    store.ping().await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap_err();
    store.job(&id).await.unwrap();
    store.job(&missing).await.unwrap_err();
    store.jobs().await.unwrap();
    let lease = store.claim(&id, "me", MINUTE, None).await.unwrap();
    store.renew(&lease, MINUTE).await.unwrap();
    let evaluation = sample::evaluation("a", 1);
    let key = evaluation.key;
    let results = Results { evaluations: vec![evaluation], ..Default::default() };
    for _ in 0..3 {
        store.keep(&results).await.unwrap();
    }
    let island = store.occupy(&lease, 0).await.unwrap();
    store.note(&island, &Notes::default()).await.unwrap();
    assert_eq!(store.running().await.unwrap().len(), 1);
    assert_eq!(store.evaluations(&[key]).await.unwrap().len(), 1);
    store.proposals(&[key]).await.unwrap();
    store.totals(&id).await.unwrap();
    store.candidates(&id).await.unwrap();
    store.checkpoint(&id, 0).await.unwrap();
    store.history(&id).await.unwrap();
    store.migrants(&id, 0).await.unwrap();
    store.request_stop(&id).await.unwrap();
    store.finish(&lease, JobState::Done, None, None).await.unwrap();

    // The writer, the connection of the ping, and at least one reader.
    let idle = idle(&metrics).await;
    assert!((3..=6).contains(&idle), "{idle}");
    store.close().await;
    assert_eq!(connections(&metrics), Connections::default());
    let once = [
        "candidates",
        "checkpoint",
        "claim",
        "close",
        "evaluations",
        "finish",
        "history",
        "insert_job",
        "job",
        "jobs",
        "migrants",
        "note",
        "occupy",
        "ping",
        "proposals",
        "renew",
        "request_stop",
        "running",
        "totals",
    ];
    let mut expected: BTreeMap<String, u64> =
        once.iter().map(|name| (format!("{name} success"), 1)).collect();
    expected.extend(
        [("keep success", 3), ("insert_job failed", 1), ("job failed", 1)]
            .map(|(name, count)| (name.to_owned(), count)),
    );
    assert_eq!(operations(&metrics), expected);
}

#[tokio::test]
async fn the_connections_of_all_stores_are_shown_until_they_are_gone() {
    let metrics = metrics();
    let address = Address::Memory;
    let open = async || {
        let store = SqliteStore::open(&address, SqliteConfig::default()).await.unwrap();
        ObservedStore::new(Arc::new(store), Arc::clone(&metrics))
    };
    let (a, b) = (open().await, open().await);
    assert_eq!(idle(&metrics).await, 2);
    drop(a);
    assert_eq!(idle(&metrics).await, 1);
    b.close().await;
    assert_eq!(connections(&metrics), Connections::default());
}
