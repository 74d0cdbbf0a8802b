//! How many evaluations a second a file takes.
//!
//! Each commit is flushed to the disk of the temporary folder (`TMPDIR`).

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use evohub_store::testing::sample;
use evohub_store::{Address, JournalBatch, SqliteConfig, SqliteStore, Store};

fn journal(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = Address::File(folder.path().join("jobs.db"));
    let (store, lease) = runtime.block_on(async {
        let store = SqliteStore::open(&address, SqliteConfig::default()).await.unwrap();
        store.insert_job(&sample::job("bench")).await.unwrap();
        let lease = store.claim(&sample::id("bench"), "bench", Duration::from_secs(3600)).await.unwrap();
        (store, lease)
    });

    let mut group = criterion.benchmark_group("commit evaluations");
    let mut number = 0;
    for size in [1, 64, 512] {
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.to_async(&runtime).iter_custom(|rounds| {
                let first = number;
                number += rounds * size;
                let batches: Vec<JournalBatch> = (0..rounds)
                    .map(|round| {
                        let numbers = first + round * size..first + (round + 1) * size;
                        JournalBatch {
                            evaluations: numbers.map(|number| sample::evaluation("bench", number)).collect(),
                            ..JournalBatch::default()
                        }
                    })
                    .collect();
                let (store, lease) = (&store, &lease);
                async move {
                    let start = Instant::now();
                    for batch in &batches {
                        store.commit(lease, batch).await.unwrap();
                    }
                    start.elapsed()
                }
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("look evaluations up");
    for size in [1, 64, 512] {
        // Spread over all that was committed.
        let keys: Vec<_> = (0..size).map(|n| sample::evaluation("bench", n * (number / size)).key).collect();
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.to_async(&runtime).iter(async || {
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
