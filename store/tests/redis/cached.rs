//! The cache before a store, with a Redis that comes and goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evohub_evolution::Digest;
use evohub_monitoring::metrics::{Metrics, MetricsConfig};
use evohub_store::testing::sample;
use evohub_store::{
    Address, CacheConfig, CacheCounts, CachedStore, EvaluationRecord, Results, SqliteConfig, SqliteStore,
    Store, Tier, TierState,
};
use redis::AsyncCommands;

use crate::server::{Server, until};

fn results(numbers: std::ops::Range<u64>) -> Results {
    Results {
        evaluations: numbers.map(|number| sample::evaluation("a", number)).collect(),
        ..Default::default()
    }
}

fn keys(results: &Results) -> Vec<Digest> {
    results.evaluations.iter().map(|record| record.key).collect()
}

/// A store with the job `a`.
async fn store() -> Arc<dyn Store> {
    let store = SqliteStore::open(&Address::Memory, SqliteConfig::default()).await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap();
    Arc::new(store)
}

fn cached(store: &Arc<dyn Store>, server: &Server) -> CachedStore {
    let tier = Arc::new(Tier::new(&server.url()).unwrap());
    CachedStore::new(
        Arc::clone(store),
        tier,
        CacheConfig::default(),
        &Metrics::new(&MetricsConfig::default()),
    )
}

async fn assert_finds(store: &dyn Store, results: &Results) {
    let found = store.evaluations(&keys(results)).await.unwrap();
    assert_eq!(found.len(), results.evaluations.len());
    assert!(results.evaluations.iter().all(|record| found[&record.key] == *record));
}

async fn written(store: &CachedStore, count: u64) {
    until("the writing", async || store.counts().written == count).await;
}

