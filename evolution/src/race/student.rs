//! The paired t-test.

use crate::statistics::regularized_incomplete_beta;

/// How likely a mean of paired differences as low as that of `scores` less `reference` is when there is none
/// (Student 1908), one-sided: 0 to 1. 1 for fewer than two pairs.
pub(super) fn probability_as_low(scores: &[f64], reference: &[f64]) -> f64 {
    let differences: Vec<f64> = scores.iter().zip(reference).map(|(a, b)| a - b).collect();
    let count = differences.len() as f64;
    if count < 2.0 {
        return 1.0;
    }
    let mean = differences.iter().sum::<f64>() / count;
    let squares: f64 = differences.iter().map(|difference| (difference - mean).powi(2)).sum();
    if mean == 0.0 {
        return 0.5;
    }
    let freedom = count - 1.0;
    // The tail beyond t as an incomplete beta function of ν / (ν + t²), which is all squares' share about the mean.
    let tail =
        0.5 * regularized_incomplete_beta(freedom / 2.0, 0.5, squares / (squares + count * mean * mean));
    if mean < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_known_values() {
        // Student's sleep data. R: t.test(extra ~ group, paired = TRUE, alternative = "less")$p.value
        let one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let two = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        assert!((probability_as_low(&one, &two) - 0.001_416_4).abs() < 1e-6);
        assert!((probability_as_low(&two, &one) - 0.998_583_6).abs() < 1e-6);
    }

    #[test]
    fn needs_two_pairs_and_no_spread() {
        assert_eq!(probability_as_low(&[0.0], &[1.0]), 1.0);
        assert_eq!(probability_as_low(&[0.5; 9], &[0.5; 9]), 0.5);
        assert!(probability_as_low(&[0.0; 3], &[1.0; 3]) < 1e-9);
    }
}
