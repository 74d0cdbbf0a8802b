//! Fitness-proportional selection.

use rand::{Rng, RngExt};

/// A position drawn in proportion to fitness; what is negative or no finite number counts as 0. When all are 0,
/// all are alike.
///
/// # Panics
/// When there is no candidate.
pub fn roulette(fitness: &[f64], rng: &mut (impl Rng + ?Sized)) -> usize {
    let share = |fitness: f64| if fitness.is_finite() { fitness.max(0.0) } else { 0.0 };
    // Relative to the greatest, so that no sum overflows.
    let greatest = fitness.iter().copied().map(share).fold(0.0, f64::max);
    if greatest == 0.0 {
        return rng.random_range(0..fitness.len());
    }
    let shares = || fitness.iter().map(|fitness| share(*fitness) / greatest).enumerate();
    let mut left = rng.random::<f64>() * shares().map(|(_, share)| share).sum::<f64>();
    let mut drawn = 0;
    // Rounding can leave a rest: it belongs to the last that has a share.
    for (index, share) in shares().filter(|(_, share)| *share > 0.0) {
        drawn = index;
        if left < share {
            break;
        }
        left -= share;
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    fn wins(fitness: &[f64]) -> Vec<u32> {
        let mut wins = vec![0; fitness.len()];
        for seed in 0..2_000 {
            wins[roulette(fitness, &mut stream(seed, "test", 0))] += 1;
        }
        wins
    }

    #[test]
    fn draws_in_proportion() {
        let wins = wins(&[1.0, -5.0, 3.0, f64::NAN, f64::INFINITY]);
        assert_eq!(wins[1] + wins[3] + wins[4], 0);
        assert!((420..=580).contains(&wins[0]), "{wins:?}");
    }

    #[test]
    fn without_fitness_all_are_alike() {
        assert!(wins(&[0.0, 0.0]).iter().all(|wins| (900..=1_100).contains(wins)));
        assert!(wins(&[f64::MAX, f64::MAX]).iter().all(|wins| (900..=1_100).contains(wins)));
    }
}
