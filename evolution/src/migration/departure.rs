//! Which candidates an island sends.

use serde::{Deserialize, Serialize};

use crate::rng::RunRng;
use crate::selection::{tournament, truncation};

/// Candidates of which the best leaves, where tournaments decide.
const RIVALS: usize = 3;

/// Which candidates an island sends: always copies, and different ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// The best.
    #[default]
    Best,
    /// Winners of tournaments of three: the better, the likelier.
    Tournament,
    /// Any.
    Random,
}

impl Departure {
    /// The positions of those that leave a population of this fitness: `size` of them, or all when there are no
    /// more.
    pub(crate) fn choose(self, fitness: &[f64], size: usize, rng: &mut RunRng) -> Vec<usize> {
        let rivals = match self {
            Self::Best => return truncation(fitness, size),
            Self::Tournament => RIVALS,
            Self::Random => 1,
        };
        let mut left: Vec<usize> = (0..fitness.len()).collect();
        let mut chosen = vec![];
        while chosen.len() < size && !left.is_empty() {
            let of_left: Vec<f64> = left.iter().map(|at| fitness[*at]).collect();
            chosen.push(left.remove(tournament(&of_left, rivals, rng)));
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    #[test]
    fn nobody_leaves_twice() {
        for departure in [Departure::Best, Departure::Tournament, Departure::Random] {
            let mut all = departure.choose(&[0.5, 0.1, 0.9], 9, &mut stream(1, "test", 0));
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2], "{departure:?}");
            assert!(departure.choose(&[], 2, &mut stream(1, "test", 0)).is_empty());
        }
    }

    #[test]
    fn the_better_leave_as_often_as_their_name_says() {
        let fitness = [0.1, 0.9, 0.5, 0.3];
        let share_of_best = |departure: Departure| {
            let first = |seed| departure.choose(&fitness, 1, &mut stream(seed, "test", 0))[0];
            (0..2_000).filter(|seed| first(*seed) == 1).count() as f64 / 2_000.0
        };
        assert_eq!(share_of_best(Departure::Best), 1.0);
        // One of four is missed by three draws with probability (3/4)³.
        assert!((share_of_best(Departure::Tournament) - 0.578).abs() < 0.04);
        assert!((share_of_best(Departure::Random) - 0.25).abs() < 0.04);
    }
}
