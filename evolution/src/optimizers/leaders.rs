//! A population from which nobody is bred: the best so far, for the finals to compare.

use super::generational::{Cohort, Newcomer};
use super::mating::best_first;
use crate::candidate::CandidateId;
use crate::finals::MOST_LEADERS;

/// The best of leaders and newcomers, as many as finals compare; of equals the older.
pub(super) fn leaders(newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
    let mut leaders = best_first(cohort.with(newcomers));
    leaders.truncate(MOST_LEADERS);
    leaders
}

/// Part of the evaluations that finals may take.
///
/// # Errors
/// When it is out of its range.
pub(super) fn check_finals(finals: f64) -> Result<(), String> {
    if (0.0..=0.9).contains(&finals) {
        Ok(())
    } else {
        Err(format!("`finals` is {finals}, and must be from 0 to 0.9"))
    }
}
