//! How many evaluations a second a store takes and finds: a file, and a database of PostgreSQL where
//! `EVOHUB_TEST_POSTGRES` names a server (an evohub schema is made there and dropped).
//!
//! Each call is flushed to the disk: for a file, that of the temporary folder (`TMPDIR`).

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

use std::time::{Duration, Instant};

use evohub_store::Results;
use evohub_store::testing::sample;
use sqlx::{Connection, PgConnection};

const SCHEMA: &str = "evohub_bench";
/// Evaluations in a call.
const SIZES: [u64; 3] = [1, 64, 512];
/// How long each kind of call is repeated.
const TIME: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    println!("{:40} {:>12} {:>16}", "", "µs a call", "evaluations/s");
    let folder = tempfile::tempdir().unwrap();
    measure("sqlite", folder.path().join("jobs.db").to_str().unwrap()).await;

    let Ok(server) = std::env::var("EVOHUB_TEST_POSTGRES") else { return };
    let run = async |statements: &'static str| {
        let mut connection = PgConnection::connect(&server).await.unwrap();
        sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    };
    run("DROP SCHEMA IF EXISTS evohub_bench CASCADE; CREATE SCHEMA evohub_bench").await;
    let sign = if server.contains('?') { '&' } else { '?' };
    measure("postgres", &format!("{server}{sign}options[search_path]={SCHEMA}")).await;
    run("DROP SCHEMA evohub_bench CASCADE").await;
}

async fn measure(name: &str, address: &str) {
    let store = evohub_store::open(address).await.unwrap();
    store.insert_job(&sample::job("bench")).await.unwrap();
    let mut kept = 0;
    for size in SIZES {
        repeat(&format!("{name}: keep {size}"), size, async || {
            let evaluations = (kept..kept + size).map(|number| sample::evaluation("bench", number)).collect();
            let batch = Results { evaluations, ..Results::default() };
            kept += size;
            let start = Instant::now();
            store.keep(&batch).await.unwrap();
            start.elapsed()
        })
        .await;
    }
    for size in SIZES {
        // Spread over all that was kept.
        let keys: Vec<_> = (0..size).map(|n| sample::evaluation("bench", n * (kept / size)).key).collect();
        repeat(&format!("{name}: look {size} up"), size, async || {
            let start = Instant::now();
            let found = store.evaluations(&keys).await.unwrap();
            let took = start.elapsed();
            assert_eq!(found.len(), keys.len());
            took
        })
        .await;
    }
    store.close().await;
}

/// Repeats a call of so many evaluations, which tells how long it took; prints the median, and what that makes a
/// second.
async fn repeat(what: &str, size: u64, mut call: impl AsyncFnMut() -> Duration) {
    let (mut took, mut sum) = (vec![], Duration::ZERO);
    while sum < TIME {
        let one = call().await;
        took.push(one);
        sum += one;
    }
    took.sort_unstable();
    let median = took[took.len() / 2].as_secs_f64();
    println!("{what:40} {:>12.1} {:>16.0}", median * 1e6, size as f64 / median);
}
