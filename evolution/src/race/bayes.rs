//! What is believed of two candidates after some cases.

use statrs::function::erf::erfc;

/// Weight of the prior, in cases.
const PRIOR_CASES: f64 = 2.0;
/// Prior mean square of a difference of two scores on one case.
const PRIOR_SQUARE: f64 = 0.25;

/// Probability that the mean of `scores` is above that of `reference` in the long run: that of a normal posterior
/// of the mean difference, whose prior counts as two cases without a difference.
pub fn probability_better(scores: &[f64], reference: &[f64]) -> f64 {
    let count = scores.len().min(reference.len()) as f64 + PRIOR_CASES;
    let differences = scores.iter().zip(reference).map(|(a, b)| a - b);
    let (sum, square) = differences.fold((0.0, 0.0), |(sum, square), d| (sum + d, square + d * d));
    let mean = sum / count;
    let variance = (square + PRIOR_CASES * PRIOR_SQUARE) / count - mean * mean;
    let z = mean / (variance.max(1e-9) / count).sqrt();
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn belief_follows_what_was_seen() {
        assert_eq!(probability_better(&[], &[]), 0.5);
        // Mean -4/6 and variance 4.5/6 - 16/36 by hand, with the two cases of the prior.
        let found = probability_better(&[0.0; 4], &[1.0; 4]);
        assert!((found - 0.001_567_4).abs() < 1e-6, "{found}");
        let (one, other) = ([1.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 0.0]);
        assert!((probability_better(&one, &other) + probability_better(&other, &one) - 1.0).abs() < 1e-12);
    }
}
