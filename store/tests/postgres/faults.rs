//! A server that goes away and comes back, and owners that freeze.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evohub_evolution::Digest;
use evohub_store::testing::sample;
use evohub_store::{Notes, Results, Store, StoreErrorKind as Kind};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::link::Link;
use crate::schema::{Schema, run_sql, server};

const MINUTE: Duration = Duration::from_secs(60);

/// As many operations at once as there are connections, so that all of them are open.
async fn use_all_connections(store: &Arc<dyn Store>) {
    let tasks = (0..20).map(|number| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let results =
                Results { evaluations: vec![sample::evaluation("a", number)], ..Results::default() };
            store.keep(&results).await.unwrap();
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Waits until one connection of an application is in a state.
async fn until_one(application: &str, state: &str) {
    let mut connection = PgConnection::connect(&server()).await.unwrap();
    let query = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND {state}");
    let start = Instant::now();
    loop {
        let query = sqlx::query_scalar(AssertSqlSafe(query.as_str())).bind(application);
        let count: i64 = query.fetch_one(&mut connection).await.unwrap();
        if count == 1 {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{count} connections have {state}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn connections_that_the_server_has_ended_are_made_anew() {
    let schema = Schema::make().await;
    let name = schema.name();
    let store = evohub_store::open(&schema.address(&format!("application_name={name}"))).await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap();
    for _ in 0..3 {
        use_all_connections(&store).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name";
        run_sql(&format!("{end} = '{name}'")).await;
        store.totals(&sample::id("a")).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_said_and_found_when_it_is_back() {
    let (schema, link) = (Schema::make().await, Link::new().await);
    let store = evohub_store::open(&link.address(&schema)).await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap();
    use_all_connections(&store).await;

    link.cut();
    let error = store.jobs().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    assert_eq!(store.ping().await.unwrap_err().kind, Kind::Unavailable);
    link.open();
    assert_eq!(store.totals(&sample::id("a")).await.unwrap().evaluations, 20);
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_link_that_is_dead_without_a_word_is_noticed_and_survived() {
    let (schema, link) = (Schema::make().await, Link::new().await);
    let store = evohub_store::open(&link.address(&schema)).await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap();
    use_all_connections(&store).await;

    link.freeze();
    let start = Instant::now();
    let error = store.ping().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    let error = store.jobs().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    link.open();
    assert_eq!(store.totals(&sample::id("a")).await.unwrap().evaluations, 20);
    store.ping().await.unwrap();
}

/// Two that keep the same take it in the same order, in whatever order it was given to them: neither waits for a record
/// of the other with one of its own in hand.
#[tokio::test]
async fn nobody_holds_a_record_that_another_waits_for() {
    let schema = Schema::make().await;
    let name = schema.name();
    let store = evohub_store::open(&schema.address(&format!("application_name={name}"))).await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap();
    let mut evaluations = vec![sample::evaluation("a", 1), sample::evaluation("a", 2)];
    evaluations.sort_by_key(|record| std::cmp::Reverse(record.key));
    let (high, low) = (evaluations[0].key, evaluations[1].key);

    let mut connection = PgConnection::connect(&schema.address("")).await.unwrap();
    let mut other = connection.begin().await.unwrap();
    insert(&mut other, low).await;
    let keeping = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.keep(&Results { evaluations, ..Results::default() }).await }
    });
    until_one(name, "wait_event_type = 'Lock'").await;
    insert(&mut other, high).await;
    other.commit().await.unwrap();
    assert_eq!(keeping.await.unwrap().unwrap(), 2);
}

/// Writes an evaluation that has only a key.
async fn insert(connection: &mut PgConnection, key: Digest) {
    let insertion = "INSERT INTO evaluations SELECT $1, number, $1, $1, 'train', 0, 0, 0, 0, 0, '', '', 0, 0, 0, 0 \
                     FROM jobs";
    sqlx::query(insertion).bind(key.to_bytes()).execute(connection).await.unwrap();
}

#[tokio::test]
async fn an_owner_that_froze_while_it_wrote_does_not_hold_up_the_next() {
    let schema = Schema::make().await;
    // The island's row is locked by then, and the notes are not yet written.
    let link = Link::freezing_at("lease_expires, moment").await;
    let frozen = evohub_store::open(&link.address(&schema)).await.unwrap();
    let other = evohub_store::open(&schema.address("")).await.unwrap();
    let id = sample::id("a");
    frozen.insert_job(&sample::job("a")).await.unwrap();
    let lease = frozen.claim(&id, "frozen", MINUTE, None).await.unwrap();
    let island = frozen.occupy(&lease, 0).await.unwrap();
    let notes = Notes { checkpoints: vec![sample::checkpoint("a", 0, 1)], ..Notes::default() };
    let writing = tokio::spawn(async move { frozen.note(&island, &notes).await });
    until_one(schema.name(), "state = 'idle in transaction'").await;

    let start = Instant::now();
    let lease = other.claim(&id, "other", MINUTE, Some("frozen")).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let island = other.occupy(&lease, 0).await.unwrap();
    other.note(&island, &Notes::default()).await.unwrap();
    // It goes on, and finds that it was too late.
    link.open();
    let error = writing.await.unwrap().unwrap_err();
    assert!(matches!(error.kind, Kind::Unavailable | Kind::Owned), "{error}");
    assert_eq!(other.checkpoint(&id, 0).await.unwrap(), None);
}
