//! One call for one key at a time, over all jobs of the process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use evohub_evolution::Digest;
use evohub_store::JobId;
use tokio::sync::OwnedMutexGuard;

type Lock = tokio::sync::Mutex<()>;

/// The calls under way, by content key: who comes second waits for the first and finds its result. So does who comes
/// soon after: when its order was looked up, the result may not have been there yet.
#[derive(Default)]
pub(crate) struct Flights {
    locks: Mutex<HashMap<Digest, Held>>,
    landed: Arc<Mutex<Landed>>,
}

/// The keys of the newest calls that are over, oldest first.
#[derive(Default)]
struct Landed {
    order: VecDeque<Digest>,
    keys: HashSet<Digest>,
}

impl Landed {
    fn add(&mut self, key: Digest) {
        if self.keys.insert(key) {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

struct Held {
    lock: Weak<Lock>,
    /// Whoever came first.
    job: JobId,
}

/// The right to make the call of a key; others wait until it is dropped.
pub(crate) struct Flight {
    key: Digest,
    landed: Arc<Mutex<Landed>>,
    _guard: OwnedMutexGuard<()>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.landed.lock().unwrap_or_else(PoisonError::into_inner).add(self.key);
    }
}

/// Calls that are over and remembered: more than can be looked up and wait for a place.
const REMEMBERED: usize = 16_384;

/// Keys that nobody calls for any more are swept out when there are this many.
const SWEEP: usize = 4_096;

impl Flights {
    /// Waits for the key to be free. The second value says whether its result may be in the store: somebody had or has
    /// the key.
    pub(crate) async fn enter(&self, key: Digest, job: &JobId) -> (Flight, bool) {
        let (lock, waited) = self.lock(key, job);
        let guard = lock.lock_owned().await;
        let has_landed = self.landed.lock().unwrap_or_else(PoisonError::into_inner).keys.contains(&key);
        (Flight { key, landed: Arc::clone(&self.landed), _guard: guard }, waited || has_landed)
    }

    /// The keys of a job's calls that are under way.
    pub(crate) fn of_job(&self, job: &JobId) -> Vec<Digest> {
        let locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let held = locks.iter().filter(|(_, held)| held.job == *job && held.lock.strong_count() > 0);
        held.map(|(key, _)| *key).collect()
    }

    fn lock(&self, key: Digest, job: &JobId) -> (Arc<Lock>, bool) {
        // No code that can panic runs while it is held.
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&key).and_then(|held| held.lock.upgrade()) {
            return (lock, true);
        }
        if locks.len() >= SWEEP {
            locks.retain(|_, held| held.lock.strong_count() > 0);
        }
        let lock = Arc::new(Lock::new(()));
        locks.insert(key, Held { lock: Arc::downgrade(&lock), job: job.clone() });
        (lock, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first_and_is_told() {
        let flights = Arc::new(Flights::default());
        let key = Digest::of_fields([b"key".as_slice()]);
        let job = JobId("job".into());
        let (first, waited) = flights.enter(key, &job).await;
        assert!(!waited);
        assert_eq!(flights.of_job(&job), [key]);
        assert_eq!(flights.of_job(&JobId("other".into())), []);
        let other = Arc::clone(&flights);
        let second = tokio::spawn(async move { other.enter(key, &JobId("other".into())).await.1 });
        let (_free, waited) = flights.enter(Digest::of_fields([]), &job).await;
        assert!(!waited, "another key is free");
        assert!(!second.is_finished());
        drop(first);
        // Whether the second came before the first had gone is the scheduler's choice; that it gets in is not.
        second.await.unwrap();
        assert!(flights.enter(key, &job).await.1, "its result may be there");
        assert_eq!(flights.of_job(&job), [Digest::of_fields([])], "the other key is still under way");
    }
}
