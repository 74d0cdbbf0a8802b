//! Any sequence of operations, beside the model.

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::model::Model;
use super::operation::{JOBS, NUMBERS, Operation, operation};
use super::{Open, StandingClock, runtime, sample};
use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::job::{JobState, Lease};
use crate::record::JournalBatch;
use crate::store::Store;

/// After each operation both have said the same, and at the end both hold the same.
pub fn any_sequence_of_operations_does_as_the_model(open: impl Open) {
    let runtime = runtime();
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&vec(operation(), 1..60), |operations| {
        runtime.block_on(compare(&open, &operations));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn compare(open: &impl Open, operations: &[Operation]) {
    let time = StandingClock::new();
    let store = open(time.clock()).await;
    let mut model = Model::default();
    let mut leases = Vec::new();
    for operation in operations {
        apply(operation, &*store, &mut model, &time, &mut leases).await;
    }
    assert_alike(&*store, &model, time.now()).await;
    store.close().await;
}

fn kind<T>(outcome: Result<T, StoreError>) -> Result<T, Kind> {
    outcome.map_err(|error| error.kind)
}

async fn apply(
    operation: &Operation,
    store: &dyn Store,
    model: &mut Model,
    time: &StandingClock,
    leases: &mut Vec<Lease>,
) {
    let chosen = |number: &usize| (!leases.is_empty()).then(|| leases[number % leases.len()].clone());
    let now = time.now();
    match operation {
        Operation::Insert(job) => {
            let job = sample::job(JOBS[*job]);
            assert_eq!(kind(store.insert_job(&job).await), model.insert_job(&job));
        }
        Operation::Claim { job, first, time } => {
            let job = sample::id(JOBS[*job]);
            let owner = if *first { "first" } else { "second" };
            let before = model.token(&job);
            let expected = model.claim(&job, owner, *time, now);
            let lease = kind(store.claim(&job, owner, *time).await);
            assert_eq!(lease.as_ref().map(|_| ()).map_err(|kind| *kind), expected);
            if let Ok(lease) = lease {
                let newest = leases.iter().filter(|other| other.job == job).map(|other| other.token).max();
                assert!(newest.is_none_or(|newest| lease.token > newest), "{before:?} {lease:?}");
                leases.push(lease);
            }
        }
        Operation::Renew { lease, time } => {
            let Some(lease) = chosen(lease) else { return };
            assert_eq!(kind(store.renew(&lease, *time).await), model.renew(&lease, *time, now));
        }
        Operation::Finish { lease, state } => {
            let Some(lease) = chosen(lease) else { return };
            let result = (*state == JobState::Done).then(|| serde_json::json!({ "best": [0.1, "text"] }));
            let error = (*state == JobState::Failed).then_some("why");
            let expected = model.finish(&lease, *state, result.as_ref(), error, now);
            assert_eq!(kind(store.finish(&lease, *state, result.as_ref(), error).await), expected);
        }
        Operation::RequestStop(job) => {
            let job = sample::id(JOBS[*job]);
            assert_eq!(kind(store.request_stop(&job).await), model.request_stop(&job));
        }
        Operation::Commit { lease, numbers } => {
            let Some(lease) = chosen(lease) else { return };
            let batch: JournalBatch = numbers.batch(&lease.job);
            assert_eq!(kind(store.commit(&lease, &batch).await), model.commit(&lease, &batch));
        }
        Operation::Wait(duration) => time.advance(*duration),
    }
}

async fn assert_alike(store: &dyn Store, model: &Model, now: i64) {
    let keys: Vec<_> = (0..NUMBERS).map(|number| sample::evaluation("", number).key).collect();
    assert_eq!(store.evaluations(&keys).await.unwrap(), *model.evaluations());
    let keys: Vec<_> = (0..NUMBERS).map(|number| sample::proposal("", number).key).collect();
    assert_eq!(store.proposals(&keys).await.unwrap(), *model.proposals());
    for job in JOBS.map(sample::id) {
        let expected = model.job(&job, now);
        assert_eq!(kind(store.job(&job).await), expected);
        if expected.is_err() {
            continue;
        }
        assert_eq!(store.totals(&job).await.unwrap(), model.totals(&job));
        assert_eq!(store.candidates(&job).await.unwrap(), model.candidates(&job));
        assert_eq!(store.history(&job).await.unwrap(), model.history(&job));
        for island in 0..2 {
            assert_eq!(store.checkpoint(&job, island).await.unwrap(), model.checkpoint(&job, island));
        }
    }
}
