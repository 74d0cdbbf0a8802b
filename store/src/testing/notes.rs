//! What an island notes while it runs.

use std::sync::Arc;
use std::time::Duration;

use super::{Open, StandingClock, assert_kind, run, sample};
use crate::error::StoreErrorKind as Kind;
use crate::job::{IslandLease, Lease};
use crate::record::{CandidateRecord, CheckpointRecord, HistoryRecord, MigrantRecord, Notes};
use crate::store::Store;

async fn with_islands(open: impl Open) -> (Arc<dyn Store>, Lease, [IslandLease; 2]) {
    let store = open(StandingClock::new().clock()).await;
    store.insert_job(&sample::job("a")).await.unwrap();
    let lease = store.claim(&sample::id("a"), "me", Duration::from_secs(60), None).await.unwrap();
    let islands = [store.occupy(&lease, 0).await.unwrap(), store.occupy(&lease, 1).await.unwrap()];
    (store, lease, islands)
}

/// A bit of everything, of an island.
fn notes(island: u32) -> Notes {
    Notes {
        forget_from: None,
        candidates: (0..70).map(|ordinal| sample::candidate("a", island, ordinal)).collect(),
        checkpoints: vec![sample::checkpoint("a", island, 4)],
        history: (0..5).map(|sequence| sample::point("a", island, sequence)).collect(),
        migrants: (1..4).map(|epoch| sample::migrants("a", island, 2, epoch)).collect(),
    }
}

/// All of the job's records are these, island by island.
async fn assert_holds(store: &dyn Store, islands: &[Notes]) {
    let id = sample::id("a");
    let candidates: Vec<_> = islands.iter().flat_map(|notes| notes.candidates.clone()).collect();
    assert_eq!(store.candidates(&id).await.unwrap(), candidates);
    for checkpoint in islands.iter().flat_map(|notes| &notes.checkpoints) {
        assert_eq!(store.checkpoint(&id, checkpoint.island).await.unwrap().as_ref(), Some(checkpoint));
    }
    let history: Vec<_> = islands.iter().flat_map(|notes| notes.history.clone()).collect();
    assert_eq!(store.history(&id).await.unwrap(), history);
    let mut migrants: Vec<_> = islands.iter().flat_map(|notes| notes.migrants.clone()).collect();
    migrants.sort_by_key(|record| (record.epoch, record.from));
    assert_eq!(store.migrants(&id, 2).await.unwrap(), migrants);
}

/// Every kind of record, of two islands.
pub fn what_is_noted_is_found(open: impl Open) {
    run(async {
        let (store, lease, islands) = with_islands(open).await;
        assert_eq!(store.checkpoint(&lease.job, 0).await.unwrap(), None);
        store.note(&islands[0], &Notes::default()).await.unwrap();
        assert_holds(&*store, &[]).await;
        store.note(&islands[1], &notes(1)).await.unwrap();
        store.note(&islands[0], &notes(0)).await.unwrap();
        assert_holds(&*store, &[notes(0), notes(1)]).await;
        assert_eq!(store.migrants(&lease.job, 0).await.unwrap(), []);
    });
}

/// A second time, also within one call and with other values for what is known, changes nothing.
pub fn notes_can_be_repeated(open: impl Open) {
    run(async {
        let (store, _, [island, _]) = with_islands(open).await;
        let mut twice = notes(0);
        twice.candidates.extend(notes(0).candidates);
        twice.checkpoints.extend(notes(0).checkpoints);
        twice.history.extend(notes(0).history);
        twice.migrants.extend(notes(0).migrants);
        store.note(&island, &twice).await.unwrap();
        let mut other = notes(0);
        other.checkpoints.iter_mut().for_each(|record| record.body = "other".into());
        other.history.iter_mut().for_each(|record| record.best = 0.0);
        other.migrants.iter_mut().for_each(|record| record.body = "other".into());
        store.note(&island, &other).await.unwrap();
        assert_holds(&*store, &[notes(0)]).await;
    });
}

/// One record that cannot be written, and none is.
pub fn notes_are_written_all_or_none(open: impl Open) {
    run(async {
        let (store, lease, [island, _]) = with_islands(open).await;
        let mut broken = notes(0);
        broken.history.push(HistoryRecord { best: f64::NAN, ..sample::point("a", 0, 9) });
        assert_kind(store.note(&island, &broken).await, Kind::Invalid);
        assert_holds(&*store, &[]).await;
        assert_eq!(store.checkpoint(&lease.job, 0).await.unwrap(), None);
        store.note(&island, &notes(0)).await.unwrap();
        assert_holds(&*store, &[notes(0)]).await;
    });
}

/// Written again, score and outcome are new; birth and lineage stay. Also when both come in one call.
pub fn a_candidate_gets_its_new_score_and_outcome(open: impl Open) {
    run(async {
        let (store, lease, islands) = with_islands(open).await;
        let of = |island, candidates: Vec<CandidateRecord>| {
            let candidates = candidates.into_iter().map(|record| CandidateRecord { island, ..record });
            Notes { candidates: candidates.collect(), ..Notes::default() }
        };
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
        store.note(&islands[0], &of(0, vec![first.clone()])).await.unwrap();
        store.note(&islands[0], &of(0, vec![again.clone()])).await.unwrap();
        // The same content on another island is another birth.
        store.note(&islands[1], &of(1, vec![first.clone(), again])).await.unwrap();
        let on = |island| CandidateRecord {
            island,
            validation_score: Some(0.75),
            validation_cases: 40,
            outcome: "dropped".into(),
            ..first.clone()
        };
        assert_eq!(store.candidates(&lease.job).await.unwrap(), [on(0), on(1)]);
    });
}

