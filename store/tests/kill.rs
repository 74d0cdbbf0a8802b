//! A process that is killed in the middle of its work loses nothing that it was told is safe.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use evohub_store::testing::sample;
use evohub_store::{Notes, Results};

/// Tells the child where to write. Its presence makes this very test the child.
const FILE: &str = "EVOHUB_STORE_TEST_FILE";
const BATCH: u64 = 150;
const MARK: &str = "acknowledged ";

#[test]
fn a_killed_process_loses_no_acknowledged_batch_and_leaves_none_half() {
    if let Some(file) = std::env::var_os(FILE) {
        return run(commit_until_killed(Path::new(&file)));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let mut present = 0;
    // Killed soon and late, and always as a batch is being written: the child never pauses.
    for acknowledgements in [1, 2, 3, 17, 40] {
        let acknowledged = kill_after(acknowledgements, &file);
        let found = run(whole_batches(&file));
        assert!(found >= acknowledged, "{acknowledged} batches were acknowledged, {found} are there");
        assert!(
            found >= present + acknowledgements,
            "the child went on from {present}, and ended at {found}"
        );
        present = found;
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn results(number: u64) -> Results {
    let numbers = number * BATCH..(number + 1) * BATCH;
    Results { evaluations: numbers.map(|n| sample::evaluation("a", n)).collect(), ..Default::default() }
}

fn notes(number: u64) -> Notes {
    Notes {
        candidates: vec![sample::candidate("a", 0, number)],
        checkpoints: vec![sample::checkpoint("a", 0, number)],
        ..Default::default()
    }
}

async fn commit_until_killed(file: &Path) {
    let store = evohub_store::open(file.to_str().unwrap()).await.unwrap();
    let id = sample::id("a");
    if store.jobs().await.unwrap().is_empty() {
        store.insert_job(&sample::job("a")).await.unwrap();
    }
    let lease = store.claim(&id, "child", Duration::from_secs(60), None).await.unwrap();
    let island = store.occupy(&lease, 0).await.unwrap();
    let first = store.checkpoint(&id, 0).await.unwrap().map_or(0, |newest| newest.sequence + 1);
    for number in first.. {
        store.keep(&results(number)).await.unwrap();
        store.note(&island, &notes(number)).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{MARK}{number}").and_then(|()| out.flush()).unwrap();
    }
}

/// How many batches the child was told are safe before it was killed.
fn kill_after(acknowledgements: u64, file: &Path) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_loses_no_acknowledged_batch_and_leaves_none_half", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut numbers = lines.filter_map(|line| line.unwrap().strip_prefix(MARK)?.parse::<u64>().ok());
    for _ in 1..acknowledgements {
        numbers.next().expect("the child works on");
    }
    let mut newest = numbers.next().expect("the child works on");
    child.kill().unwrap();
    // What it had said already counts, too.
    newest = numbers.last().unwrap_or(newest);
    assert!(!child.wait().unwrap().success());
    newest + 1
}

/// How many batches there are, each of them whole.
async fn whole_batches(file: &Path) -> u64 {
    let store = evohub_store::open(file.to_str().unwrap()).await.unwrap();
    let id = sample::id("a");
    let batches = store.checkpoint(&id, 0).await.unwrap().unwrap().sequence + 1;
    // The last one may have been kept and not noted.
    let evaluations = store.totals(&id).await.unwrap().evaluations;
    assert!(evaluations == batches * BATCH || evaluations == (batches + 1) * BATCH, "{evaluations}");
    assert_eq!(store.candidates(&id).await.unwrap().len() as u64, batches);
    for number in 0..batches {
        let results = results(number);
        let keys: Vec<_> = results.evaluations.iter().map(|record| record.key).collect();
        let found = store.evaluations(&keys).await.unwrap();
        assert!(results.evaluations.iter().all(|record| found[&record.key] == *record));
    }
    store.close().await;
    batches
}
