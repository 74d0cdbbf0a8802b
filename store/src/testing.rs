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

pub mod islands;
pub mod jobs;
pub mod leases;
pub mod model;
pub mod notes;
pub mod operation;
pub mod results;
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
            jobs::what_is_to_be_run_is_listed,
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
            leases::the_lease_of_a_dead_owner_is_taken_over,
            leases::of_two_that_think_each_other_dead_the_last_wins,
            islands::only_the_newest_lease_of_an_island_counts,
            islands::a_newer_lease_of_the_job_ends_those_of_its_islands,
            islands::an_ended_lease_occupies_nothing,
            islands::of_many_that_occupy_at_once_one_may_write,
            islands::nothing_is_noted_behind_the_back_of_a_claim,
            results::what_is_kept_is_found,
            results::what_was_known_already_is_counted_and_changes_nothing,
            results::results_are_kept_all_or_none,
            results::anybody_keeps_results,
            results::results_of_several_jobs_are_kept_at_once,
            results::evaluations_are_shared_between_jobs,
            results::hundreds_of_keys_are_looked_up_at_once,
            results::results_that_come_at_once_are_all_kept,
            results::the_same_results_at_once_are_new_to_one,
            notes::what_is_noted_is_found,
            notes::notes_can_be_repeated,
            notes::notes_are_written_all_or_none,
            notes::a_candidate_gets_its_new_score_and_outcome,
            notes::only_the_newest_checkpoint_is_kept,
            notes::what_is_forgotten_is_the_rest_of_one_island,
            notes::records_come_in_order,
            notes::a_record_of_another_job_or_island_is_refused,
            notes::migrants_are_kept_once_by_epoch_and_sender,
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
