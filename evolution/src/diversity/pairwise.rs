//! How diverse a population is.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use rand::RngExt;

use super::{Likeness, Likenesses, Shingles};
use crate::candidate::{Candidate, CandidateId};
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

/// The mean distance over all pairs of a population. Of more than 300 members, 20,000 random pairs stand for all;
/// the seed decides which.
pub fn mean_distance(population: &[&Shingles], seed: u64) -> MeanDistance {
    mean_over_pairs(population.len(), seed, |one, other| population[one].distance(population[other]))
}

/// What of a population is compared, from one generation to the next: it is made once for each candidate, and of a large
/// population only for those of whom a sampled pair is. It is no state: a fresh one gives the same distances.
#[derive(Debug, Clone, Default)]
pub struct LikenessCache {
    known: BTreeMap<CandidateId, Likeness>,
}

impl LikenessCache {
    /// The mean distance over all pairs of a population, as [`mean_distance`] has it of shingles. What is no longer in the
    /// population is forgotten.
    pub fn mean_distance(
        &mut self,
        population: &[&Candidate],
        likenesses: &Likenesses,
        seed: u64,
    ) -> MeanDistance {
        let known = population.iter().map(|candidate| self.known.remove(&candidate.id()));
        let members: Vec<OnceCell<Likeness>> =
            known.map(|k| k.map_or_else(OnceCell::new, OnceCell::from)).collect();
        let likeness = |index: usize| members[index].get_or_init(|| likenesses.of(population[index]));
        let found =
            mean_over_pairs(population.len(), seed, |one, other| likeness(one).distance(likeness(other)));
        let members = population.iter().zip(members);
        self.known = members.filter_map(|(own, known)| Some((own.id(), known.into_inner()?))).collect();
        found
    }
}

/// The mean over all pairs of so many, or over a sample of them.
fn mean_over_pairs(count: usize, seed: u64, distance: impl FnMut(usize, usize) -> f64) -> MeanDistance {
    if count <= MOST_EXACT { exact(count, distance) } else { sampled(count, seed, distance) }
}

fn exact(count: usize, mut distance: impl FnMut(usize, usize) -> f64) -> MeanDistance {
    let pairs = count * count.saturating_sub(1) / 2;
    if pairs == 0 {
        return MeanDistance::default();
    }
    let all = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
    let total: f64 = all.map(|(one, other)| distance(one, other)).sum();
    MeanDistance { mean: total / pairs as f64, standard_error: 0.0 }
}

/// Of pairs drawn with replacement, each as likely as any other.
fn sampled(count: usize, seed: u64, mut distance: impl FnMut(usize, usize) -> f64) -> MeanDistance {
    let mut rng = stream(seed, "pairwise distance", count as u64);
    let (mut total, mut squares) = (0.0, 0.0);
    for _ in 0..SAMPLED_PAIRS {
        let one = rng.random_range(0..count);
        let other = rng.random_range(0..count - 1);
        let distance = distance(one, other + usize::from(other >= one));
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
        for population in [vec![], vec![&only], vec![&only; 2], vec![&only; 400]] {
            assert_eq!(
                LikenessCache::default().mean_distance(&population, &Likenesses::default(), 1),
                MeanDistance::default()
            );
        }
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
        let distance = |one: usize, other: usize| population[one].distance(population[other]);
        let (whole, part) = (exact(population.len(), distance), mean_distance(&population, 5));
        assert!(part.standard_error > 0.0 && part.standard_error < 0.0036);
        assert!((whole.mean - part.mean).abs() < 4.0 * part.standard_error, "{whole:?} {part:?}");
        assert_eq!(part, mean_distance(&population, 5));
        assert_ne!(part.mean, mean_distance(&population, 6).mean);
    }

    #[test]
    fn what_is_kept_from_generation_to_generation_changes_no_distance() {
        let text = |number: usize| format!("w{} w{} {number}", number % 7, number % 5);
        let candidates: Vec<_> =
            (0..900).map(|number| Candidate::from_instruction(text(number)).unwrap()).collect();
        let mut cache = LikenessCache::default();
        for range in [0..40, 20..60, 0..400, 200..900, 880..890] {
            let population: Vec<_> = candidates[range].iter().collect();
            let shingles: Vec<_> = population.iter().map(|candidate| Shingles::of(candidate)).collect();
            let fresh = mean_distance(&shingles.iter().collect::<Vec<_>>(), 3);
            assert_eq!(cache.mean_distance(&population, &Likenesses::default(), 3), fresh);
            assert!(cache.known.len() <= population.len());
        }
        assert_eq!(cache.known.len(), 10);
    }
}
