//! Confidence intervals of mean scores.

use rand::RngExt;
use statrs::function::erf::{erfc, erfc_inv};

use super::mean::{effective_count, weighted_mean};
use crate::rng::stream;

/// Samples of the bootstrap.
const RESAMPLES: usize = 2_000;
/// With fewer scores the bootstrap is too narrow.
const LEAST_BOOTSTRAPPED: usize = 10;

/// A range that holds the true mean with the confidence asked for.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Wilson's score interval for a share (0 to 1) seen in `count` trials, which need not be whole. Without a trial it
/// is everything from 0 to 1. The confidence is above 0 and below 1, 0.95 as a rule.
pub fn wilson(share: f64, count: f64, confidence: f64) -> Interval {
    if count.is_nan() || count <= 0.0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let z = quantile((1.0 + confidence) / 2.0);
    let spread = z * z / count;
    let center = (share + spread / 2.0) / (1.0 + spread);
    let half = z * (share * (1.0 - share) / count + spread / (4.0 * count)).max(0.0).sqrt() / (1.0 + spread);
    // The formula reaches both ends exactly, its rounding does not.
    let low = if share <= 0.0 { 0.0 } else { (center - half).clamp(0.0, 1.0) };
    let high = if share >= 1.0 { 1.0 } else { (center + half).clamp(0.0, 1.0) };
    Interval { low, high }
}

/// An interval for the weighted mean of scores from 0 to 1.
///
/// Scores that are all 0 or 1 get Wilson's interval, with the effective number of cases where weights differ. So
/// do fewer than ten scores and scores without spread, where resampling sees too little: that is on the safe side,
/// since no distribution on 0 to 1 spreads wider than the one of zeros and ones with its mean. All others get
/// the bias-corrected and accelerated bootstrap (Efron 1987) over cases, 2,000 samples by `seed`.
pub fn mean_interval(scores: &[f64], weights: &[f64], confidence: f64, seed: u64) -> Interval {
    let cases: Vec<(f64, f64)> = scores.iter().copied().zip(weights.iter().copied()).collect();
    let Some(mean) = weighted_mean(scores, weights) else { return Interval { low: 0.0, high: 1.0 } };
    let is_binary = cases.iter().all(|(score, _)| *score == 0.0 || *score == 1.0);
    let is_flat = cases.iter().all(|(score, _)| *score == cases[0].0);
    if is_binary || is_flat || cases.len() < LEAST_BOOTSTRAPPED {
        return wilson(mean, effective_count(&weights[..cases.len()]), confidence);
    }
    bootstrap(&cases, mean, confidence, seed)
}

fn bootstrap(cases: &[(f64, f64)], mean: f64, confidence: f64, seed: u64) -> Interval {
    let mut rng = stream(seed, "bootstrap", cases.len() as u64);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let (sum, total) = (0..cases.len()).fold((0.0, 0.0), |(sum, total), _| {
                let (score, weight) = cases[rng.random_range(0..cases.len())];
                (sum + score * weight, total + weight)
            });
            sum / total
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);

    // Half of the equal ones count as below, since scores are often coarse.
    let below =
        means.partition_point(|sample| *sample < mean) + means.partition_point(|sample| *sample <= mean);
    let bias = quantile((below as f64 / (2 * RESAMPLES) as f64).clamp(0.001, 0.999));
    let acceleration = acceleration(cases);
    let end = |probability: f64| {
        let shifted = bias + quantile(probability);
        let adjusted = bias + shifted / (1.0 - acceleration * shifted);
        let rank = (cumulative(adjusted) * RESAMPLES as f64) as usize;
        means[rank.min(RESAMPLES - 1)]
    };
    Interval { low: end((1.0 - confidence) / 2.0), high: end((1.0 + confidence) / 2.0) }
}

/// How the spread of the mean changes with the mean itself, by leaving out one case at a time.
fn acceleration(cases: &[(f64, f64)]) -> f64 {
    let (sum, total) = cases.iter().fold((0.0, 0.0), |(sum, total), (s, w)| (sum + s * w, total + w));
    let without: Vec<f64> = cases.iter().map(|(s, w)| (sum - s * w) / (total - w)).collect();
    let center = without.iter().sum::<f64>() / without.len() as f64;
    let (squares, cubes) = without.iter().fold((0.0, 0.0), |(squares, cubes), mean| {
        let distance = center - mean;
        (squares + distance.powi(2), cubes + distance.powi(3))
    });
    let acceleration = cubes / (6.0 * squares.powf(1.5));
    if acceleration.is_finite() { acceleration } else { 0.0 }
}

/// The quantile of the standard normal distribution.
fn quantile(probability: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * probability)
}

/// The standard normal distribution function.
fn cumulative(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn near(found: f64, wanted: f64, tolerance: f64) {
        assert!((found - wanted).abs() < tolerance, "{found} is not {wanted}");
    }

    #[test]
    fn wilson_of_known_values() {
        // R: prop.test(15, 50, correct = FALSE)$conf.int
        let interval = wilson(0.3, 50.0, 0.95);
        near(interval.low, 0.191_03, 1e-4);
        near(interval.high, 0.437_51, 1e-4);
        // With no success of 10 the upper end is z² / (n + z²).
        assert_eq!(wilson(0.0, 10.0, 0.95).low, 0.0);
        near(wilson(0.0, 10.0, 0.95).high, 0.277_53, 1e-4);
        assert_eq!(wilson(0.5, 0.0, 0.95), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn zeros_and_ones_get_wilson_whatever_the_scale_of_weights() {
        let scores: Vec<f64> = (0..50).map(|number| f64::from(u8::from(number < 15))).collect();
        let interval = mean_interval(&scores, &[7.0; 50], 0.95, 1);
        near(interval.low, wilson(0.3, 50.0, 0.95).low, 1e-9);
        let flat = mean_interval(&[0.5; 20], &[1.0; 20], 0.95, 1);
        assert!(flat.low < 0.4 && flat.high > 0.6, "{flat:?}");
    }

    #[test]
    fn bootstrap_repeats_and_holds_the_truth_as_often_as_it_says() {
        let mut held = 0;
        for seed in 0..100 {
            let mut rng = stream(seed, "test", 0);
            let scores: Vec<f64> = (0..60).map(|_| rng.random::<f64>().powi(2)).collect();
            let interval = mean_interval(&scores, &[1.0; 60], 0.9, seed);
            assert_eq!(interval, mean_interval(&scores, &[1.0; 60], 0.9, seed));
            held += u32::from(interval.low <= 1.0 / 3.0 && 1.0 / 3.0 <= interval.high);
        }
        assert!((82..=97).contains(&held), "{held} of 100");
    }

    #[test]
    fn bootstrap_is_near_the_normal_interval_for_many_scores() {
        let scores: Vec<f64> = (0..1_000).map(|number| f64::from(number % 11) / 10.0).collect();
        let interval = mean_interval(&scores, &[1.0; 1_000], 0.95, 3);
        let mean = weighted_mean(&scores, &[1.0; 1_000]).unwrap();
        let half = 1.96 * (0.1_f64 / 1_000.0).sqrt();
        near(interval.low, mean - half, 0.002);
        near(interval.high, mean + half, 0.002);
    }
}
