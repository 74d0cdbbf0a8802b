//! Epsilon-greedy selection (Watkins 1989; Sutton and Barto 2018, section 2.2).

use rand::{Rng, RngExt};

use super::ascending;

/// With probability `epsilon` (0 to 1) anyone, otherwise one of the best; either way all of them are alike.
///
/// # Panics
/// When there is no candidate.
pub fn epsilon_greedy(fitness: &[f64], epsilon: f64, rng: &mut (impl Rng + ?Sized)) -> usize {
    if rng.random::<f64>() < epsilon {
        return rng.random_range(0..fitness.len());
    }
    let best = fitness.iter().copied().max_by(|one, other| ascending(*one, *other)).unwrap_or(f64::NAN);
    let is_best = |index: &usize| ascending(fitness[*index], best).is_eq();
    let best: Vec<usize> = (0..fitness.len()).filter(is_best).collect();
    best[rng.random_range(0..best.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    fn wins(fitness: &[f64], epsilon: f64) -> Vec<u32> {
        let mut wins = vec![0; fitness.len()];
        for seed in 0..2_000 {
            wins[epsilon_greedy(fitness, epsilon, &mut stream(seed, "test", 0))] += 1;
        }
        wins
    }

    #[test]
    fn explores_as_often_as_asked_and_else_takes_one_of_the_best() {
        let fitness = [0.5, f64::NAN, 0.9, 0.9];
        assert_eq!(wins(&fitness, 0.0)[..2], [0, 0]);
        assert!(wins(&fitness, 0.0)[2..].iter().all(|wins| (900..=1_100).contains(wins)));
        // A fifth of the draws is shared by four.
        assert!(wins(&fitness, 0.2)[..2].iter().all(|wins| (65..=135).contains(wins)));
        assert!(wins(&[f64::NAN; 2], 0.0).iter().all(|wins| (900..=1_100).contains(wins)));
    }
}
