//! What somebody has paid for.

use std::sync::Arc;
use std::time::Duration;

use super::{Open, StandingClock, assert_kind, run, sample};
use crate::error::StoreErrorKind as Kind;
use crate::job::JobState;
use crate::record::{EvaluationRecord, Results, Totals};
use crate::store::Store;

const MINUTE: Duration = Duration::from_secs(60);

async fn with_jobs(open: impl Open) -> Arc<dyn Store> {
    let store = open(StandingClock::new().clock()).await;
    store.insert_job(&sample::job("a")).await.unwrap();
    store.insert_job(&sample::job("b")).await.unwrap();
    store
}

/// A bit of everything.
fn results(job: &str) -> Results {
    Results {
        evaluations: (0..150).map(|number| sample::evaluation(job, number)).collect(),
        proposals: (0..3).map(|number| sample::proposal(job, number)).collect(),
    }
}

fn evaluations(job: &str, numbers: impl IntoIterator<Item = u64>) -> Results {
    let evaluations = numbers.into_iter().map(|number| sample::evaluation(job, number)).collect();
    Results { evaluations, ..Results::default() }
}

/// All results are found by their keys, and are what their one job has paid for.
async fn assert_holds(store: &dyn Store, job: &str, results: &Results) {
    let keys: Vec<_> = results.evaluations.iter().map(|record| record.key).collect();
    let found = store.evaluations(&keys).await.unwrap();
    assert_eq!(found.len(), results.evaluations.len());
    assert!(results.evaluations.iter().all(|record| found[&record.key] == *record));
    let keys: Vec<_> = results.proposals.iter().map(|record| record.key).collect();
    let found = store.proposals(&keys).await.unwrap();
    assert_eq!(found.len(), results.proposals.len());
    assert!(results.proposals.iter().all(|record| found[&record.key] == *record));
    let of_evaluations =
        |value: fn(&EvaluationRecord) -> u64| results.evaluations.iter().map(value).sum::<u64>();
    let dollars = results.evaluations.iter().map(|record| record.evaluation.objectives.dollars).sum::<f64>()
        + results.proposals.iter().map(|record| record.dollars).sum::<f64>();
    let totals = Totals {
        evaluations: results.evaluations.len() as u64,
        model_calls: of_evaluations(|record| record.evaluation.model_calls.into())
            + results.proposals.len() as u64,
        dollars,
        input_tokens: of_evaluations(|record| record.evaluation.input_tokens)
            + results.proposals.iter().map(|record| record.input_tokens).sum::<u64>(),
        output_tokens: of_evaluations(|record| record.evaluation.output_tokens)
            + results.proposals.iter().map(|record| record.output_tokens).sum::<u64>(),
    };
    assert_eq!(store.totals(&sample::id(job)).await.unwrap(), totals);
}

/// Both kinds, and their totals.
pub fn what_is_kept_is_found(open: impl Open) {
    run(async {
        let store = with_jobs(open).await;
        assert_eq!(store.totals(&sample::id("a")).await.unwrap(), Totals::default());
        assert_eq!(store.keep(&Results::default()).await.unwrap(), 0);
        assert_eq!(store.keep(&results("a")).await.unwrap(), 0);
        assert_holds(&*store, "a", &results("a")).await;
    });
}

/// A second time, also within one call and with other values for a known key, changes nothing and is counted.
pub fn what_was_known_already_is_counted_and_changes_nothing(open: impl Open) {
    run(async {
        let store = with_jobs(open).await;
        let mut twice = results("a");
        twice.evaluations.extend(results("a").evaluations);
        twice.proposals.extend(results("a").proposals);
        assert_eq!(store.keep(&twice).await.unwrap(), 153);
        let mut other = results("a");
        other.evaluations.iter_mut().for_each(|record| record.evaluation.output = "other".into());
        other.proposals.iter_mut().for_each(|record| record.text = "other".into());
        assert_eq!(store.keep(&other).await.unwrap(), 153);
        assert_holds(&*store, "a", &results("a")).await;
        assert_eq!(store.keep(&evaluations("a", 149..152)).await.unwrap(), 1);
    });
}

/// One record that cannot be written, or whose job is not there, and none is.
pub fn results_are_kept_all_or_none(open: impl Open) {
    run(async {
        let store = with_jobs(open).await;
        let mut broken = results("a");
        broken.proposals[2].dollars = f64::NAN;
        assert_kind(store.keep(&broken).await, Kind::Invalid);
        let mut strange = results("a");
        strange.proposals[2].job = sample::id("c");
        let error = assert_kind(store.keep(&strange).await, Kind::NotFound);
        assert!(error.message.contains("`c`"), "{error}");
        assert_holds(&*store, "a", &Results::default()).await;
        let keys = results("a").evaluations.into_iter().map(|record| record.key).collect::<Vec<_>>();
        assert!(store.evaluations(&keys).await.unwrap().is_empty());
        store.keep(&results("a")).await.unwrap();
        assert_holds(&*store, "a", &results("a")).await;
    });
}

