//! Chooses the next token from the scores of all.

use std::hash::{BuildHasher, RandomState};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// How tokens are chosen.
#[derive(Debug)]
pub(super) enum Sampler {
    /// The likeliest, and the first of equals.
    Greedy,
    /// By chance.
    Random { temperature: f64, top_p: f64, rng: Box<Pcg64> },
}

impl Sampler {
    /// A sampler for a temperature of 0 or more and a `top_p` of 0 to 1. Without a seed, every one differs.
    pub(super) fn new(temperature: f64, top_p: f64, seed: Option<u64>) -> Self {
        if temperature == 0.0 {
            return Self::Greedy;
        }
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        Self::Random { temperature, top_p, rng: Box::new(Pcg64::seed_from_u64(seed)) }
    }

    /// The next token; `None` when the scores are no numbers.
    pub(super) fn choose(&mut self, scores: &[f32]) -> Option<u32> {
        let mut best = 0;
        for (token, score) in scores.iter().enumerate() {
            if *score > scores[best] {
                best = token;
            }
        }
        let most = scores.get(best).copied().filter(|score| score.is_finite())?;
        let Self::Random { temperature, top_p, rng } = self else { return Some(best as u32) };

        let mut likely: Vec<(usize, f64)> = scores
            .iter()
            .enumerate()
            .map(|(token, score)| (token, (f64::from(score - most) / *temperature).exp()))
            .filter(|&(_, weight)| weight > 0.0)
            .collect();
        likely.sort_by(|left, right| right.1.total_cmp(&left.1));
        // The fewest tokens that have the wanted share of all weight.
        let wanted = *top_p * likely.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut kept = 0.0;
        let count = likely.iter().take_while(|(_, weight)| {
            let short = kept < wanted;
            kept += weight;
            short
        });
        let count = count.count().max(1);
        likely.truncate(count);
        let mut left = rng.random::<f64>() * likely.iter().map(|(_, weight)| weight).sum::<f64>();
        let chosen = likely.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        chosen.or(likely.last()).map(|&(token, _)| token as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(sampler: &mut Sampler, scores: &[f32]) -> Vec<u32> {
        (0..200).map(|_| sampler.choose(scores).unwrap()).collect()
    }

    #[test]
    fn temperature_zero_takes_the_likeliest_and_the_first_of_equals() {
        assert_eq!(Sampler::new(0.0, 1.0, None).choose(&[0.1, 3.0, 3.0, -1.0]), Some(1));
    }

    #[test]
    fn a_seed_repeats_the_draws() {
        let scores = [1.0, 1.1, 0.9, 1.0];
        let first = draws(&mut Sampler::new(1.0, 1.0, Some(7)), &scores);
        assert_eq!(first, draws(&mut Sampler::new(1.0, 1.0, Some(7)), &scores));
        assert_ne!(first, draws(&mut Sampler::new(1.0, 1.0, Some(8)), &scores));
        assert!((0..4).all(|token| first.contains(&token)));
    }

    #[test]
    fn top_p_leaves_out_the_unlikely() {
        // Shares of about 0.64, 0.24, 0.09 and 0.03.
        let scores = [4.0, 3.0, 2.0, 1.0];
        assert!(draws(&mut Sampler::new(1.0, 0.6, Some(1)), &scores).iter().all(|&token| token == 0));
        assert!(draws(&mut Sampler::new(1.0, 0.8, Some(1)), &scores).iter().all(|&token| token <= 1));
        assert!(draws(&mut Sampler::new(1.0, 0.0, Some(1)), &scores).iter().all(|&token| token == 0));
    }

    #[test]
    fn scores_that_are_no_numbers_choose_nothing() {
        assert_eq!(Sampler::new(0.0, 1.0, None).choose(&[f32::NAN, f32::NAN]), None);
        assert_eq!(Sampler::new(1.0, 1.0, Some(1)).choose(&[f32::INFINITY, 0.0]), None);
        assert_eq!(Sampler::new(0.0, 1.0, None).choose(&[]), None);
    }
}
