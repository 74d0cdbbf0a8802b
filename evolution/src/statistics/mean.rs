//! Weighted means.

/// The mean of scores by their weights; `None` when there is no weight at all. Where the lengths differ, what is
/// left over on one side does not count.
pub fn weighted_mean(scores: &[f64], weights: &[f64]) -> Option<f64> {
    let pairs = scores.iter().zip(weights);
    let (sum, total) =
        pairs.fold((0.0, 0.0), |(sum, total), (score, weight)| (sum + score * weight, total + weight));
    (total > 0.0).then(|| sum / total)
}

/// The number of equally weighted scores that say as much as these (Kish): `(Σw)² / Σw²`.
pub(super) fn effective_count(weights: &[f64]) -> f64 {
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_count() {
        assert_eq!(weighted_mean(&[1.0, 0.0], &[3.0, 1.0]), Some(0.75));
        assert_eq!(weighted_mean(&[], &[]), None);
        assert_eq!(weighted_mean(&[1.0], &[0.0]), None);
    }

    #[test]
    fn equal_weights_are_all_effective() {
        assert!((effective_count(&[2.5; 7]) - 7.0).abs() < 1e-12);
        assert!((effective_count(&[1.0, 1e-9]) - 1.0).abs() < 1e-6);
        assert_eq!(effective_count(&[]), 0.0);
    }
}
