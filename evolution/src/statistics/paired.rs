//! Whether two candidates differ, judged on the same cases.

use rand::Rng;

use super::beta::regularized_incomplete_beta;
use crate::rng::stream;

/// Up to this many differing cases all patterns of signs are counted: a million.
const MOST_ENUMERATED: usize = 20;
/// Patterns drawn otherwise.
const SAMPLED: u32 = 10_000;

/// What a p-value was computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PairedMethod {
    /// The exact sign test, for scores of 0 and 1 the exact test of McNemar: all differences are of one size.
    Sign,
    /// All patterns of signs of the differences.
    Permutation,
    /// 10,000 random patterns of signs of the differences.
    SampledPermutation,
}

/// The comparison of two candidates on the same cases.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PairedTest {
    /// The weighted mean of the first less that of the second, over the cases measured for both.
    pub difference: f64,
    /// How likely a difference at least as great in either direction is when there is none: above 0, at most 1.
    pub two_sided: f64,
    /// How likely a difference at least as great in favour of the first is when there is none: above 0, at most 1.
    pub first_better: f64,
    /// What it was computed with.
    pub method: PairedMethod,
}

/// Compares two candidates by their scores on the same cases, in the same order. A score that is not a number is
/// unmeasured: its case does not count.
///
/// The null hypothesis is that each difference could as well have the other sign. That needs no assumption about
/// how scores are distributed, and weights do not harm it.
pub fn paired_test(first: &[f64], second: &[f64], weights: &[f64], seed: u64) -> PairedTest {
    let cases = first.iter().zip(second).zip(weights).filter(|((a, b), _)| !(a.is_nan() || b.is_nan()));
    let mut total = 0.0;
    let mut differences = Vec::new();
    for ((a, b), weight) in cases {
        total += weight;
        differences.push((a - b) * weight);
    }
    let sum: f64 = differences.iter().sum();
    differences.retain(|difference| *difference != 0.0);

    let size = differences.first().map_or(0.0, |difference| difference.abs());
    let is_one_size = differences.iter().all(|difference| (difference.abs() - size).abs() <= 1e-12 * size);
    let (method, at_least, at_most) = if is_one_size {
        let (at_least, at_most) = sign(&differences);
        (PairedMethod::Sign, at_least, at_most)
    } else if differences.len() <= MOST_ENUMERATED {
        let (at_least, at_most) = enumerated(&differences, sum);
        (PairedMethod::Permutation, at_least, at_most)
    } else {
        let (at_least, at_most) = sampled(&differences, sum, seed);
        (PairedMethod::SampledPermutation, at_least, at_most)
    };
    PairedTest {
        difference: if total > 0.0 { sum / total } else { 0.0 },
        // The distribution of sums is symmetric, so that both tails together are twice the lesser.
        two_sided: (2.0 * at_least.min(at_most)).min(1.0),
        first_better: at_least,
        method,
    }
}

/// The probabilities of as many positive signs or more, and of as many or fewer. Never 0, however small.
fn sign(differences: &[f64]) -> (f64, f64) {
    let count = differences.len() as f64;
    let positive = differences.iter().filter(|difference| **difference > 0.0).count() as f64;
    // Binomial tails at one half as incomplete beta functions.
    let at_least = |successes: f64| {
        if successes <= 0.0 {
            1.0
        } else {
            regularized_incomplete_beta(successes, count - successes + 1.0, 0.5)
        }
    };
    let floor = |probability: f64| probability.clamp(f64::MIN_POSITIVE, 1.0);
    (floor(at_least(positive)), floor(at_least(count - positive)))
}

/// Goes through all patterns in the order of Gray's code, where one sign changes at a time.
fn enumerated(differences: &[f64], sum: f64) -> (f64, f64) {
    let slack = slack(differences);
    let patterns = 1_u32 << differences.len();
    let mut signed = differences.to_vec();
    let mut current = sum;
    let (mut at_least, mut at_most) = (0_u32, 0_u32);
    for pattern in 1..=patterns {
        at_least += u32::from(current >= sum - slack);
        at_most += u32::from(current <= sum + slack);
        if let Some(sign) = signed.get_mut(pattern.trailing_zeros() as usize) {
            current -= 2.0 * *sign;
            *sign = -*sign;
        }
    }
    (f64::from(at_least) / f64::from(patterns), f64::from(at_most) / f64::from(patterns))
}

