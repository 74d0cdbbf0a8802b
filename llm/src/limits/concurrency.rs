//! Calls in flight, as many as the provider takes.

use std::sync::{Arc, Mutex, PoisonError};

use evohub_monitoring::metrics::GaugeShare;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A limit of calls in flight that follows the provider.
///
/// It starts at its maximum, is halved when the provider refuses a call for its load, and grows by one for
/// every `limit` calls that succeed while the limit is what holds calls back. Who waits is served in order.
#[derive(Debug)]
pub(crate) struct Concurrency {
    semaphore: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    maximum: usize,
    in_flight: usize,
    /// Permits to withdraw as they come back, since those in use cannot be.
    debt: usize,
    /// Successes since the limit last changed.
    successes: usize,
    /// Counts the halvings: a burst of refusals of calls that started before a halving is one sign of
    /// overload, not many.
    epoch: u64,
    /// Shows the limit; `None` where nobody looks.
    shown: Option<GaugeShare>,
}

/// The right to one call. Dropped, it frees the place.
#[derive(Debug)]
pub(crate) struct Permit {
    permit: Option<OwnedSemaphorePermit>,
    state: Arc<Mutex<State>>,
    semaphore: Arc<Semaphore>,
    epoch: u64,
}

impl Concurrency {
    /// A limit that starts at its maximum and is shown, if there is where to.
    pub(crate) fn new(maximum: usize, shown: Option<GaugeShare>) -> Self {
        let state = State { limit: maximum, maximum, in_flight: 0, debt: 0, successes: 0, epoch: 0, shown };
        state.show();
        Self { semaphore: Arc::new(Semaphore::new(maximum)), state: Arc::new(Mutex::new(state)) }
    }

    /// Calls that may be in flight now.
    pub(crate) fn limit(&self) -> usize {
        lock(&self.state).limit
    }

    /// Waits for a place, first come, first served.
    pub(crate) async fn acquire(&self) -> Permit {
        // The semaphore is never closed; a closed one would mean no limit rather than no calls.
        let permit = Arc::clone(&self.semaphore).acquire_owned().await.ok();
        let mut state = lock(&self.state);
        state.in_flight += 1;
        let epoch = state.epoch;
        drop(state);
        Permit { permit, state: Arc::clone(&self.state), semaphore: Arc::clone(&self.semaphore), epoch }
    }
}

impl State {
    fn show(&self) {
        if let Some(shown) = &self.shown {
            shown.set(i64::try_from(self.limit).unwrap_or(i64::MAX));
        }
    }
}

impl Permit {
    /// Tells that the provider served the call.
    pub(crate) fn succeeded(&self) {
        let mut state = lock(&self.state);
        if state.in_flight < state.limit || state.limit == state.maximum {
            return;
        }
        state.successes += 1;
        if state.successes < state.limit {
            return;
        }
        state.successes = 0;
        state.limit += 1;
        state.show();
        if state.debt > 0 {
            state.debt -= 1;
        } else {
            self.semaphore.add_permits(1);
        }
    }

    /// Tells that the provider refused the call for its load.
    pub(crate) fn overloaded(&self) {
        let mut state = lock(&self.state);
        if self.epoch != state.epoch {
            return;
        }
        state.epoch += 1;
        state.successes = 0;
        let lower = (state.limit / 2).max(1);
        let surplus = state.limit - lower;
        state.limit = lower;
        state.show();
        state.debt += surplus - self.semaphore.forget_permits(surplus);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.in_flight -= 1;
        if state.debt > 0 {
            state.debt -= 1;
            drop(state);
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        }
    }
}

/// No code panics while it holds the lock, and the counts stay true if one ever does.
fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::sync::mpsc;

    use super::*;

    async fn take(limit: &Concurrency, count: usize) -> Vec<Permit> {
        let mut permits = Vec::new();
        for _ in 0..count {
            permits.push(limit.acquire().await);
        }
        permits
    }

    fn is_full(limit: &Concurrency) -> bool {
        limit.semaphore.available_permits() == 0
    }

    #[tokio::test]
    async fn a_burst_of_refusals_halves_the_limit_once() {
        let limit = Concurrency::new(8, None);
        let permits = take(&limit, 8).await;
        for permit in &permits {
            permit.overloaded();
        }
        assert_eq!(limit.limit(), 4);
        drop(permits);
        let permits = take(&limit, 4).await;
        assert!(is_full(&limit), "no fifth call may start");
        permits[0].overloaded();
        assert_eq!(limit.limit(), 2);
    }

    #[tokio::test]
    async fn the_limit_never_falls_below_one() {
        let limit = Concurrency::new(2, None);
        for _ in 0..5 {
            limit.acquire().await.overloaded();
        }
        assert_eq!(limit.limit(), 1);
        let _permit = limit.acquire().await;
        assert!(is_full(&limit));
    }

    #[tokio::test]
    async fn grows_by_one_after_a_round_of_successes_at_the_limit() {
        let limit = Concurrency::new(8, None);
        limit.acquire().await.overloaded();
        let permits = take(&limit, 4).await;
        for permit in &permits[..3] {
            permit.succeeded();
        }
        assert_eq!(limit.limit(), 4);
        permits[3].succeeded();
        assert_eq!(limit.limit(), 5);
        let _fifth = limit.acquire().await;
        assert!(is_full(&limit));
    }

    #[tokio::test]
    async fn does_not_grow_while_calls_are_few() {
        let limit = Concurrency::new(8, None);
        limit.acquire().await.overloaded();
        for _ in 0..100 {
            limit.acquire().await.succeeded();
        }
        assert_eq!(limit.limit(), 4);
    }

    #[tokio::test]
    async fn serves_in_the_order_of_asking() {
        let limit = Arc::new(Concurrency::new(1, None));
        let held = limit.acquire().await;
        let (sender, mut order) = mpsc::unbounded_channel();
        for number in 0..10 {
            let (limit, sender) = (Arc::clone(&limit), sender.clone());
            tokio::spawn(async move {
                let _permit = limit.acquire().await;
                sender.send(number).unwrap();
            });
            // A task runs up to its wait before the next one starts.
            tokio::task::yield_now().await;
        }
        drop((held, sender));
        let mut seen = Vec::new();
        while let Some(number) = order.recv().await {
            seen.push(number);
        }
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn who_stops_waiting_takes_no_place() {
        let limit = Concurrency::new(1, None);
        let held = limit.acquire().await;
        let waiting = tokio::time::timeout(std::time::Duration::ZERO, limit.acquire()).await;
        assert!(waiting.is_err());
        drop(held);
        let _next = limit.acquire().await;
        assert_eq!(lock(&limit.state).in_flight, 1);
    }

    proptest! {
        #[test]
        fn places_are_never_lost_or_made_up(maximum in 1usize..20, steps in prop::collection::vec(0u8..4, 0..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let limit = Concurrency::new(maximum, None);
                let mut held = Vec::new();
                for step in steps {
                    match step {
                        0 if !is_full(&limit) => held.push(limit.acquire().await),
                        1 => drop(held.pop()),
                        2 => held.iter().for_each(Permit::succeeded),
                        3 => held.iter().for_each(Permit::overloaded),
                        _ => {}
                    }
                    let state = lock(&limit.state);
                    prop_assert!(state.limit >= 1 && state.limit <= maximum);
                    prop_assert_eq!(state.in_flight, held.len());
                    prop_assert_eq!(limit.semaphore.available_permits() + held.len(), state.limit + state.debt);
                }
                held.clear();
                let _all = take(&limit, limit.limit()).await;
                prop_assert!(is_full(&limit));
                Ok(())
            })?;
        }
    }
}
