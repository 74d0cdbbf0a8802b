//! Measuring a candidate only as long as it can still win.

use serde::{Deserialize, Serialize};

/// How a candidate's measurement is broken off early.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RaceConfig {
    /// Whether to race at all; otherwise every candidate is measured on all cases that the search ranks on.
    pub enabled: bool,
    /// A candidate is dropped once the probability that it is better than the best of the population, given the
    /// cases both were measured on, falls below this. 0 to 0.5.
    pub threshold: f64,
    /// Cases before the first look, 1 or more.
    pub first_look: usize,
    /// How many times as many cases the next look is at, 1.1 to 10.
    pub growth: f64,
}

impl Default for RaceConfig {
    fn default() -> Self {
        Self { enabled: true, threshold: 0.25, first_look: 6, growth: 2.0 }
    }
}

impl RaceConfig {
    /// What is wrong with the settings, with the key.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), String> {
        if !(0.0..=0.5).contains(&self.threshold) {
            return Err(format!("`race.threshold` is {}, and must be from 0 to 0.5", self.threshold));
        }
        if self.first_look == 0 {
            return Err("`race.first_look` must be 1 or more".into());
        }
        if !(1.1..=10.0).contains(&self.growth) {
            return Err(format!("`race.growth` is {}, and must be from 1.1 to 10", self.growth));
        }
        Ok(())
    }

    /// How many cases have been measured at each look, the last being `cases`: each look at `growth` times as many
    /// as the one before, so that a candidate far behind costs little and one close behind is looked at few times.
    pub fn looks(&self, cases: usize) -> Vec<usize> {
        let mut looks = vec![];
        if self.enabled {
            let mut next = self.first_look.max(1);
            // A look that leaves almost nothing to save is none.
            while next * 4 < cases * 3 {
                looks.push(next);
                next = ((next as f64 * self.growth).round() as usize).max(next + 1);
            }
        }
        looks.push(cases);
        looks
    }

    /// Whether a candidate can hardly be better than the reference: both scored on the same cases, in the same
    /// order. The probability is that of a normal posterior of the mean difference, whose prior counts as
    /// [`PRIOR_CASES`] cases without a difference.
    pub fn is_hopeless(&self, scores: &[f64], reference: &[f64]) -> bool {
        self.enabled && probability_better(scores, reference) < self.threshold
    }
}

/// Weight of the prior, in cases.
const PRIOR_CASES: f64 = 2.0;
/// Prior mean square of a difference of two scores on one case.
const PRIOR_SQUARE: f64 = 0.25;

/// Probability that the mean of `scores` is above that of `reference` in the long run.
pub fn probability_better(scores: &[f64], reference: &[f64]) -> f64 {
    let count = scores.len().min(reference.len()) as f64 + PRIOR_CASES;
    let differences = scores.iter().zip(reference).map(|(a, b)| a - b);
    let (sum, square) = differences.fold((0.0, 0.0), |(sum, square), d| (sum + d, square + d * d));
    let mean = sum / count;
    let variance = (square + PRIOR_CASES * PRIOR_SQUARE) / count - mean * mean;
    normal_cdf(mean / (variance.max(1e-9) / count).sqrt())
}

/// Abramowitz and Stegun 26.2.17, absolute error below 1e-7.
fn normal_cdf(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let poly = t
        * (0.319_381_530
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = poly * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if z >= 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_grow_and_end_at_all() {
        let race = RaceConfig::default();
        assert_eq!(race.looks(50), [6, 12, 24, 50]);
        assert_eq!(race.looks(5), [5]);
        assert_eq!(RaceConfig { growth: 3.0, ..race }.looks(100), [6, 18, 54, 100]);
        assert_eq!(RaceConfig { enabled: false, ..race }.looks(50), [50]);
    }

    #[test]
    fn normal_cdf_matches_tables() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.841_344_7), (-1.96, 0.024_997_9), (3.0, 0.998_650_1)] {
            assert!((normal_cdf(z) - p).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn drops_the_clearly_worse_and_keeps_the_equal() {
        let race = RaceConfig::default();
        let best = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0];
        assert!(race.is_hopeless(&[0.0; 6], &best));
        assert!(!race.is_hopeless(&best, &best));
        assert!(!race.is_hopeless(&[1.0, 0.0, 1.0, 1.0, 1.0, 1.0], &best));
    }
}
