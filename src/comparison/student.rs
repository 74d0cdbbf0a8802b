//! Where the mean of few runs lies.

use evohub_evolution::statistics::regularized_incomplete_beta;

/// What lies outside of an interval of 95 %.
const OUTSIDE: f64 = 0.05;
/// Halvings of the range in which the quantile is looked for: more than a number has bits.
const HALVINGS: u32 = 60;
/// Above the quantile for a single degree of freedom, 12.7.
const MOST: f64 = 16.0;

/// The 95 % interval of a mean, by Student's distribution: it is wide for few values, where a bootstrap is too
/// narrow. `None` for fewer than two.
pub fn student_interval(values: &[f64]) -> Option<[f64; 2]> {
    let count = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let half = quantile(count - 1.0) * (squares / (count - 1.0) / count).sqrt();
    Some([mean - half, mean + half])
}

/// The number that Student's distribution of so many degrees of freedom exceeds in either direction with a
/// probability of 5 %.
fn quantile(freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, MOST);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        let outside = regularized_incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + middle * middle));
        if outside > OUTSIDE { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_known_values() {
        // R: qt(0.975, c(1, 4, 9, 100))
        for (freedom, wanted) in [(1.0, 12.706_205), (4.0, 2.776_445), (9.0, 2.262_157), (100.0, 1.983_972)] {
            assert!((quantile(freedom) - wanted).abs() < 1e-5, "{}", quantile(freedom));
        }
    }

    #[test]
    fn intervals_of_known_values() {
        assert_eq!(student_interval(&[0.3]), None);
        assert_eq!(student_interval(&[0.5; 4]), Some([0.5, 0.5]));
        // R: t.test(c(1, 2, 3, 4, 5))$conf.int
        let [low, high] = student_interval(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert!((low - 1.036_757).abs() < 1e-5 && (high - 4.963_243).abs() < 1e-5, "{low} {high}");
    }
}
