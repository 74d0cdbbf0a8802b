//! Which candidates become parents, and which survive: pure functions of fitness.
//!
//! Every function that draws does so from at least one candidate. Fitness is better when higher. A fitness that is not
//! a number is worse than any.

pub mod crowding;
pub mod epsilon_greedy;
pub mod lexicase;
pub mod nondominated;
pub mod pareto;
pub mod roulette;
pub mod tournament;
pub mod truncation;

pub use crowding::{CrowdedRank, crowded_ranks, nsga2_survivors};
pub use epsilon_greedy::epsilon_greedy;
pub use lexicase::Lexicase;
pub use nondominated::nondominated_ranks;
pub use pareto::ParetoFronts;
pub use roulette::roulette;
pub use tournament::tournament;
pub use truncation::truncation;

use std::cmp::Ordering;

/// Fitness in ascending order, what is not a number first.
fn ascending(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| other.is_nan().cmp(&one.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_worst_and_zeros_are_equal() {
        assert_eq!(ascending(f64::NAN, f64::NEG_INFINITY), Ordering::Less);
        assert_eq!(ascending(0.0, f64::NAN), Ordering::Greater);
        assert_eq!(ascending(f64::NAN, f64::NAN), Ordering::Equal);
        assert_eq!(ascending(-0.0, 0.0), Ordering::Equal);
    }
}
