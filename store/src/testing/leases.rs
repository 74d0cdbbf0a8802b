//! Who may run a job.

use std::sync::Arc;
use std::time::Duration;

use super::{Open, StandingClock, assert_kind, run, sample};
use crate::error::StoreErrorKind as Kind;
use crate::job::{IslandLease, JobId, JobState, Lease};
use crate::record::Notes;
use crate::store::Store;

const MINUTE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(1);

async fn with_job(open: impl Open) -> (StandingClock, Arc<dyn Store>, JobId) {
    let time = StandingClock::new();
    let store = open(time.clock()).await;
    store.insert_job(&sample::job("a")).await.unwrap();
    (time, store, sample::id("a"))
}

async fn owner(store: &dyn Store, id: &JobId) -> Option<String> {
    store.job(id).await.unwrap().owner
}

/// A living lease keeps others out, and the message says who holds it.
pub fn one_owner_at_a_time(open: impl Open) {
    run(async {
        let (time, store, id) = with_job(open).await;
        store.claim(&id, "first", MINUTE, None).await.unwrap();
        assert_eq!(owner(&*store, &id).await.as_deref(), Some("first"));
        time.advance(MINUTE - TICK);
        let error = assert_kind(store.claim(&id, "second", MINUTE, None).await, Kind::Owned);
        assert!(error.message.contains("`a`") && error.message.contains("first"), "{error}");
    });
}

/// A lease ends with its time, and the token grows.
pub fn an_expired_lease_can_be_taken_over(open: impl Open) {
    run(async {
        let (time, store, id) = with_job(open).await;
        let first = store.claim(&id, "first", MINUTE, None).await.unwrap();
        time.advance(MINUTE);
        assert_eq!(owner(&*store, &id).await, None);
        let second = store.claim(&id, "second", MINUTE, None).await.unwrap();
        assert!(second.token > first.token && second.job == id);
    });
}

/// A process that forgot its lease can take it again.
pub fn the_same_owner_may_claim_again(open: impl Open) {
    run(async {
        let (_, store, id) = with_job(open).await;
        let first = store.claim(&id, "me", MINUTE, None).await.unwrap();
        let second = store.claim(&id, "me", MINUTE, None).await.unwrap();
        assert!(second.token > first.token);
        assert_kind(store.renew(&first, MINUTE).await, Kind::Owned);
        assert!(!store.renew(&second, MINUTE).await.unwrap());
    });
}

/// Renewal counts from now, also after the end, as long as nobody else has claimed.
pub fn a_renewed_lease_lives_on(open: impl Open) {
    run(async {
        let (time, store, id) = with_job(open).await;
        let lease = store.claim(&id, "first", MINUTE, None).await.unwrap();
        time.advance(MINUTE / 2);
        store.renew(&lease, MINUTE).await.unwrap();
        time.advance(MINUTE - TICK);
        assert_kind(store.claim(&id, "second", MINUTE, None).await, Kind::Owned);
        time.advance(MINUTE);
        store.renew(&lease, MINUTE).await.unwrap();
        assert_kind(store.claim(&id, "second", MINUTE, None).await, Kind::Owned);
        store.renew(&lease, Duration::MAX).await.unwrap();
        assert_eq!(owner(&*store, &id).await.as_deref(), Some("first"));
    });
}

/// Whoever lost a job can neither prolong nor end it.
pub fn a_stale_lease_is_refused(open: impl Open) {
    run(async {
        let (time, store, id) = with_job(open).await;
        let stale = store.claim(&id, "first", MINUTE, None).await.unwrap();
        time.advance(MINUTE);
        let lease = store.claim(&id, "second", MINUTE, None).await.unwrap();
        assert_kind(store.renew(&stale, MINUTE).await, Kind::Owned);
        assert_kind(store.finish(&stale, JobState::Failed, None, Some("stale")).await, Kind::Owned);
        let job = store.job(&id).await.unwrap();
        let second = Some("second".to_owned());
        assert_eq!((job.state, job.error, job.owner), (JobState::Running, None, second));
        store.finish(&lease, JobState::Done, None, None).await.unwrap();
        assert_kind(store.renew(&stale, MINUTE).await, Kind::Owned);
    });
}

/// A late renewal does not bring an ended lease to life; ending twice is as ending once.
pub fn a_finished_lease_does_not_come_back(open: impl Open) {
    run(async {
        let (_, store, id) = with_job(open).await;
        let lease = store.claim(&id, "first", MINUTE, None).await.unwrap();
        for _ in 0..2 {
            store.finish(&lease, JobState::Stopped, None, None).await.unwrap();
            assert!(!store.renew(&lease, MINUTE).await.unwrap());
            let job = store.job(&id).await.unwrap();
            assert_eq!((job.state, job.owner), (JobState::Stopped, None));
        }
        let second = store.claim(&id, "second", MINUTE, None).await.unwrap();
        assert!(second.token > lease.token);
    });
}

/// However they race, exactly one gets the job.
pub fn one_of_many_that_claim_at_once_succeeds(open: impl Open) {
    run(async {
        let (_, store, id) = with_job(open).await;
        let mut claims = tokio::task::JoinSet::new();
        for number in 0..16 {
            let (store, id) = (Arc::clone(&store), id.clone());
            claims.spawn(async move { store.claim(&id, &format!("owner {number}"), MINUTE, None).await });
        }
        let outcomes = claims.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.into_iter().filter_map(Result::err).all(|error| error.kind == Kind::Owned));
    });
}

/// An owner that is known to be dead is followed at once; that of another who lives stays.
pub fn the_lease_of_a_dead_owner_is_taken_over(open: impl Open) {
    run(async {
        let (_, store, id) = with_job(open).await;
        let first = store.claim(&id, "first", MINUTE, Some("nobody")).await.unwrap();
        for dead in [None, Some("nobody"), Some(""), Some("second")] {
            assert_kind(store.claim(&id, "second", MINUTE, dead).await, Kind::Owned);
        }
        let second = store.claim(&id, "second", MINUTE, Some("first")).await.unwrap();
        assert!(second.token > first.token);
        assert_eq!(owner(&*store, &id).await.as_deref(), Some("second"));
        // Whoever comes late still believes that the first one has it.
        assert_kind(store.claim(&id, "third", MINUTE, Some("first")).await, Kind::Owned);
        assert!(!store.renew(&second, MINUTE).await.unwrap());
    });
}

/// Two that take each other for dead: the last to claim has the job, the other is refused whatever it does.
pub fn of_two_that_think_each_other_dead_the_last_wins(open: impl Open) {
    run(async {
        let (_, store, id) = with_job(open).await;
        let mut lost: Option<(Lease, IslandLease)> = None;
        for (me, other) in [("first", "second"), ("second", "first"), ("first", "second")] {
            let lease = store.claim(&id, me, MINUTE, Some(other)).await.unwrap();
            let island = store.occupy(&lease, 0).await.unwrap();
            if let Some((job, island)) = lost.replace((lease.clone(), island.clone())) {
                assert_kind(store.renew(&job, MINUTE).await, Kind::Owned);
                assert_kind(store.occupy(&job, 0).await, Kind::Owned);
                assert_kind(store.occupy(&job, 1).await, Kind::Owned);
                assert_kind(store.note(&island, &Notes::default()).await, Kind::Owned);
                assert_kind(store.finish(&job, JobState::Failed, None, None).await, Kind::Owned);
            }
            assert!(!store.renew(&lease, MINUTE).await.unwrap());
            store.note(&island, &Notes::default()).await.unwrap();
            assert_eq!(owner(&*store, &id).await.as_deref(), Some(me));
        }
    });
}
