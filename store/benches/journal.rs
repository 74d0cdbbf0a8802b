//! How many evaluations a second a store takes and finds: a file, and a database of PostgreSQL where
//! `EVOHUB_TEST_POSTGRES` names a server (an evohub schema is made there and dropped).
//!
//! Each call is flushed to the disk: for a file, that of the temporary folder (`TMPDIR`).

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use evohub_store::testing::sample;
use evohub_store::{Results, Store};
use sqlx::{Connection, PgConnection};
use tokio::runtime::Runtime;

const SCHEMA: &str = "evohub_bench";

fn journal(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    measure(criterion, &runtime, "sqlite", folder.path().join("jobs.db").to_str().unwrap());

    let Ok(server) = std::env::var("EVOHUB_TEST_POSTGRES") else { return };
    let run = |statements: &'static str| {
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&server).await.unwrap();
            sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    run("DROP SCHEMA IF EXISTS evohub_bench CASCADE; CREATE SCHEMA evohub_bench");
    let sign = if server.contains('?') { '&' } else { '?' };
    measure(criterion, &runtime, "postgres", &format!("{server}{sign}options[search_path]={SCHEMA}"));
    run("DROP SCHEMA evohub_bench CASCADE");
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, name: &str, address: &str) {
    let store: Arc<dyn Store> = runtime.block_on(async {
        let store = evohub_store::open(address).await.unwrap();
        store.insert_job(&sample::job("bench")).await.unwrap();
        store
    });

    let mut group = criterion.benchmark_group(format!("{name}: keep evaluations"));
    let mut number = 0;
    for size in [1, 64, 512] {
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.to_async(runtime).iter_custom(|rounds| {
                let first = number;
                number += rounds * size;
                let batches: Vec<Results> = (0..rounds)
                    .map(|round| {
                        let numbers = first + round * size..first + (round + 1) * size;
                        Results {
                            evaluations: numbers.map(|number| sample::evaluation("bench", number)).collect(),
                            ..Results::default()
                        }
                    })
                    .collect();
                let store = &store;
                async move {
                    let start = Instant::now();
                    for batch in &batches {
                        store.keep(batch).await.unwrap();
                    }
                    start.elapsed()
                }
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group(format!("{name}: look evaluations up"));
    for size in [1, 64, 512] {
        // Spread over all that was kept.
        let keys: Vec<_> = (0..size).map(|n| sample::evaluation("bench", n * (number / size)).key).collect();
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.to_async(runtime).iter(async || {
                let found = store.evaluations(black_box(&keys)).await.unwrap();
                assert_eq!(found.len(), keys.len());
            });
        });
    }
    group.finish();
    runtime.block_on(store.close());
}

criterion_group!(benches, journal);
criterion_main!(benches);
