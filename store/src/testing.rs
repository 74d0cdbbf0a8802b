//! The suite that every implementation of [`Store`] passes: call [`store_suite!`](crate::store_suite) in a
//! test.
//!
//! Each case is given a way to open a fresh, empty store that tells the time by a clock. A failed case
//! panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Store;

pub mod jobs;
pub mod journal;
pub mod leases;
pub mod model;
pub mod operation;
pub mod sample;
pub mod sequences;
pub mod values;

/// Makes a test of every case of the suite. Takes an async function (or closure) from a [`Clock`] to a fresh
/// `Arc<dyn Store>`.
#[macro_export]
macro_rules! store_suite {
    ($open:expr) => {
        $crate::store_suite! { $open =>
            jobs::a_job_is_found_as_it_was_inserted,
            jobs::a_job_id_is_taken_once,
            jobs::a_job_not_found_is_an_error_everywhere,
            jobs::jobs_are_listed_newest_first_without_specifications,
            jobs::a_result_or_an_error_is_kept,
            jobs::a_ping_changes_nothing_and_disturbs_nobody,
            jobs::a_stop_is_asked_for_until_the_job_has_ended,
            leases::one_owner_at_a_time,
            leases::an_expired_lease_can_be_taken_over,
            leases::the_same_owner_may_claim_again,
            leases::a_renewed_lease_lives_on,
            leases::a_stale_lease_is_refused,
            leases::a_finished_lease_does_not_come_back,
            leases::one_of_many_that_claim_at_once_succeeds,
            journal::what_is_committed_is_found,
            journal::a_batch_can_be_repeated,
            journal::a_batch_is_all_or_nothing,
            journal::a_stale_owner_keeps_only_what_was_paid_for,
            journal::evaluations_are_shared_between_jobs,
            journal::a_candidate_gets_its_new_score_and_outcome,
            journal::only_the_newest_checkpoint_is_kept,
            journal::records_come_in_order,
            journal::a_record_of_another_job_is_refused,
            journal::hundreds_of_keys_are_looked_up_at_once,
            journal::commits_at_once_are_all_kept,
            sequences::any_sequence_of_operations_does_as_the_model,
            values::any_number_and_text_comes_back_to_the_bit,
            values::what_is_no_number_is_refused_whole,
        }
    };
    ($open:expr => $($file:ident::$case:ident,)+) => {
        $(
            #[test]
            fn $case() {
                $crate::testing::$file::$case($open);
            }
        )+
    };
}

/// A way to open a fresh store.
pub trait Open: AsyncFn(Clock) -> Arc<dyn Store> {}

impl<F: AsyncFn(Clock) -> Arc<dyn Store>> Open for F {}

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Clone)]
pub struct StandingClock(Arc<AtomicI64>);

impl StandingClock {
    /// Stands at some moment.
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_800_000_000_000)))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Sets it forward.
    pub fn advance(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }

    /// The clock for a store.
    pub fn clock(&self) -> Clock {
        let now = self.clone();
        Clock::from_fn(move || now.now())
    }
}

impl Default for StandingClock {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs a case to its end on a runtime of its own.
fn run<T>(case: impl Future<Output = T>) -> T {
    runtime().block_on(case)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime of one thread")
}

#[track_caller]
fn assert_kind<T: std::fmt::Debug>(outcome: Result<T, StoreError>, kind: StoreErrorKind) -> StoreError {
    let error = outcome.expect_err("it should have failed");
    assert_eq!(error.kind, kind, "{error}");
    error
}
