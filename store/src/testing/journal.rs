//! What is written while a job runs.

use std::sync::Arc;
use std::time::Duration;

use super::{Open, StandingClock, assert_kind, run, sample};
use crate::error::StoreErrorKind as Kind;
use crate::job::Lease;
use crate::record::{CandidateRecord, CheckpointRecord, EvaluationRecord, JournalBatch, Totals};
use crate::store::Store;

const MINUTE: Duration = Duration::from_secs(60);

async fn with_lease(open: impl Open) -> (StandingClock, Arc<dyn Store>, Lease) {
    let time = StandingClock::new();
    let store = open(time.clock()).await;
    store.insert_job(&sample::job("a")).await.unwrap();
    let lease = store.claim(&sample::id("a"), "me", MINUTE).await.unwrap();
    (time, store, lease)
}

/// A bit of everything.
fn batch(job: &str) -> JournalBatch {
    JournalBatch {
        evaluations: (0..150).map(|number| sample::evaluation(job, number)).collect(),
        proposals: (0..3).map(|number| sample::proposal(job, number)).collect(),
        candidates: (0..70).map(|ordinal| sample::candidate(job, 0, ordinal)).collect(),
        checkpoints: vec![sample::checkpoint(job, 0, 4), sample::checkpoint(job, 1, 2)],
        history: (0..5).map(|sequence| sample::point(job, 0, sequence)).collect(),
    }
}

async fn assert_holds(store: &dyn Store, batch: &JournalBatch) {
    let id = sample::id("a");
    let keys: Vec<_> = batch.evaluations.iter().map(|record| record.key).collect();
    let found = store.evaluations(&keys).await.unwrap();
    assert_eq!(found.len(), batch.evaluations.len());
    assert!(batch.evaluations.iter().all(|record| found[&record.key] == *record));
    let keys: Vec<_> = batch.proposals.iter().map(|record| record.key).collect();
    let found = store.proposals(&keys).await.unwrap();
    assert_eq!(found.len(), batch.proposals.len());
    assert!(batch.proposals.iter().all(|record| found[&record.key] == *record));
    assert_eq!(store.candidates(&id).await.unwrap(), batch.candidates);
    for checkpoint in &batch.checkpoints {
        assert_eq!(store.checkpoint(&id, checkpoint.island).await.unwrap().as_ref(), Some(checkpoint));
    }
    assert_eq!(store.history(&id).await.unwrap(), batch.history);
    let of_evaluations =
        |value: fn(&EvaluationRecord) -> u64| batch.evaluations.iter().map(value).sum::<u64>();
    let dollars = batch.evaluations.iter().map(|record| record.evaluation.objectives.dollars).sum::<f64>()
        + batch.proposals.iter().map(|record| record.dollars).sum::<f64>();
    let totals = Totals {
        evaluations: batch.evaluations.len() as u64,
        model_calls: of_evaluations(|record| record.evaluation.model_calls.into())
            + batch.proposals.len() as u64,
        dollars,
        input_tokens: of_evaluations(|record| record.evaluation.input_tokens)
            + batch.proposals.iter().map(|record| record.input_tokens).sum::<u64>(),
        output_tokens: of_evaluations(|record| record.evaluation.output_tokens)
            + batch.proposals.iter().map(|record| record.output_tokens).sum::<u64>(),
    };
    assert_eq!(store.totals(&id).await.unwrap(), totals);
}

/// Every kind of record, and their totals.
pub fn what_is_committed_is_found(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        assert_eq!(store.totals(&lease.job).await.unwrap(), Totals::default());
        assert_eq!(store.checkpoint(&lease.job, 0).await.unwrap(), None);
        store.commit(&lease, &JournalBatch::default()).await.unwrap();
        store.commit(&lease, &batch("a")).await.unwrap();
        assert_holds(&*store, &batch("a")).await;
    });
}

/// A second time, also within one batch and with other values for a known key, changes nothing.
pub fn a_batch_can_be_repeated(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        let batch = batch("a");
        let mut twice = batch.clone();
        twice.evaluations.extend(batch.evaluations.clone());
        twice.history.extend(batch.history.clone());
        twice.proposals.extend(batch.proposals.clone());
        store.commit(&lease, &twice).await.unwrap();
        let mut other = batch.clone();
        other.evaluations.iter_mut().for_each(|record| record.evaluation.output = "other".into());
        other.proposals.iter_mut().for_each(|record| record.text = "other".into());
        other.history.iter_mut().for_each(|record| record.best = 0.0);
        store.commit(&lease, &other).await.unwrap();
        assert_holds(&*store, &batch).await;
    });
}

/// One record that cannot be written, and the whole batch is not.
pub fn a_batch_is_all_or_nothing(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        let mut broken = batch("a");
        broken.history.push(crate::record::HistoryRecord { best: f64::NAN, ..sample::point("a", 0, 9) });
        assert_kind(store.commit(&lease, &broken).await, Kind::Invalid);
        assert_holds(&*store, &JournalBatch::default()).await;
        assert_eq!(store.checkpoint(&lease.job, 0).await.unwrap(), None);
        store.commit(&lease, &batch("a")).await.unwrap();
        assert_holds(&*store, &batch("a")).await;
    });
}

/// The past owner's evaluations and proposals are kept, all else is the present owner's.
pub fn a_stale_owner_keeps_only_what_was_paid_for(open: impl Open) {
    run(async {
        let (time, store, stale) = with_lease(open).await;
        time.advance(MINUTE);
        // Its time is over, but nobody else has claimed: it still owns the job.
        let own = JournalBatch { checkpoints: vec![sample::checkpoint("a", 0, 1)], ..Default::default() };
        store.commit(&stale, &own).await.unwrap();
        store.claim(&stale.job, "other", MINUTE).await.unwrap();
        let late = batch("a");
        let error = assert_kind(store.commit(&stale, &late).await, Kind::Owned);
        assert!(error.message.contains("other"), "{error}");
        let paid = JournalBatch { candidates: vec![], history: vec![], ..late };
        assert_holds(&*store, &JournalBatch { checkpoints: own.checkpoints, ..paid }).await;
    });
}

