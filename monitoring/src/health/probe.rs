//! Runs one check: never twice at once, never too often, never too long.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError};
use tokio::time::{Instant, timeout};

use super::check::{Check, CheckResult, Component};
use super::timestamp;

/// How long an answer of a check is given again instead of asking once more.
pub const CACHED: Duration = Duration::from_secs(1);

/// What a check answered, and when.
#[derive(Debug)]
pub(super) struct Observation {
    pub(super) result: CheckResult,
    pub(super) response_time: Duration,
    /// By RFC 3339.
    pub(super) time: String,
    at: Instant,
}

impl Observation {
    fn new(result: CheckResult, started: Instant) -> Arc<Self> {
        let at = Instant::now();
        Arc::new(Self { result, response_time: at - started, time: timestamp::now(), at })
    }

    /// In milliseconds, rounded.
    pub(super) fn milliseconds(&self) -> u64 {
        let microseconds = self.response_time.as_micros().saturating_add(500);
        u64::try_from(microseconds / 1000).unwrap_or(u64::MAX)
    }
}

/// A check and its last answer.
#[derive(Debug)]
pub(super) struct Probe {
    check: Check,
    state: Mutex<State>,
}

type Awaited = watch::Receiver<Option<Arc<Observation>>>;

#[derive(Debug, Default)]
struct State {
    latest: Option<Arc<Observation>>,
    running: Option<Awaited>,
    /// A run that was given up, and when it began. One that blocks its thread cannot be ended.
    given_up: Option<(AbortHandle, Instant)>,
}

/// An answer that is there, or will be.
pub(super) enum Underway {
    Known(Arc<Observation>),
    Awaited(Awaited),
}

impl Underway {
    pub(super) async fn finish(self) -> Arc<Observation> {
        let mut awaited = match self {
            Self::Known(observation) => return observation,
            Self::Awaited(awaited) => awaited,
        };
        let answer = awaited.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        // Without an answer, the runtime that ran the check has ended.
        answer.unwrap_or_else(|| {
            Observation::new(CheckResult::unhealthy("the check was ended before it answered"), Instant::now())
        })
    }
}

impl Probe {
    pub(super) fn new(check: Check) -> Self {
        Self { check, state: Mutex::default() }
    }

    pub(super) fn component(&self) -> Component {
        self.check.kind()
    }

    /// Gives the last answer if it is fresh, joins a run, or starts one. Whoever does not wait for it to end does not
    /// end it: it answers those who come next.
    pub(super) fn observe(self: &Arc<Self>) -> Underway {
        let mut state = self.lock();
        if let Some(latest) = state.latest.as_ref().filter(|latest| latest.at.elapsed() < CACHED) {
            return Underway::Known(Arc::clone(latest));
        }
        if let Some(running) = &state.running
            && running.has_changed().is_ok()
        {
            return Underway::Awaited(running.clone());
        }
        if let Some((run, began)) = &state.given_up
            && !run.is_finished()
        {
            // A second run would hang as well, and keep another thread.
            let observation = Observation::new(self.silence(), *began);
            state.latest = Some(Arc::clone(&observation));
            return Underway::Known(observation);
        }
        let (answer, awaited) = watch::channel(None);
        state.running = Some(awaited.clone());
        drop(state);
        tokio::spawn(Arc::clone(self).run(answer));
        Underway::Awaited(awaited)
    }

    async fn run(self: Arc<Self>, answer: watch::Sender<Option<Arc<Observation>>>) {
        let started = Instant::now();
        let probe = Arc::clone(&self);
        let mut asked = tokio::spawn(async move { probe.check.ask().await });
        let (result, given_up) = match timeout(self.check.time_limit(), &mut asked).await {
            Ok(Ok(result)) => (result, None),
            Ok(Err(error)) => (CheckResult::unhealthy(failure(error)), None),
            Err(_) => {
                asked.abort();
                (self.silence(), Some((asked.abort_handle(), started)))
            }
        };
        let observation = Observation::new(result, started);
        let mut state = self.lock();
        state.latest = Some(Arc::clone(&observation));
        state.running = None;
        state.given_up = given_up;
        drop(state);
        answer.send_replace(Some(observation));
    }

    fn silence(&self) -> CheckResult {
        let limit = self.check.time_limit();
        match limit.subsec_nanos() {
            0 => CheckResult::unhealthy(format!("no answer within {} s", limit.as_secs())),
            _ => CheckResult::unhealthy(format!("no answer within {} ms", limit.as_millis())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a check that did not come to its end died of.
fn failure(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => match message(&*panic) {
            Some(message) => format!("the check panicked: {message}"),
            None => "the check panicked".into(),
        },
        Err(_) => "the check was ended before it answered".into(),
    }
}

fn message(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

#[cfg(test)]
mod tests;