#[tokio::test]
async fn what_one_node_kept_another_finds_without_asking_the_store() {
    let (server, shared) = (Server::start(), store().await);
    let first = cached(&shared, &server);
    assert_eq!(first.keep(&results(0..50)).await.unwrap(), 0);
    written(&first, 50).await;

    // A store that has nothing: all comes from the cache.
    let second = cached(&store().await, &server);
    let mut asked = keys(&results(0..60));
    asked.extend(keys(&results(0..10)));
    let found = second.evaluations(&asked).await.unwrap();
    assert_eq!(found.len(), 50);
    assert!(results(0..50).evaluations.iter().all(|record| found[&record.key] == *record));
    assert_eq!(second.counts(), CacheCounts { hits: 50, misses: 10, written: 0, dropped: 0 });
    assert!(second.evaluations(&[]).await.unwrap().is_empty());
    assert_eq!(second.tier_state(), TierState::Reachable);

    // Each for the time that it was put there for.
    let mut connection = server.connect().await;
    let name = format!("evohub:1:evaluation:{}", asked[0]);
    let seconds: i64 = connection.ttl(name).await.unwrap();
    assert!((604_700..=604_800).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn what_the_store_gives_is_put_into_the_cache() {
    let (server, shared) = (Server::start(), store().await);
    shared.keep(&results(0..30)).await.unwrap();
    let store = cached(&shared, &server);
    assert_finds(&store, &results(0..30)).await;
    written(&store, 30).await;
    assert_finds(&store, &results(0..30)).await;
    assert_eq!(store.counts(), CacheCounts { hits: 30, misses: 30, written: 30, dropped: 0 });
}

/// Two nodes measure the same at once and disagree: what the store took first is what all see.
#[tokio::test]
async fn the_cache_never_says_other_than_the_store() {
    let (server, shared) = (Server::start(), store().await);
    let store = cached(&shared, &server);
    shared.keep(&results(0..1)).await.unwrap();
    let mut late = results(0..3);
    late.evaluations[0].evaluation.output = "another answer".into();
    assert_eq!(store.keep(&late).await.unwrap(), 1);
    for _ in 0..2 {
        assert_finds(&store, &results(0..3)).await;
        written(&store, 3).await;
    }
    assert_eq!(store.counts().hits, 3);
}

#[tokio::test]
async fn what_cannot_be_read_is_not_there() {
    let (server, shared) = (Server::start(), store().await);
    shared.keep(&results(0..4)).await.unwrap();
    let names: Vec<_> =
        keys(&results(0..5)).into_iter().map(|key| format!("evohub:1:evaluation:{key}")).collect();
    let mut connection = server.connect().await;
    let store = cached(&shared, &server);
    assert_finds(&store, &results(0..4)).await;
    written(&store, 4).await;
    let other: String = connection.get(&names[3]).await.unwrap();
    for (name, value) in names.iter().zip(["", "{\"key\":1}", "\u{0}\u{1}", other.as_str(), "null"]) {
        let () = connection.set(name, value).await.unwrap();
    }
    // The fourth is as it was; of another key, it would not count.
    let () = connection.set(&names[2], &other).await.unwrap();
    let before = store.counts();
    assert_finds(&store, &results(0..4)).await;
    assert_eq!(store.counts().hits, before.hits + 1);
}

#[tokio::test]
async fn numbers_that_json_does_not_have_come_from_the_store() {
    let (server, shared) = (Server::start(), store().await);
    let mut odd = results(0..2);
    odd.evaluations[0].evaluation.objectives.score = f64::INFINITY;
    odd.evaluations[1].evaluation.objectives.score = -0.0;
    let store = cached(&shared, &server);
    store.keep(&odd).await.unwrap();
    written(&store, 1).await;
    assert_finds(&store, &odd).await;
    let found = store.evaluations(&keys(&odd)).await.unwrap();
    let score = |record: &EvaluationRecord| found[&record.key].evaluation.objectives.score.to_bits();
    assert_eq!(score(&odd.evaluations[1]), 0.0_f64.to_bits());
    assert_eq!(store.counts().hits, 2);
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_found_when_it_comes() {
    let (server, shared) = (Server::start(), store().await);
    server.stop();
    let store = cached(&shared, &server);
    assert_eq!(store.tier_state(), TierState::Reachable, "nobody has asked it yet");
    store.keep(&results(0..5)).await.unwrap();
    assert_finds(&store, &results(0..5)).await;
    until("the notice", async || matches!(store.tier_state(), TierState::Away { .. })).await;

    server.restart();
    until("the return", async || {
        assert_finds(&store, &results(0..5)).await;
        store.tier_state() == TierState::Reachable && store.counts().hits >= 5
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_goes_and_comes_back_holds_nothing_up() {
    let (server, shared) = (Server::start(), store().await);
    let store = cached(&shared, &server);
    store.keep(&results(0..5)).await.unwrap();
    written(&store, 5).await;
    server.stop();
    let start = Instant::now();
    for number in 5..200 {
        store.keep(&results(number..number + 1)).await.unwrap();
        assert_finds(&store, &results(number - 5..number + 1)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let TierState::Away { since, why } = store.tier_state() else { panic!("{:?}", store.tier_state()) };
    assert!(since > 1_700_000_000_000 && !why.is_empty(), "{since} {why}");
    until("the dropping", async || store.counts().dropped >= 195).await;

    server.restart();
    until("the return", async || {
        assert_finds(&store, &results(0..200)).await;
        store.tier_state() == TierState::Reachable && store.counts().hits > 200
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_freezes_costs_a_tenth_of_a_second_now_and_then() {
    let (server, shared) = (Server::start(), store().await);
    let store = cached(&shared, &server);
    store.keep(&results(0..5)).await.unwrap();
    written(&store, 5).await;
    server.freeze();
    let start = Instant::now();
    for _ in 0..500 {
        assert_finds(&store, &results(0..5)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let TierState::Away { why, .. } = store.tier_state() else { panic!("{:?}", store.tier_state()) };
    assert!(why.contains("100 ms"), "{why}");
    server.thaw();
    until("the return", async || {
        assert_finds(&store, &results(0..5)).await;
        store.tier_state() == TierState::Reachable
    })
    .await;
}

/// More than may wait is dropped and counted, and nobody waits for it.
#[tokio::test]
async fn what_a_slow_cache_cannot_take_is_dropped() {
    let (server, shared) = (Server::start(), store().await);
    let store = cached(&shared, &server);
    server.freeze();
    let large = |number| {
        let mut results = results(number..number + 1);
        results.evaluations[0].evaluation.output = "x".repeat(3 << 20);
        results
    };
    for number in 0..8 {
        store.keep(&large(number)).await.unwrap();
    }
    // Five of three megabytes each fit into sixteen.
    assert!(store.counts().dropped >= 3, "{:?}", store.counts());
    server.thaw();
    for number in 0..8 {
        assert_finds(&store, &large(number)).await;
    }
}

#[tokio::test]
async fn closing_writes_what_waits() {
    let (server, shared) = (Server::start(), store().await);
    let store = cached(&shared, &server);
    store.keep(&results(0..500)).await.unwrap();
    store.close().await;
    assert_eq!(store.counts().written, 500);
    let second = cached(&self::store().await, &server);
    assert_finds(&second, &results(0..500)).await;
}