/// The pattern that was seen counts as one of those drawn, so that no p-value is 0 (Phipson and Smyth 2010).
fn sampled(differences: &[f64], sum: f64, seed: u64) -> (f64, f64) {
    let slack = slack(differences);
    let mut rng = stream(seed, "paired test", differences.len() as u64);
    let (mut at_least, mut at_most) = (1_u32, 1_u32);
    for _ in 0..SAMPLED {
        let mut drawn = 0.0;
        for chunk in differences.chunks(64) {
            let signs = rng.next_u64();
            for (position, difference) in chunk.iter().enumerate() {
                // The sign bit itself is exchanged: no branch, since it cannot be predicted.
                let flip = (signs >> position & 1) << 63;
                drawn += f64::from_bits(difference.to_bits() ^ flip);
            }
        }
        at_least += u32::from(drawn >= sum - slack);
        at_most += u32::from(drawn <= sum + slack);
    }
    let all = f64::from(SAMPLED + 1);
    (f64::from(at_least) / all, f64::from(at_most) / all)
}

/// Sums of the same numbers in another order differ by rounding alone.
fn slack(differences: &[f64]) -> f64 {
    1e-9 * differences.iter().map(|difference| difference.abs()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-9 * wanted.max(1e-3), "{found} is not {wanted}");
    }

    fn test(differences: &[f64]) -> PairedTest {
        let zeros = vec![0.0; differences.len()];
        paired_test(differences, &zeros, &vec![1.0; differences.len()], 1)
    }

    #[test]
    fn mcnemar_of_known_values() {
        // R: binom.test(2, 12)$p.value and binom.test(10, 12, alternative = "greater")$p.value
        let mut differences = vec![1.0; 10];
        differences.extend([-1.0, -1.0, 0.0, 0.0]);
        let found = test(&differences);
        assert_eq!(found.method, PairedMethod::Sign);
        near(found.two_sided, 158.0 / 4096.0);
        near(found.first_better, 79.0 / 4096.0);
        near(found.difference, 8.0 / 14.0);
        assert_eq!(test(&[1.0, -1.0]).two_sided, 1.0);
    }

    #[test]
    fn equal_or_unmeasured_candidates_do_not_differ() {
        for found in [test(&[]), test(&[0.0; 9]), test(&[f64::NAN, 0.0])] {
            assert_eq!((found.two_sided, found.first_better, found.difference), (1.0, 1.0, 0.0));
        }
    }

    #[test]
    fn permutations_by_hand() {
        // Of 8 patterns of ±1 ±2 ±4 one has the greatest sum.
        let found = test(&[1.0, 2.0, 4.0]);
        assert_eq!(found.method, PairedMethod::Permutation);
        near(found.two_sided, 0.25);
        near(found.first_better, 0.125);
        near(test(&[-1.0, -2.0, -4.0]).first_better, 1.0);
        // Darwin's maize, the example of Fisher 1935: 863 and 835 of 32,768 patterns sum to more and as much.
        let maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48].map(f64::from);
        near(test(&maize).two_sided, 1_726.0 / 32_768.0);
    }

    #[test]
    fn a_sample_is_near_the_whole() {
        let differences: Vec<f64> = (0..20).map(|number| f64::from(number % 7) - 2.3).collect();
        let sum = differences.iter().sum();
        let (exact, drawn) = (enumerated(&differences, sum), sampled(&differences, sum, 4));
        assert!((exact.0 - drawn.0).abs() < 0.015, "{exact:?} {drawn:?}");
        let many: Vec<f64> = (1..200).map(|number| f64::from(number) / 200.0).collect();
        assert_eq!(test(&many).method, PairedMethod::SampledPermutation);
        near(test(&many).two_sided, 2.0 / 10_001.0);
        assert!(test(&[1.0; 5_000]).two_sided > 0.0);
    }

    proptest! {
        #[test]
        fn p_values_are_probabilities_and_sides_mirror(differences in prop::collection::vec(-3_i8..=3, 0..14)) {
            let differences: Vec<f64> = differences.into_iter().map(f64::from).collect();
            let mirrored: Vec<f64> = differences.iter().map(|difference| -difference).collect();
            let (one, other) = (test(&differences), test(&mirrored));
            prop_assert!(one.two_sided > 0.0 && one.two_sided <= 1.0);
            prop_assert!((one.two_sided - other.two_sided).abs() < 1e-12);
            prop_assert!(one.first_better + other.first_better >= 1.0 - 1e-12);
        }
    }
}
