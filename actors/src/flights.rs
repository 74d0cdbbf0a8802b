//! One call for one key at a time, over all jobs of the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use evohub_evolution::Digest;
use tokio::sync::OwnedMutexGuard;

type Lock = tokio::sync::Mutex<()>;

/// The evaluations under way, by content key: who comes second waits for the first and finds its result.
#[derive(Default)]
pub(crate) struct Flights {
    locks: Mutex<HashMap<Digest, Weak<Lock>>>,
}

/// The right to evaluate a key; others wait until it is dropped.
pub(crate) struct Flight {
    _guard: OwnedMutexGuard<()>,
}

/// Keys that nobody evaluates any more are swept out when there are this many.
const SWEEP: usize = 4_096;

impl Flights {
    /// Waits for the key to be free. The second value says whether there was somebody to wait for.
    pub(crate) async fn enter(&self, key: Digest) -> (Flight, bool) {
        let (lock, waited) = self.lock(key);
        (Flight { _guard: lock.lock_owned().await }, waited)
    }

    fn lock(&self, key: Digest) -> (Arc<Lock>, bool) {
        // No code that can panic runs while it is held.
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&key).and_then(Weak::upgrade) {
            return (lock, true);
        }
        if locks.len() >= SWEEP {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(Lock::new(()));
        locks.insert(key, Arc::downgrade(&lock));
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
        let (first, waited) = flights.enter(key).await;
        assert!(!waited);
        let other = Arc::clone(&flights);
        let second = tokio::spawn(async move { other.enter(key).await.1 });
        let (_free, waited) = flights.enter(Digest::of_fields([])).await;
        assert!(!waited, "another key is free");
        assert!(!second.is_finished());
        drop(first);
        // Whether the second came before the first had gone is the scheduler's choice; that it gets in is not.
        second.await.unwrap();
        assert!(!flights.enter(key).await.1, "nobody is left to wait for");
    }
}
