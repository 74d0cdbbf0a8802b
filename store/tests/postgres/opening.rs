//! What is found at an address, and what is done when it cannot be used.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evohub_store::testing::sample;
use evohub_store::{PostgresConfig, PostgresStore, StoreErrorKind as Kind};

use crate::schema::{Schema, parsed, run_sql, server, with};

const MINUTE: Duration = Duration::from_secs(60);

/// Fails to open, with a message that names the store.
async fn refused(address: &str, kind: Kind) -> String {
    let error = PostgresStore::open(&parsed(address), PostgresConfig::default()).await.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(&parsed(address).to_string()), "{error}");
    error.message
}

#[tokio::test]
async fn an_address_leads_to_a_store_that_is_found_again() {
    let schema = Schema::make().await;
    let store = evohub_store::open(&schema.address("")).await.unwrap();
    assert!(store.address().starts_with("postgres"), "{}", store.address());
    assert!(!store.address().contains("search_path"), "{}", store.address());
    store.insert_job(&sample::job("a")).await.unwrap();
    store.ping().await.unwrap();
    store.close().await;
    assert_eq!(store.ping().await.unwrap_err().kind, Kind::Unavailable);
    let store = evohub_store::open(&schema.address("")).await.unwrap();
    assert_eq!(store.jobs().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_open_one_new_schema_at_once() {
    let schema = Schema::make().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..12 {
        let address = schema.address("");
        tasks.spawn(async move {
            let store = evohub_store::open(&address).await.unwrap();
            store.insert_job(&sample::job(&format!("job {number}"))).await.unwrap();
            store.close().await;
        });
    }
    tasks.join_all().await;
    let store = evohub_store::open(&schema.address("")).await.unwrap();
    assert_eq!(store.jobs().await.unwrap().len(), 12);
}

#[tokio::test]
async fn leases_expire_by_the_time_of_the_server() {
    let schema = Schema::make().await;
    let store = evohub_store::open(&schema.address("")).await.unwrap();
    let id = sample::id("a");
    store.insert_job(&sample::job("a")).await.unwrap();
    store.claim(&id, "first", Duration::ZERO, None).await.unwrap();
    assert_eq!(store.job(&id).await.unwrap().owner, None);
    store.claim(&id, "second", MINUTE, None).await.unwrap();
    let job = store.job(&id).await.unwrap();
    assert_eq!(job.owner.as_deref(), Some("second"));
    let error = store.claim(&id, "first", MINUTE, None).await.unwrap_err();
    assert!(error.message.contains("is run by second"), "{error}");
    // The server is on this machine.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!((now - job.updated_at).abs() < 60_000, "{now} {}", job.updated_at);
}

#[tokio::test]
async fn tables_of_another_program_are_left_as_they_were() {
    let schema = Schema::make().await;
    schema.run("CREATE TABLE jobs (id INTEGER)").await;
    let message = refused(&schema.address(""), Kind::Incompatible).await;
    assert!(message.contains("another program"), "{message}");
    // Nothing was made: this is the only table.
    schema.run("DROP TABLE jobs").await;
    run_sql(&format!("DROP SCHEMA {} RESTRICT; CREATE SCHEMA {0}", schema.name())).await;
}

#[tokio::test]
async fn a_newer_or_altered_schema_is_refused() {
    let schema = Schema::make().await;
    evohub_store::open(&schema.address("")).await.unwrap().close().await;
    schema
        .run(
            "INSERT INTO _sqlx_migrations SELECT 9000, description, installed_on, success, checksum, execution_time \
             FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
    let message = refused(&schema.address(""), Kind::Incompatible).await;
    assert!(message.contains("written by a newer version of evohub (schema 9000"), "{message}");
    schema.run("DELETE FROM _sqlx_migrations WHERE version = 9000").await;
    evohub_store::open(&schema.address("")).await.unwrap().close().await;
    schema.run("UPDATE _sqlx_migrations SET checksum = '\\x00'").await;
    refused(&schema.address(""), Kind::Incompatible).await;
}

#[tokio::test]
async fn a_lost_table_is_said() {
    let schema = Schema::make().await;
    let store = evohub_store::open(&schema.address("")).await.unwrap();
    schema.run("ALTER TABLE history RENAME TO lost").await;
    let error = store.history(&sample::id("a")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Incompatible, "{error}");
    assert!(error.message.contains("history"), "{error}");
}

#[tokio::test]
async fn a_database_without_a_place_for_tables_is_refused() {
    let address = with(&server(), "options[search_path]=there_is_none");
    let message = refused(&address, Kind::Incompatible).await;
    assert!(message.contains("schema"), "{message}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_refused() {
    let address = with(&server(), "dbname=there_is_none");
    let message = refused(&address, Kind::Unavailable).await;
    assert!(message.contains("createdb"), "{message}");
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let schema = Schema::make().await;
    let name = schema.name();
    run_sql(&format!("CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")).await;
    let message = refused(&with(&server(), &format!("dbname={name}")), Kind::Incompatible).await;
    run_sql(&format!("DROP DATABASE {name}")).await;
    assert!(message.contains("LATIN1") && message.contains("UTF8"), "{message}");
}

#[tokio::test]
async fn nobody_at_the_address_is_said_without_the_password() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("postgres://ann:hunter2@127.0.0.1:{port}/evohub?password=hunter2");
    let message = refused(&address, Kind::Unavailable).await;
    assert!(message.contains("cannot be reached") && message.contains("ann:***@"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let message = refused(&format!("postgres://ann@127.0.0.1:{port}/evohub"), Kind::Unavailable).await;
    assert!(message.contains("does not answer within 5 s"), "{message}");
}

#[tokio::test]
async fn a_database_that_is_read_only_is_said_when_it_is_opened_and_by_a_ping() {
    let schema = Schema::make().await;
    let name = schema.name();
    run_sql(&format!("CREATE ROLE {name} LOGIN; GRANT ALL ON SCHEMA {name} TO {name}")).await;
    let address = schema.address(&format!("user={name}"));
    let store = evohub_store::open(&address).await.unwrap();
    store.ping().await.unwrap();

    run_sql(&format!("ALTER ROLE {name} SET default_transaction_read_only = on")).await;
    // For the connections to come: those that there are see no change.
    run_sql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}'"))
        .await;
    let error = store.ping().await.unwrap_err();
    assert_eq!(error.kind, Kind::NotWritable, "{error}");
    assert!(error.message.contains("standby"), "{error}");
    let error = store.insert_job(&sample::job("a")).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotWritable, "{error}");
    assert_eq!(store.jobs().await.unwrap(), []);
    let message = refused(&address, Kind::NotWritable).await;
    assert!(message.contains("read-only"), "{message}");

    run_sql(&format!("ALTER ROLE {name} RESET ALL; REVOKE CREATE ON SCHEMA {name} FROM {name}")).await;
    let message = refused(&address, Kind::NotWritable).await;
    store.close().await;
    run_sql(&format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}")).await;
    assert!(message.contains("grant"), "{message}");
}
