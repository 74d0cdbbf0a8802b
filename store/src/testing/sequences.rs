//! Any sequence of operations, beside the model.

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::model::Model;
use super::operation::{ISLANDS, JOBS, NUMBERS, Operation, operation};
use super::{Open, StandingClock, runtime, sample};
use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::job::{IslandLease, JobState, Lease};
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
    let mut given = Given::default();
    for operation in operations {
        apply(operation, &*store, &mut model, &time, &mut given).await;
    }
    assert_alike(&*store, &model, time.now()).await;
    store.close().await;
}

fn kind<T>(outcome: Result<T, StoreError>) -> Result<T, Kind> {
    outcome.map_err(|error| error.kind)
}

/// All leases that were given out, oldest first.
#[derive(Default)]
struct Given {
    jobs: Vec<Lease>,
    islands: Vec<IslandLease>,
}

/// One of them, counted from the newest.
fn chosen<T: Clone>(given: &[T], number: usize) -> Option<T> {
    let number = number.checked_rem(given.len())?;
    given.iter().nth_back(number).cloned()
}

async fn apply(
    operation: &Operation,
    store: &dyn Store,
    model: &mut Model,
    time: &StandingClock,
    given: &mut Given,
) {
    let now = time.now();
    match operation {
        Operation::Insert(job) => {
            let job = sample::job(JOBS[*job]);
            assert_eq!(kind(store.insert_job(&job).await), model.insert_job(&job));
        }
        Operation::Claim { job, first, over_dead, time } => {
            let job = sample::id(JOBS[*job]);
            let (owner, other) = if *first { ("first", "second") } else { ("second", "first") };
            let dead = over_dead.then_some(other);
            let expected = model.claim(&job, owner, *time, dead, now);
            let lease = kind(store.claim(&job, owner, *time, dead).await);
            assert_eq!(lease.as_ref().map(|_| ()).map_err(|kind| *kind), expected);
            if let Ok(lease) = lease {
                let mut before = given.jobs.iter().filter(|other| other.job == job);
                assert!(before.all(|other| other.token < lease.token), "{lease:?}");
                given.jobs.push(lease);
            }
        }
        Operation::Occupy { lease, island } => {
            let Some(lease) = chosen(&given.jobs, *lease) else { return };
            let expected = model.occupy(&lease, *island);
            let occupied = kind(store.occupy(&lease, *island).await);
            assert_eq!(occupied.as_ref().map(|_| ()).map_err(|kind| *kind), expected);
            if let Ok(occupied) = occupied {
                assert_eq!((&occupied.lease, occupied.island), (&lease, *island));
                given.islands.push(occupied);
            }
        }
        Operation::Renew { lease, time } => {
            let Some(lease) = chosen(&given.jobs, *lease) else { return };
            assert_eq!(kind(store.renew(&lease, *time).await), model.renew(&lease, *time, now));
        }
        Operation::Finish { lease, state } => {
            let Some(lease) = chosen(&given.jobs, *lease) else { return };
            let result = (*state == JobState::Done).then(|| serde_json::json!({ "best": [0.1, "text"] }));
            let error = (*state == JobState::Failed).then_some("why");
            let expected = model.finish(&lease, *state, result.as_ref(), error, now);
            assert_eq!(kind(store.finish(&lease, *state, result.as_ref(), error).await), expected);
        }
        Operation::RequestStop(job) => {
            let job = sample::id(JOBS[*job]);
            assert_eq!(kind(store.request_stop(&job).await), model.request_stop(&job));
        }
        Operation::Keep(numbers) => {
            let results = numbers.results();
            assert_eq!(kind(store.keep(&results).await), model.keep(&results));
        }
        Operation::Note { lease, numbers } => {
            let Some(lease) = chosen(&given.islands, *lease) else { return };
            let notes = numbers.notes(&lease.lease.job, lease.island);
            assert_eq!(kind(store.note(&lease, &notes).await), model.note(&lease, &notes));
        }
        Operation::Wait(duration) => time.advance(*duration),
    }
}

async fn assert_alike(store: &dyn Store, model: &Model, now: i64) {
    let keys: Vec<_> = (0..NUMBERS).map(|number| sample::evaluation("", number).key).collect();
    assert_eq!(store.evaluations(&keys).await.unwrap(), *model.evaluations());
    let keys: Vec<_> = (0..NUMBERS).map(|number| sample::proposal("", number).key).collect();
    assert_eq!(store.proposals(&keys).await.unwrap(), *model.proposals());
    assert_eq!(store.running().await.unwrap(), model.running(now));
    for job in JOBS.map(sample::id) {
        let expected = model.job(&job, now);
        assert_eq!(kind(store.job(&job).await), expected);
        if expected.is_err() {
            continue;
        }
        assert_eq!(store.totals(&job).await.unwrap(), model.totals(&job));
        assert_eq!(store.candidates(&job).await.unwrap(), model.candidates(&job));
        assert_eq!(store.history(&job).await.unwrap(), model.history(&job));
        for island in 0..ISLANDS {
            assert_eq!(store.checkpoint(&job, island).await.unwrap(), model.checkpoint(&job, island));
            assert_eq!(store.migrants(&job, island).await.unwrap(), model.migrants(&job, island));
        }
    }
}
