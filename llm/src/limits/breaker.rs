//! Fails fast while a provider is down.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Opens after a number of calls in a row that failed by the provider's fault. After a rest, one call may
/// try: it closes the breaker or opens it again.
///
/// It counts calls that were given up, not attempts: a hiccup that retries bridge is no outage.
#[derive(Debug)]
pub(crate) struct Breaker {
    threshold: u32,
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone)]
struct State {
    failures: u32,
    /// When a call may try again; `None` while closed.
    opens_at: Option<Instant>,
    probing: bool,
    last_failure: String,
}

/// Leave for one call. Dropped without a verdict, it says nothing about the provider.
#[derive(Debug)]
pub(crate) struct Admission<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

/// The breaker is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    /// Until the next call may try; zero while one is trying.
    pub(crate) wait: Duration,
    /// Calls that failed in a row.
    pub(crate) failures: u32,
    /// What the last of them said.
    pub(crate) last_failure: String,
}

impl Breaker {
    /// A closed breaker.
    pub(crate) fn new(threshold: u32, rest: Duration) -> Self {
        let state = State { failures: 0, opens_at: None, probing: false, last_failure: String::new() };
        Self { threshold, rest, state: Mutex::new(state) }
    }

    /// Lets a call through, or says for how long none is.
    pub(crate) fn admit(&self) -> Result<Admission<'_>, Open> {
        let mut state = self.lock();
        match state.opens_at {
            None => Ok(Admission { breaker: self, is_probe: false }),
            Some(at) if at <= Instant::now() && !state.probing => {
                state.probing = true;
                Ok(Admission { breaker: self, is_probe: true })
            }
            Some(at) => Err(open(&state, at)),
        }
    }

    /// Whether calls fail fast now.
    pub(crate) fn is_open(&self) -> Option<Open> {
        let state = self.lock();
        state.opens_at.map(|at| open(&state, at))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(state: &State, at: Instant) -> Open {
    Open {
        wait: at.saturating_duration_since(Instant::now()),
        failures: state.failures,
        last_failure: state.last_failure.clone(),
    }
}

impl Admission<'_> {
    /// Whether this call finds out if the provider is back.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The provider answered, be it to refuse the request.
    pub(crate) fn answered(mut self) {
        let mut state = self.breaker.lock();
        if state.opens_at.is_none() || self.is_probe {
            state.failures = 0;
            state.opens_at = None;
        }
        self.settle(&mut state);
    }

    /// The provider failed.
    pub(crate) fn failed(mut self, message: &str) {
        let mut state = self.breaker.lock();
        // Calls that started before the breaker opened say nothing new.
        if state.opens_at.is_none() || self.is_probe {
            state.failures = state.failures.saturating_add(1);
            message.clone_into(&mut state.last_failure);
            if self.is_probe || state.failures >= self.breaker.threshold {
                state.opens_at = Some(Instant::now() + self.breaker.rest);
            }
        }
        self.settle(&mut state);
    }

    fn settle(&mut self, state: &mut State) {
        if self.is_probe {
            state.probing = false;
            self.is_probe = false;
        }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(30);

    fn fail(breaker: &Breaker) {
        breaker.admit().unwrap().failed("it broke");
    }

    #[tokio::test(start_paused = true)]
    async fn opens_after_failures_in_a_row_only() {
        let breaker = Breaker::new(3, REST);
        fail(&breaker);
        fail(&breaker);
        breaker.admit().unwrap().answered();
        fail(&breaker);
        fail(&breaker);
        assert_eq!(breaker.is_open(), None);
        fail(&breaker);
        let open = breaker.admit().unwrap_err();
        assert_eq!((open.wait, open.failures, open.last_failure.as_str()), (REST, 3, "it broke"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_closes_it_or_opens_it_again() {
        let breaker = Breaker::new(1, REST);
        fail(&breaker);
        tokio::time::advance(REST).await;
        let probe = breaker.admit().unwrap();
        assert!(probe.is_probe());
        assert_eq!(breaker.admit().unwrap_err().wait, Duration::ZERO, "only one call probes");
        probe.failed("still broken");
        assert_eq!(breaker.admit().unwrap_err().wait, REST);
        tokio::time::advance(REST).await;
        breaker.admit().unwrap().answered();
        assert!(!breaker.admit().unwrap().is_probe());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_leaves_room_for_the_next() {
        let breaker = Breaker::new(1, REST);
        fail(&breaker);
        tokio::time::advance(REST).await;
        drop(breaker.admit().unwrap());
        assert!(breaker.admit().unwrap().is_probe());
    }

    #[tokio::test(start_paused = true)]
    async fn late_verdicts_do_not_move_it() {
        let breaker = Breaker::new(1, REST);
        let (early, late) = (breaker.admit().unwrap(), breaker.admit().unwrap());
        fail(&breaker);
        tokio::time::advance(REST / 2).await;
        early.answered();
        late.failed("late");
        let open = breaker.is_open().unwrap();
        assert_eq!((open.wait, open.last_failure.as_str()), (REST / 2, "it broke"));
    }
}
