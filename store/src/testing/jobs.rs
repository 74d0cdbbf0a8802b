//! Jobs and how they stand.

use std::time::Duration;

use evohub_monitoring::metrics::Connections;

use super::{Open, StandingClock, assert_kind, run, sample};
use crate::error::StoreErrorKind as Kind;
use crate::job::{IslandLease, JobRecord, JobState, Lease, NewJob, RunningJob};
use crate::record::{Notes, Results};

const MINUTE: Duration = Duration::from_secs(60);

/// Every field comes back.
pub fn a_job_is_found_as_it_was_inserted(open: impl Open) {
    run(async {
        let store = open(StandingClock::new().clock()).await;
        let new = NewJob { name: "nul \0, quote ', ß, 🦀".into(), ..sample::job("a") };
        store.insert_job(&new).await.unwrap();
        let expected = JobRecord {
            id: new.id.clone(),
            name: new.name,
            algorithm: new.algorithm,
            spec: new.spec,
            state: JobState::Running,
            stop_requested: false,
            owner: None,
            result: None,
            error: None,
            created_at: new.created_at,
            updated_at: new.created_at,
        };
        assert_eq!(store.job(&new.id).await.unwrap(), expected);
        store.ping().await.unwrap();
    });
}

/// A second job of the same id is refused, the first stays.
pub fn a_job_id_is_taken_once(open: impl Open) {
    run(async {
        let store = open(StandingClock::new().clock()).await;
        store.insert_job(&sample::job("a")).await.unwrap();
        let second = NewJob { name: "second".into(), ..sample::job("a") };
        let error = assert_kind(store.insert_job(&second).await, Kind::Invalid);
        assert!(error.message.contains("`a`"), "{error}");
        assert_eq!(store.job(&second.id).await.unwrap().name, "name of a");
    });
}

/// Every method that names a job says that there is none, and which are alike.
pub fn a_job_not_found_is_an_error_everywhere(open: impl Open) {
    run(async {
        let store = open(StandingClock::new().clock()).await;
        store.insert_job(&sample::job("sentiment-1")).await.unwrap();
        let id = sample::id("sentiment-2");
        let lease = Lease { job: id.clone(), token: 0 };
        let island = IslandLease { lease: lease.clone(), island: 0, token: 1 };
        let results =
            Results { evaluations: vec![sample::evaluation("sentiment-2", 1)], ..Default::default() };
        let error = assert_kind(store.job(&id).await, Kind::NotFound);
        assert!(error.message.contains("did you mean `sentiment-1`?"), "{error}");
        assert_kind(store.claim(&id, "me", MINUTE, None).await, Kind::NotFound);
        assert_kind(store.claim(&id, "me", MINUTE, Some("it")).await, Kind::NotFound);
        assert_kind(store.occupy(&lease, 0).await, Kind::NotFound);
        assert_kind(store.renew(&lease, MINUTE).await, Kind::NotFound);
        assert_kind(store.finish(&lease, JobState::Done, None, None).await, Kind::NotFound);
        assert_kind(store.request_stop(&id).await, Kind::NotFound);
        assert_kind(store.keep(&results).await, Kind::NotFound);
        assert_kind(store.note(&island, &Notes::default()).await, Kind::NotFound);
        assert_kind(store.totals(&id).await, Kind::NotFound);
        assert_kind(store.candidates(&id).await, Kind::NotFound);
        assert_kind(store.checkpoint(&id, 0).await, Kind::NotFound);
        assert_kind(store.history(&id).await, Kind::NotFound);
        assert_kind(store.migrants(&id, 0).await, Kind::NotFound);
        assert!(store.evaluations(&[results.evaluations[0].key]).await.unwrap().is_empty());
    });
}

/// The order is that of creation, ties that of insertion.
pub fn jobs_are_listed_newest_first_without_specifications(open: impl Open) {
    run(async {
        let store = open(StandingClock::new().clock()).await;
        assert_eq!(store.jobs().await.unwrap(), []);
        for (id, created_at) in [("b", 2), ("a", 1), ("d", 3), ("c", 3)] {
            store.insert_job(&NewJob { created_at, ..sample::job(id) }).await.unwrap();
        }
        store.claim(&sample::id("a"), "me", MINUTE, None).await.unwrap();
        let jobs = store.jobs().await.unwrap();
        let shown: Vec<_> = jobs.iter().map(|job| (job.id.0.as_str(), job.owner.as_deref())).collect();
        assert_eq!(shown, [("c", None), ("d", None), ("b", None), ("a", Some("me"))]);
        assert!(jobs.iter().all(|job| job.spec.is_null()));
    });
}

