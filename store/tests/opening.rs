//! What is found at an address, and what is done when it cannot be used.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use evohub_store::testing::sample;
use evohub_store::{Address, Results, SqliteConfig, SqliteStore, Store, StoreError, StoreErrorKind as Kind};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    let config = SqliteConfig { busy_timeout: Duration::from_millis(20), ..Default::default() };
    SqliteStore::open(&Address::File(path.to_owned()), config).await
}

/// Fails to open, with a message that names the file.
async fn refused(path: &Path, kind: Kind) -> String {
    let error = open(path).await.expect_err("it should be refused");
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(path.to_str().unwrap()), "{error}");
    error.message
}

async fn sql(path: &Path, statement: &str) -> SqliteConnection {
    let mut connection =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    connection
}

async fn run_sql(path: &Path, statement: &str) {
    sql(path, statement).await.close().await.unwrap();
}

/// All files of a folder with their content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_file_is_made_with_its_folder_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new folder/with % and ?/jobs.db");
    let address = format!("sqlite:{}", path.display());
    let store = evohub_store::open(&address).await.unwrap();
    assert_eq!(store.address(), address);
    store.insert_job(&sample::job("a")).await.unwrap();
    store.close().await;
    assert_eq!(store.ping().await.unwrap_err().kind, Kind::Unavailable);
    let store = evohub_store::open(path.to_str().unwrap()).await.unwrap();
    assert_eq!(store.jobs().await.unwrap().len(), 1);
    store.close().await;
    // Closed properly, one file is all there is to copy.
    assert_eq!(content(path.parent().unwrap()).len(), 1);
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    fs::write(&path, "").unwrap();
    open(&path).await.unwrap().ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_open_one_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..12 {
        let address = Address::File(path.clone());
        tasks.spawn(async move {
            let store = SqliteStore::open(&address, SqliteConfig::default()).await.unwrap();
            store.insert_job(&sample::job(&format!("job {number}"))).await.unwrap();
            store.close().await;
        });
    }
    tasks.join_all().await;
    assert_eq!(open(&path).await.unwrap().jobs().await.unwrap().len(), 12);
}

#[tokio::test]
async fn a_database_of_another_program_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for (name, statement) in [
        ("plain.db", "CREATE TABLE jobs (id)"),
        ("marked.db", "PRAGMA application_id = 7; CREATE TABLE notes (text)"),
        ("log.db", "PRAGMA journal_mode = WAL; CREATE TABLE jobs (id)"),
    ] {
        let path = folder.path().join(name);
        run_sql(&path, statement).await;
        let before = content(folder.path());
        let message = refused(&path, Kind::Incompatible).await;
        assert!(message.contains("another program"), "{message}");
        assert!(content(folder.path()) == before, "{name} was touched");
    }
}

#[tokio::test]
async fn a_newer_schema_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    open(&path).await.unwrap().close().await;
    run_sql(
        &path,
        "INSERT INTO _sqlx_migrations SELECT 9000, description, installed_on, success, checksum, \
         execution_time FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    let before = content(folder.path());
    let message = refused(&path, Kind::Incompatible).await;
    assert!(message.contains("written by a newer version of evohub"), "{message}");
    assert!(content(folder.path()) == before);
}

#[tokio::test]
async fn an_altered_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    open(&path).await.unwrap().close().await;
    run_sql(&path, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    refused(&path, Kind::Incompatible).await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in
        [("short", b"id,text\n".to_vec()), ("long", vec![b'x'; 20_000]), ("zeros", vec![0; 8192])]
    {
        let path = folder.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let before = content(folder.path());
        refused(&path, Kind::Incompatible).await;
        assert!(content(folder.path()) == before, "{name} was touched");
    }
}