/// A job finds what another has paid for; the price counts once, for the one that paid.
pub fn evaluations_are_shared_between_jobs(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        store.commit(&lease, &batch("a")).await.unwrap();
        store.insert_job(&sample::job("b")).await.unwrap();
        let other = store.claim(&sample::id("b"), "me", MINUTE).await.unwrap();
        store.commit(&other, &batch("b")).await.unwrap();
        assert_eq!(store.totals(&other.job).await.unwrap(), Totals::default());
        assert_eq!(store.candidates(&other.job).await.unwrap(), batch("b").candidates);
        assert_holds(&*store, &batch("a")).await;
    });
}

/// Written again, score and outcome are new; birth and lineage stay.
pub fn a_candidate_gets_its_new_score_and_outcome(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        let first = sample::candidate("a", 0, 1);
        let again = CandidateRecord {
            ordinal: 8,
            operator: "merge".into(),
            generation: 3,
            validation_score: Some(0.75),
            validation_cases: 40,
            outcome: "dropped".into(),
            ..first.clone()
        };
        // The same content on another island is another birth.
        let elsewhere = CandidateRecord { island: 1, ..first.clone() };
        for candidates in [vec![first.clone(), elsewhere.clone()], vec![again.clone()]] {
            store.commit(&lease, &JournalBatch { candidates, ..Default::default() }).await.unwrap();
        }
        let expected = CandidateRecord {
            validation_score: Some(0.75),
            validation_cases: 40,
            outcome: "dropped".into(),
            ..first
        };
        assert_eq!(store.candidates(&lease.job).await.unwrap(), [expected, elsewhere]);
    });
}

/// An older checkpoint does not replace a newer one, in whatever order they come.
pub fn only_the_newest_checkpoint_is_kept(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        for sequences in [vec![3], vec![2], vec![5, 4], vec![3, 3]] {
            let checkpoints = sequences.into_iter().map(|n| sample::checkpoint("a", 0, n)).collect();
            store.commit(&lease, &JournalBatch { checkpoints, ..Default::default() }).await.unwrap();
        }
        let same = CheckpointRecord { body: "other".into(), ..sample::checkpoint("a", 0, 5) };
        store.commit(&lease, &JournalBatch { checkpoints: vec![same], ..Default::default() }).await.unwrap();
        let newest = store.checkpoint(&lease.job, 0).await.unwrap();
        assert_eq!(newest, Some(sample::checkpoint("a", 0, 5)));
        assert_eq!(store.checkpoint(&lease.job, 1).await.unwrap(), None);
    });
}

/// Candidates and points come by island and number, however they were written.
pub fn records_come_in_order(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        let places = [(1, 0), (0, 10), (0, 2), (1, 3), (0, 9)];
        let batch = JournalBatch {
            candidates: places.iter().map(|(island, n)| sample::candidate("a", *island, *n)).collect(),
            history: places.iter().map(|(island, n)| sample::point("a", *island, *n)).collect(),
            ..Default::default()
        };
        store.commit(&lease, &batch).await.unwrap();
        let sorted = [(0, 2), (0, 9), (0, 10), (1, 0), (1, 3)];
        let candidates = store.candidates(&lease.job).await.unwrap();
        assert!(candidates.iter().map(|record| (record.island, record.ordinal)).eq(sorted));
        let points = store.history(&lease.job).await.unwrap();
        assert!(points.iter().map(|record| (record.island, record.sequence)).eq(sorted));
    });
}

/// A lease is for one job only.
pub fn a_record_of_another_job_is_refused(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        store.insert_job(&sample::job("b")).await.unwrap();
        let mut mixed = batch("a");
        mixed.checkpoints.push(sample::checkpoint("b", 0, 1));
        assert_kind(store.commit(&lease, &mixed).await, Kind::Invalid);
        assert_eq!(store.totals(&lease.job).await.unwrap(), Totals::default());
    });
}

/// Known and unknown, some twice, and none at all.
pub fn hundreds_of_keys_are_looked_up_at_once(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        store.commit(&lease, &batch("a")).await.unwrap();
        let keys: Vec<_> = (0..1500).map(|number| sample::evaluation("a", number % 300).key).collect();
        let found = store.evaluations(&keys).await.unwrap();
        assert_eq!(found.len(), 150);
        assert!(found.iter().all(|(key, record)| record.key == *key));
        assert!(store.evaluations(&[]).await.unwrap().is_empty());
        let keys: Vec<_> = (0..700).map(|number| sample::proposal("a", number).key).collect();
        assert_eq!(store.proposals(&keys).await.unwrap().len(), 3);
    });
}

/// Tasks that write and read at once do not lose each other's records.
pub fn commits_at_once_are_all_kept(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let (store, lease) = (Arc::clone(&store), lease.clone());
            tasks.spawn(async move {
                for round in 0..5 {
                    let number = task * 5 + round;
                    let evaluations = vec![sample::evaluation("a", number)];
                    let batch = JournalBatch { evaluations, ..Default::default() };
                    store.commit(&lease, &batch).await.unwrap();
                    // What was acknowledged is there for the next reader.
                    assert_eq!(store.evaluations(&[batch.evaluations[0].key]).await.unwrap().len(), 1);
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(store.totals(&lease.job).await.unwrap().evaluations, 40);
    });
}