/// Whoever owns the job, and even when nobody does or it has ended: it was paid for.
pub fn anybody_keeps_results(open: impl Open) {
    run(async {
        let store = with_jobs(open).await;
        let id = sample::id("a");
        store.keep(&evaluations("a", [0])).await.unwrap();
        let lease = store.claim(&id, "me", MINUTE, None).await.unwrap();
        store.keep(&evaluations("a", [1])).await.unwrap();
        store.finish(&lease, JobState::Done, None, None).await.unwrap();
        store.keep(&evaluations("a", [2])).await.unwrap();
        assert_holds(&*store, "a", &evaluations("a", 0..3)).await;
    });
}

/// Results of several jobs come at once; each counts for the one that paid.
pub fn results_of_several_jobs_are_kept_at_once(open: impl Open) {
    run(async {
        let store = with_jobs(open).await;
        let mixed = |job: fn(u64) -> &'static str| Results {
            evaluations: (0..90).map(|number| sample::evaluation(job(number), number)).collect(),
            proposals: (0..10).map(|number| sample::proposal(job(number), number)).collect(),
        };
        let by_turns = mixed(|number| if number % 3 == 0 { "a" } else { "b" });
        assert_eq!(store.keep(&by_turns).await.unwrap(), 0);
        for job in ["a", "b"] {
            let mut own = by_turns.clone();
            own.evaluations.retain(|record| record.job == sample::id(job));
            own.proposals.retain(|record| record.job == sample::id(job));
            assert_holds(&*store, job, &own).await;
        }
        // Another pays for the same: the records stay with the first.
        assert_eq!(store.keep(&mixed(|_| "a")).await.unwrap(), 100);
        assert_eq!(store.totals(&sample::id("a")).await.unwrap().evaluations, 30);
    });
}

/// A job finds what another has paid for; the price counts once, for the one that paid.
pub fn evaluations_are_shared_between_jobs(open: impl Open) {
    run(async {
        let store = with_jobs(open).await;
        store.keep(&results("a")).await.unwrap();
        assert_eq!(store.keep(&results("b")).await.unwrap(), 153);
        assert_eq!(store.totals(&sample::id("b")).await.unwrap(), Totals::default());
        assert_holds(&*store, "a", &results("a")).await;
    });
}

/// Known and unknown, some twice, and none at all.
pub fn hundreds_of_keys_are_looked_up_at_once(open: impl Open) {
    run(async {
        let store = with_jobs(open).await;
        store.keep(&results("a")).await.unwrap();
        let keys: Vec<_> = (0..1500).map(|number| sample::evaluation("a", number % 300).key).collect();
        let found = store.evaluations(&keys).await.unwrap();
        assert_eq!(found.len(), 150);
        assert!(found.iter().all(|(key, record)| record.key == *key));
        assert!(store.evaluations(&[]).await.unwrap().is_empty());
        let keys: Vec<_> = (0..700).map(|number| sample::proposal("a", number).key).collect();
        assert_eq!(store.proposals(&keys).await.unwrap().len(), 3);
    });
}

/// Tasks that keep and read at once do not lose each other's records.
pub fn results_that_come_at_once_are_all_kept(open: impl Open) {
    run(async {
        let store = with_jobs(open).await;
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                for round in 0..5 {
                    let results = evaluations("a", [task * 5 + round]);
                    assert_eq!(store.keep(&results).await.unwrap(), 0);
                    // What was acknowledged is there for the next reader.
                    assert_eq!(store.evaluations(&[results.evaluations[0].key]).await.unwrap().len(), 1);
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(store.totals(&sample::id("a")).await.unwrap().evaluations, 40);
    });
}

/// Tasks that keep the same at once, in whatever order, neither block nor fail each other, and every record is new to
/// one of them.
pub fn the_same_results_at_once_are_new_to_one(open: impl Open) {
    run(async {
        let store = with_jobs(open).await;
        let mut tasks = tokio::task::JoinSet::new();
        // Many, so that they are still at it when the next ones come.
        const COUNT: u64 = 300;
        for task in 0..8_u64 {
            let store = Arc::clone(&store);
            let numbers =
                (0..COUNT).map(move |number| if task % 2 == 0 { number } else { COUNT - 1 - number });
            let results = evaluations(if task < 4 { "a" } else { "b" }, numbers);
            tasks.spawn(async move { store.keep(&results).await.unwrap() });
        }
        let known: u64 = tasks.join_all().await.into_iter().sum();
        assert_eq!(known, 7 * COUNT);
        let mut paid = 0;
        for job in ["a", "b"] {
            paid += store.totals(&sample::id(job)).await.unwrap().evaluations;
        }
        assert_eq!(paid, COUNT);
    });
}