#[tokio::test]
async fn a_damaged_file_is_told_from_a_sound_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let store = open(&path).await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap();
    let evaluations: Vec<_> = (0..500).map(|number| sample::evaluation("a", number)).collect();
    let keys: Vec<_> = evaluations.iter().map(|record| record.key).collect();
    store.keep(&Results { evaluations, ..Default::default() }).await.unwrap();
    store.close().await;
    let sound = fs::read(&path).unwrap();

    // Cut off: seen when it is opened.
    fs::write(&path, &sound[..sound.len() / 2]).unwrap();
    let message = refused(&path, Kind::Corrupt).await;
    assert!(message.contains("damaged"), "{message}");

    // Overwritten behind the tables' definitions: seen when it is read.
    let mut scribbled = sound.clone();
    let behind = sound.len() / 4 * 3;
    scribbled[behind..].fill(0xa5);
    fs::write(&path, &scribbled).unwrap();
    let store = open(&path).await.unwrap();
    let error = store.evaluations(&keys).await.unwrap_err();
    assert_eq!(error.kind, Kind::Corrupt, "{error}");
    assert!(error.message.contains(path.to_str().unwrap()) && error.message.contains("backup"), "{error}");
}

#[tokio::test]
async fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    refused(folder.path(), Kind::Address).await;
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    refused(&file.join("jobs.db"), Kind::NotWritable).await;
}

#[tokio::test]
async fn a_lock_held_too_long_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let store = open(&path).await.unwrap();
    let other = sql(&path, "BEGIN IMMEDIATE").await;
    let message = refused(&path, Kind::Unavailable).await;
    assert!(message.contains("locked by another process"), "{message}");
    let error = store.insert_job(&sample::job("a")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    assert!(error.message.contains(path.to_str().unwrap()), "{error}");
    let error = store.ping().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    assert!(error.message.contains("locked by another process"), "{error}");
    // Reading goes on, and writing when the other is done.
    assert_eq!(store.jobs().await.unwrap(), []);
    other.close().await.unwrap();
    store.ping().await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap();
}

#[tokio::test]
async fn a_ping_of_a_patient_store_says_within_two_seconds_that_it_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    // Waits five seconds for its writes.
    let store =
        Arc::new(SqliteStore::open(&Address::File(path.clone()), SqliteConfig::default()).await.unwrap());
    let other = sql(&path, "BEGIN EXCLUSIVE").await;
    let start = Instant::now();
    let error = store.ping().await.unwrap_err();
    assert!(error.message.contains("locked by another process"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());

    // A write that waits is not made to fail, neither by pings that are given up nor by those that are not.
    let write = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.insert_job(&sample::job("a")).await }
    });
    tokio::task::yield_now().await;
    let given_up = tokio::time::timeout(Duration::from_millis(20), store.ping()).await;
    assert!(given_up.is_err());
    let start = Instant::now();
    let error = store.ping().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}: {error}", start.elapsed());
    assert!(error.message.contains("what is being written") && error.message.contains("locked"), "{error}");
    other.close().await.unwrap();
    write.await.unwrap().unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_ping_that_is_given_up_leaves_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let store = SqliteStore::open(&Address::File(path.clone()), SqliteConfig::default()).await.unwrap();
    for _ in 0..3 {
        let other = sql(&path, "BEGIN IMMEDIATE").await;
        assert!(tokio::time::timeout(Duration::from_millis(50), store.ping()).await.is_err());
        // It gets the lock with nobody there to hear of it.
        other.close().await.unwrap();
        run_sql(&path, "PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE; COMMIT").await;
        store.ping().await.unwrap();
    }
    store.insert_job(&sample::job("a")).await.unwrap();
}

#[tokio::test]
async fn a_ping_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let store = open(&path).await.unwrap();
    store.insert_job(&sample::job("a")).await.unwrap();
    // The shared index of the log holds marks of readers, not data.
    let written =
        || content(folder.path()).into_iter().filter(|(path, _)| path.extension() != Some("db-shm".as_ref()));
    let before: Vec<_> = written().collect();
    for _ in 0..10 {
        store.ping().await.unwrap();
    }
    assert!(written().eq(before));
}

#[tokio::test]
async fn an_address_of_no_store_is_refused_without_its_password() {
    let error = evohub_store::open("mysql://ann:hunter2@db/evohub").await.err().unwrap();
    assert_eq!(error.kind, Kind::Address);
    assert!(error.message.contains("mysql://ann:***@db/evohub"), "{error}");
}
