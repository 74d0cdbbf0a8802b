//! How diverse a population is.

use rand::RngExt;

use super::Shingles;
use crate::candidate::Candidate;
use crate::rng::stream;

/// Up to this many candidates every pair counts.
const MOST_EXACT: usize = 300;
/// Pairs drawn from a larger population.
const SAMPLED_PAIRS: u32 = 20_000;

/// A mean distance between candidates and how sure it is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MeanDistance {
    /// The mean over all pairs, 0 (all alike) to 1; 0 for fewer than two candidates.
    pub mean: f64,
    /// The standard error of a sampled mean, at most 0.0036; 0 where every pair was counted.
    pub standard_error: f64,
}

/// The mean distance over all pairs of candidates, 0 to 1; 0 for fewer than two. Of more than 300 candidates,
/// 20,000 random pairs stand for all; the seed decides which.
pub fn mean_pairwise_distance(candidates: &[&Candidate], seed: u64) -> f64 {
    let shingles: Vec<_> = candidates.iter().map(|candidate| Shingles::of(candidate)).collect();
    mean_distance(&shingles.iter().collect::<Vec<_>>(), seed).mean
}

/// The same of shingles made before, with the error of the sample.
pub fn mean_distance(population: &[&Shingles], seed: u64) -> MeanDistance {
    if population.len() <= MOST_EXACT { exact(population) } else { sampled(population, seed) }
}

fn exact(population: &[&Shingles]) -> MeanDistance {
    let pairs = population.len() * population.len().saturating_sub(1) / 2;
    if pairs == 0 {
        return MeanDistance::default();
    }
    let others = population.iter().enumerate().map(|(index, one)| (one, &population[index + 1..]));
    let total: f64 = others.flat_map(|(one, others)| others.iter().map(|other| one.distance(other))).sum();
    MeanDistance { mean: total / pairs as f64, standard_error: 0.0 }
}

/// Of pairs drawn with replacement, each as likely as any other.
fn sampled(population: &[&Shingles], seed: u64) -> MeanDistance {
    let mut rng = stream(seed, "pairwise distance", population.len() as u64);
    let (mut total, mut squares) = (0.0, 0.0);
    for _ in 0..SAMPLED_PAIRS {
        let one = rng.random_range(0..population.len());
        let other = rng.random_range(0..population.len() - 1);
        let other = other + usize::from(other >= one);
        let distance = population[one].distance(population[other]);
        total += distance;
        squares += distance * distance;
    }
    let pairs = f64::from(SAMPLED_PAIRS);
    let mean = total / pairs;
    let variance = (squares / pairs - mean * mean).max(0.0) * pairs / (pairs - 1.0);
    MeanDistance { mean, standard_error: (variance / pairs).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(size: usize) -> Vec<Shingles> {
        let text = |number: usize| format!("w{} w{} w{} w{}", number % 7, number % 5, number % 3, number);
        (0..size).map(|number| Shingles::of_text(&text(number))).collect()
    }

    #[test]
    fn fewer_than_two_have_none() {
        assert_eq!(mean_distance(&[], 1), MeanDistance::default());
        let only = Candidate::from_instruction("x").unwrap();
        assert_eq!(mean_pairwise_distance(&[&only], 1), 0.0);
        assert_eq!(mean_pairwise_distance(&[&only, &only], 1), 0.0);
    }

    #[test]
    fn three_by_hand() {
        let texts = ["a b", "a c", "x y"].map(Shingles::of_text);
        let found = mean_distance(&texts.each_ref(), 1);
        assert!((found.mean - (0.8 + 1.0 + 1.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_sample_is_near_the_whole_and_repeats() {
        let population = population(400);
        let population: Vec<_> = population.iter().collect();
        let (whole, part) = (exact(&population), mean_distance(&population, 5));
        assert!(part.standard_error > 0.0 && part.standard_error < 0.0036);
        assert!((whole.mean - part.mean).abs() < 4.0 * part.standard_error, "{whole:?} {part:?}");
        assert_eq!(part, mean_distance(&population, 5));
        assert_ne!(part.mean, mean_distance(&population, 6).mean);
    }
}
