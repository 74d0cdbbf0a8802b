//! Tournament selection.

use rand::{Rng, RngExt};

use super::ascending;

/// The best of `size` candidates drawn with replacement (at least one is drawn), the first drawn among equals.
/// The larger the tournament, the greater the pressure.
///
/// # Panics
/// When there is no candidate.
pub fn tournament(fitness: &[f64], size: usize, rng: &mut (impl Rng + ?Sized)) -> usize {
    let mut best = rng.random_range(0..fitness.len());
    for _ in 1..size {
        let rival = rng.random_range(0..fitness.len());
        if ascending(fitness[rival], fitness[best]).is_gt() {
            best = rival;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    #[test]
    fn wins_as_often_as_theory_says() {
        let fitness = [0.1, f64::NAN, 0.9, 0.5];
        let mut wins = [0_u32; 4];
        for seed in 0..4_000 {
            wins[tournament(&fitness, 2, &mut stream(seed, "test", 0))] += 1;
        }
        // The r-th worst of n wins with probability (2r - 1) / n².
        for (index, rank) in [(1, 1.0), (0, 2.0), (3, 3.0), (2, 4.0)] {
            let share = f64::from(wins[index]) / 4_000.0;
            assert!((share - (2.0 * rank - 1.0) / 16.0).abs() < 0.03, "{index}: {share}");
        }
    }

    #[test]
    fn equals_go_to_the_first_drawn() {
        let rng = &mut stream(1, "test", 0);
        assert_eq!(
            tournament(&[f64::NAN; 3], 64, rng),
            tournament(&[f64::NAN; 3], 1, &mut stream(1, "test", 0))
        );
    }
}