/// Oldest first, with whoever holds them; what has ended or was stopped is nobody's to run.
pub fn what_is_to_be_run_is_listed(open: impl Open) {
    run(async {
        let time = StandingClock::new();
        let store = open(time.clock()).await;
        assert_eq!(store.running().await.unwrap(), []);
        for (id, created_at) in [("b", 2), ("a", 1), ("d", 3), ("c", 3), ("e", 4)] {
            store.insert_job(&NewJob { created_at, ..sample::job(id) }).await.unwrap();
        }
        for (id, minutes) in [("a", 1), ("b", 2)] {
            store.claim(&sample::id(id), "me", minutes * MINUTE, None).await.unwrap();
        }
        for (id, state) in [("c", JobState::Done), ("d", JobState::Stopped), ("e", JobState::Running)] {
            let lease = store.claim(&sample::id(id), "me", MINUTE, None).await.unwrap();
            store.finish(&lease, state, None, None).await.unwrap();
        }
        let listed = |owners: [(&str, Option<&str>); 3]| {
            owners.map(|(id, owner)| RunningJob { id: sample::id(id), owner: owner.map(str::to_owned) })
        };
        let all = listed([("a", Some("me")), ("b", Some("me")), ("e", None)]);
        assert_eq!(store.running().await.unwrap(), all);
        time.advance(MINUTE);
        let all = listed([("a", None), ("b", Some("me")), ("e", None)]);
        assert_eq!(store.running().await.unwrap(), all);
    });
}

/// The end of a job is kept, and gone when the job runs again.
pub fn a_result_or_an_error_is_kept(open: impl Open) {
    run(async {
        let time = StandingClock::new();
        let store = open(time.clock()).await;
        let id = sample::id("a");
        store.insert_job(&sample::job("a")).await.unwrap();
        for (state, result, error) in [
            (JobState::Stopped, Some(serde_json::json!({ "best": 0.1 })), None),
            (JobState::Failed, None, Some("no key")),
            (JobState::Done, Some(serde_json::Value::Null), Some("both")),
        ] {
            time.advance(MINUTE);
            let lease = store.claim(&id, "me", MINUTE, None).await.unwrap();
            let job = store.job(&id).await.unwrap();
            assert_eq!((job.state, job.result, job.error), (JobState::Running, None, None));
            assert_eq!(job.updated_at, time.now());
            time.advance(Duration::from_millis(1));
            store.finish(&lease, state, result.as_ref(), error).await.unwrap();
            let job = store.job(&id).await.unwrap();
            assert_eq!((job.state, job.result, job.error.as_deref()), (state, result, error));
            assert_eq!((job.owner, job.updated_at), (None, time.now()));
        }
    });
}

/// Pings and writes at once: all succeed, and what is stored is what was written.
pub fn a_ping_changes_nothing_and_disturbs_nobody(open: impl Open) {
    run(async {
        let store = open(StandingClock::new().clock()).await;
        store.ping().await.unwrap();
        assert_eq!(store.jobs().await.unwrap(), []);
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    store.insert_job(&sample::job(&number.to_string())).await.unwrap();
                    store.ping().await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
        assert_eq!(store.jobs().await.unwrap().len(), 20);
        // A connection is free a moment after what used it has ended.
        while store.connections().busy > 0 {
            tokio::task::yield_now().await;
        }
        assert!(store.connections().idle > 0);
        store.close().await;
        assert_kind(store.ping().await, Kind::Unavailable);
        assert_eq!(store.connections(), Connections::default());
    });
}

/// A wish to stop reaches the owner with the next renewal, and ends with the job or a new claim.
pub fn a_stop_is_asked_for_until_the_job_has_ended(open: impl Open) {
    run(async {
        let store = open(StandingClock::new().clock()).await;
        let id = sample::id("a");
        let asked = async || store.job(&id).await.unwrap().stop_requested;
        store.insert_job(&sample::job("a")).await.unwrap();
        store.request_stop(&id).await.unwrap();
        assert!(asked().await);
        let lease = store.claim(&id, "me", MINUTE, None).await.unwrap();
        assert!(!asked().await && !store.renew(&lease, MINUTE).await.unwrap());
        store.request_stop(&id).await.unwrap();
        assert!(asked().await && store.renew(&lease, MINUTE).await.unwrap());
        store.finish(&lease, JobState::Stopped, None, None).await.unwrap();
        assert!(!asked().await);
        // There is nobody left to ask.
        store.request_stop(&id).await.unwrap();
        assert!(!asked().await);
    });
}
