//! Who may write for an island.

use std::sync::Arc;
use std::time::Duration;

use super::{Open, StandingClock, assert_kind, run, sample};
use crate::error::StoreErrorKind as Kind;
use crate::job::{IslandLease, JobState, Lease};
use crate::record::Notes;
use crate::store::Store;

const MINUTE: Duration = Duration::from_secs(60);

async fn with_lease(open: impl Open) -> (StandingClock, Arc<dyn Store>, Lease) {
    let time = StandingClock::new();
    let store = open(time.clock()).await;
    store.insert_job(&sample::job("a")).await.unwrap();
    let lease = store.claim(&sample::id("a"), "me", MINUTE, None).await.unwrap();
    (time, store, lease)
}

fn checkpoint(island: u32, sequence: u64) -> Notes {
    Notes { checkpoints: vec![sample::checkpoint("a", island, sequence)], ..Notes::default() }
}

async fn sequence(store: &dyn Store, island: u32) -> Option<u64> {
    store.checkpoint(&sample::id("a"), island).await.unwrap().map(|newest| newest.sequence)
}

/// Whoever occupied an island before is refused, and nothing of what it notes is written. Other islands go on.
pub fn only_the_newest_lease_of_an_island_counts(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        let stale = store.occupy(&lease, 0).await.unwrap();
        let other = store.occupy(&lease, 7).await.unwrap();
        assert_eq!((stale.island, &stale.lease), (0, &lease));
        store.note(&stale, &checkpoint(0, 1)).await.unwrap();
        let newest = store.occupy(&lease, 0).await.unwrap();
        assert!(newest.token > stale.token);
        let late = Notes {
            candidates: vec![sample::candidate("a", 0, 1)],
            history: vec![sample::point("a", 0, 1)],
            migrants: vec![sample::migrants("a", 0, 1, 1)],
            ..checkpoint(0, 9)
        };
        let error = assert_kind(store.note(&stale, &late).await, Kind::Owned);
        assert!(error.message.contains("island 0 of job `a`"), "{error}");
        assert_kind(store.note(&stale, &Notes::default()).await, Kind::Owned);
        assert_eq!(sequence(&*store, 0).await, Some(1));
        assert_eq!(store.candidates(&lease.job).await.unwrap(), []);
        assert_eq!(store.history(&lease.job).await.unwrap(), []);
        assert_eq!(store.migrants(&lease.job, 1).await.unwrap(), []);
        store.note(&newest, &checkpoint(0, 2)).await.unwrap();
        store.note(&other, &checkpoint(7, 3)).await.unwrap();
        assert_eq!((sequence(&*store, 0).await, sequence(&*store, 7).await), (Some(2), Some(3)));
    });
}

/// A newer lease of the job ends those of all its islands, occupied again or not.
pub fn a_newer_lease_of_the_job_ends_those_of_its_islands(open: impl Open) {
    run(async {
        let (time, store, lease) = with_lease(open).await;
        let islands = [store.occupy(&lease, 0).await.unwrap(), store.occupy(&lease, 1).await.unwrap()];
        time.advance(MINUTE);
        // Its time is over, but nobody else has claimed.
        store.note(&islands[0], &checkpoint(0, 1)).await.unwrap();
        let later = store.occupy(&lease, 2).await.unwrap();
        store.note(&later, &checkpoint(2, 1)).await.unwrap();

        let newer = store.claim(&lease.job, "other", MINUTE, None).await.unwrap();
        let again = store.occupy(&newer, 0).await.unwrap();
        assert!(again.token > islands[0].token);
        for (number, stale) in islands.iter().enumerate() {
            let error = assert_kind(store.note(stale, &checkpoint(number as u32, 5)).await, Kind::Owned);
            assert!(error.message.contains("other"), "{error}");
        }
        assert_kind(store.occupy(&lease, 0).await, Kind::Owned);
        // A token of the island under another lease of the job is no right either.
        let mixed = IslandLease { token: again.token, ..islands[0].clone() };
        assert_kind(store.note(&mixed, &checkpoint(0, 6)).await, Kind::Owned);
        store.note(&again, &checkpoint(0, 2)).await.unwrap();
        assert_eq!((sequence(&*store, 0).await, sequence(&*store, 1).await), (Some(2), None));
    });
}

/// With a lease that was ended, no island can be occupied any more.
pub fn an_ended_lease_occupies_nothing(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        let never = IslandLease { lease: lease.clone(), island: 3, token: 1 };
        assert_kind(store.note(&never, &checkpoint(3, 1)).await, Kind::Owned);
        store.finish(&lease, JobState::Running, None, None).await.unwrap();
        let error = assert_kind(store.occupy(&lease, 0).await, Kind::Owned);
        assert!(error.message.contains("ended"), "{error}");
        let lease = store.claim(&lease.job, "me", MINUTE, None).await.unwrap();
        store.occupy(&lease, 0).await.unwrap();
    });
}

/// Each gets a token of its own, and one of them, the largest, counts.
pub fn of_many_that_occupy_at_once_one_may_write(open: impl Open) {
    run(async {
        let (_, store, lease) = with_lease(open).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let (store, lease) = (Arc::clone(&store), lease.clone());
            tasks.spawn(async move { store.occupy(&lease, 0).await.unwrap() });
        }
        let mut leases = tasks.join_all().await;
        leases.sort_by_key(|lease| lease.token);
        assert!(leases.windows(2).all(|pair| pair[0].token < pair[1].token));
        let newest = leases.pop().unwrap();
        for stale in leases {
            assert_kind(store.note(&stale, &checkpoint(0, 1)).await, Kind::Owned);
        }
        store.note(&newest, &checkpoint(0, 1)).await.unwrap();
    });
}

/// Once another's claim has returned, nothing that the past owner notes meanwhile is written any more.
pub fn nothing_is_noted_behind_the_back_of_a_claim(open: impl Open) {
    run(async {
        let (_, store, mut lease) = with_lease(open).await;
        for round in 0..6_u64 {
            let mut writers = tokio::task::JoinSet::new();
            for island in 0..3 {
                let (store, stale) = (Arc::clone(&store), store.occupy(&lease, island).await.unwrap());
                writers.spawn(async move {
                    for number in 1.. {
                        let notes = checkpoint(island, round * 1_000_000 + number);
                        if let Err(error) = store.note(&stale, &notes).await {
                            assert_eq!(error.kind, Kind::Owned, "{error}");
                            return;
                        }
                    }
                });
            }
            while sequence(&*store, 2).await.is_none_or(|newest| newest < round * 1_000_000 + 3) {
                tokio::task::yield_now().await;
            }
            lease = store
                .claim(&lease.job, &format!("owner {round}"), MINUTE, Some(&owner(round)))
                .await
                .unwrap();
            let mut found = Vec::new();
            for island in 0..3 {
                found.push(sequence(&*store, island).await);
            }
            writers.join_all().await;
            for island in 0..3 {
                assert_eq!(sequence(&*store, island).await, found[island as usize]);
            }
        }
    });
}

/// Who holds the job before a round.
fn owner(round: u64) -> String {
    round.checked_sub(1).map_or_else(|| "me".to_owned(), |before| format!("owner {before}"))
}
