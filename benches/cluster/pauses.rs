//! An evaluator that waits, as for a model, and keeps a record of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evohub::evaluation::FnEvaluator;
use evohub::evaluation::scorer::Scored;
use evohub::evolution::{Candidate, Case, Digest};
use serde::{Deserialize, Serialize};

/// How an evaluator waits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Pauses {
    /// Median of the lognormal waits; zero: it does not wait.
    pub(crate) median: Duration,
    /// Their spread: the standard deviation of their logarithms.
    pub(crate) sigma: f64,
    /// What it waits on top, each time.
    pub(crate) delay: Duration,
    /// Evaluations that it can do at once.
    pub(crate) concurrency: usize,
}

/// An evaluation that was made: when it began and ended, in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ran {
    pub(crate) begin: f64,
    pub(crate) end: f64,
}

/// What an evaluator has done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Evaluations that began; hedged ones may still be under way when nobody needs them any more.
    pub(crate) begun: usize,
    /// Those that ended.
    pub(crate) ran: Vec<Ran>,
}

/// What an evaluator has done so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Done>>);

impl Record {
    pub(crate) fn so_far(&self) -> Done {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Done> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pauses {
    /// Answers at once.
    pub(crate) fn none(concurrency: usize) -> Self {
        Self { median: Duration::ZERO, sigma: 0.0, delay: Duration::ZERO, concurrency }
    }

    /// How long a candidate takes on a case: always the same.
    pub(crate) fn of(self, candidate: &Candidate, case: &Case) -> Duration {
        if self.median.is_zero() {
            return Duration::ZERO;
        }
        let digest = Digest::of_fields([&candidate.id().to_bytes()[..], &case.id().to_bytes()]).to_bytes();
        let uniform = |from: usize| {
            let bytes = [digest[from], digest[from + 1], digest[from + 2], digest[from + 3]];
            (f64::from(u32::from_le_bytes(bytes)) + 0.5) / (f64::from(u32::MAX) + 1.0)
        };
        let gauss = (-2.0 * uniform(0).ln()).sqrt() * (std::f64::consts::TAU * uniform(4)).cos();
        self.median.mul_f64((self.sigma * gauss).exp())
    }

    pub(crate) fn evaluator(self) -> (FnEvaluator, Record) {
        let record = Record::default();
        let kept = record.clone();
        let evaluator = FnEvaluator::new_async("pauses/1", self.concurrency, move |candidate, case| {
            let (pause, kept) = (self.of(&candidate, &case) + self.delay, kept.clone());
            async move {
                kept.lock().begun += 1;
                let begin = now();
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                kept.lock().ran.push(Ran { begin, end: now() });
                Ok(Scored::from(0.5))
            }
        });
        (evaluator, record)
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