/// An older checkpoint does not replace a newer one, in whatever order they come.
pub fn only_the_newest_checkpoint_is_kept(open: impl Open) {
    run(async {
        let (store, lease, [island, _]) = with_islands(open).await;
        let of = |checkpoints| Notes { checkpoints, ..Notes::default() };
        for sequences in [vec![3], vec![2], vec![5, 4], vec![3, 3]] {
            let checkpoints = sequences.into_iter().map(|n| sample::checkpoint("a", 0, n)).collect();
            store.note(&island, &of(checkpoints)).await.unwrap();
        }
        let same =
            |sequence| CheckpointRecord { body: "other".into(), ..sample::checkpoint("a", 0, sequence) };
        store.note(&island, &of(vec![same(5)])).await.unwrap();
        let newest = store.checkpoint(&lease.job, 0).await.unwrap();
        assert_eq!(newest, Some(sample::checkpoint("a", 0, 5)));
        // The first of equals, within one call, too.
        store.note(&island, &of(vec![sample::checkpoint("a", 0, 6), same(6)])).await.unwrap();
        let newest = store.checkpoint(&lease.job, 0).await.unwrap();
        assert_eq!(newest, Some(sample::checkpoint("a", 0, 6)));
        assert_eq!(store.checkpoint(&lease.job, 1).await.unwrap(), None);
    });
}

/// An island that goes on from an earlier state forgets its later candidates, and writes others in their place.
pub fn what_is_forgotten_is_the_rest_of_one_island(open: impl Open) {
    run(async {
        let (store, lease, [island, other]) = with_islands(open).await;
        let of = |island, numbers: std::ops::Range<u64>| Notes {
            candidates: numbers.map(|n| sample::candidate("a", island, n)).collect(),
            ..Notes::default()
        };
        store.note(&island, &of(0, 0..4)).await.unwrap();
        store.note(&other, &of(1, 0..4)).await.unwrap();
        store.note(&island, &Notes { forget_from: Some(2), ..of(0, 3..4) }).await.unwrap();
        let left = store.candidates(&lease.job).await.unwrap();
        let left: Vec<_> = left.iter().map(|record| (record.island, record.ordinal)).collect();
        assert_eq!(left, [(0, 0), (0, 1), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]);
    });
}

/// Candidates and points come by island and number, however they were written.
pub fn records_come_in_order(open: impl Open) {
    run(async {
        let (store, lease, islands) = with_islands(open).await;
        for (island, numbers) in [(1, vec![0]), (0, vec![10, 2]), (1, vec![3]), (0, vec![9])] {
            let notes = Notes {
                candidates: numbers.iter().map(|n| sample::candidate("a", island, *n)).collect(),
                history: numbers.iter().map(|n| sample::point("a", island, *n)).collect(),
                ..Notes::default()
            };
            store.note(&islands[island as usize], &notes).await.unwrap();
        }
        let sorted = [(0, 2), (0, 9), (0, 10), (1, 0), (1, 3)];
        let candidates = store.candidates(&lease.job).await.unwrap();
        assert!(candidates.iter().map(|record| (record.island, record.ordinal)).eq(sorted));
        let points = store.history(&lease.job).await.unwrap();
        assert!(points.iter().map(|record| (record.island, record.sequence)).eq(sorted));
    });
}

/// A lease is for one island of one job only.
pub fn a_record_of_another_job_or_island_is_refused(open: impl Open) {
    run(async {
        let (store, _, [island, _]) = with_islands(open).await;
        store.insert_job(&sample::job("b")).await.unwrap();
        let checkpoint = |job, island| Notes {
            checkpoints: vec![sample::checkpoint("a", 0, 1), sample::checkpoint(job, island, 1)],
            ..Notes::default()
        };
        let strays = [
            checkpoint("b", 0),
            checkpoint("a", 1),
            Notes { candidates: vec![sample::candidate("a", 1, 1)], ..Notes::default() },
            Notes { history: vec![sample::point("b", 0, 1)], ..Notes::default() },
            Notes { migrants: vec![sample::migrants("a", 1, 0, 1)], ..Notes::default() },
        ];
        for stray in strays {
            let error = assert_kind(store.note(&island, &stray).await, Kind::Invalid);
            assert!(error.message.contains("island 0 of job `a`"), "{error}");
        }
        assert_holds(&*store, &[]).await;
        assert_eq!(store.checkpoint(&sample::id("a"), 0).await.unwrap(), None);
    });
}

/// Each exchange of a sender with a receiver once, and for the receiver in the order of epochs and senders.
pub fn migrants_are_kept_once_by_epoch_and_sender(open: impl Open) {
    run(async {
        let (store, lease, islands) = with_islands(open).await;
        let sent = [(1, 3, 2), (0, 3, 10), (1, 3, 1), (0, 4, 1), (0, 3, 1), (1, 4, 1), (0, 3, 9)];
        for (from, to, epoch) in sent {
            for body in ["first", "second"] {
                let migrants =
                    vec![MigrantRecord { body: body.into(), ..sample::migrants("a", from, to, epoch) }];
                let notes = Notes { migrants, ..Notes::default() };
                store.note(&islands[from as usize], &notes).await.unwrap();
            }
        }
        let found = async |to| {
            let records = store.migrants(&lease.job, to).await.unwrap();
            assert!(records.iter().all(|record| record.to == to && record.body == "first"));
            records.iter().map(|record| (record.epoch, record.from)).collect::<Vec<_>>()
        };
        assert_eq!(found(3).await, [(1, 0), (1, 1), (2, 1), (9, 0), (10, 0)]);
        assert_eq!(found(4).await, [(1, 0), (1, 1)]);
        assert_eq!(found(0).await, []);
    });
}
