//! The beta distribution: what is believed about a success rate.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Gamma};
use statrs::function::gamma::ln_gamma;

/// Least parameter: below it tails are too long to sum up.
const LEAST: f64 = 0.01;
/// Greatest parameter.
const GREATEST: f64 = 1e9;
/// Density, relative to its peak, below which a tail adds nothing.
const NEGLIGIBLE: f64 = 1e-12;

/// A beta distribution on the scale of log-odds, `y = ln(x / (1 - x))`: there its density is smooth, has one peak
/// and falls off exponentially on both sides, and no x near 0 or 1 loses its digits.
#[derive(Debug, Clone, Copy)]
struct LogOdds {
    a: f64,
    b: f64,
    ln_beta: f64,
}

impl LogOdds {
    fn new(a: f64, b: f64) -> Self {
        let (a, b) = (within(a), within(b));
        Self { a, b, ln_beta: ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b) }
    }

    fn mode(self) -> f64 {
        (self.a / self.b).ln()
    }

    /// The width of the peak: the standard deviation of the normal distribution that is as curved there.
    fn width(self) -> f64 {
        (1.0 / self.a + 1.0 / self.b).sqrt()
    }

    /// The logarithm of the density, but for a constant.
    fn ln_kernel(self, y: f64) -> f64 {
        self.a * ln_logistic(y) + self.b * ln_logistic(-y)
    }

    /// The distribution function at `y`: the continued fraction of the incomplete beta function by the method of
    /// Lentz (Numerical Recipes, 6.4), on the side of the peak where it converges.
    fn cumulative(self, y: f64) -> f64 {
        let x = logistic(y);
        let front = (self.ln_kernel(y) - self.ln_beta).exp();
        let value = if x < (self.a + 1.0) / (self.a + self.b + 2.0) {
            front * fraction(self.a, self.b, x) / self.a
        } else {
            1.0 - front * fraction(self.b, self.a, logistic(-y)) / self.b
        };
        value.clamp(0.0, 1.0)
    }
}

/// The regularised incomplete beta function `I_x(a, b)`: the probability that a variable of the beta distribution
/// is at most `x`. Parameters are taken within 0.01 to 1e9, and `x` within 0 to 1.
pub fn regularized_incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if x >= 1.0 {
        1.0
    } else {
        LogOdds::new(a, b).cumulative(x.ln() - (-x).ln_1p())
    }
}

/// The probability that a variable of the beta distribution (`a1`, `b1`) is greater than one of (`a2`, `b2`):
/// that the first candidate is better, given what is believed of both.
///
/// The integral of one density times the other distribution function, by the trapezoidal rule on the scale of
/// log-odds, where it converges exponentially for such functions. The narrower of the two gives the density, so
/// that no step of the other falls between two points. Parameters are taken within 0.01 to 1e9. The error is
/// below 1e-9.
pub fn probability_beta_greater(a1: f64, b1: f64, a2: f64, b2: f64) -> f64 {
    let (first, second) = (LogOdds::new(a1, b1), LogOdds::new(a2, b2));
    if first.width() <= second.width() { mean_of(second, first) } else { 1.0 - mean_of(first, second) }
}

/// The mean of a distribution function over another, narrower distribution.
fn mean_of(function: LogOdds, over: LogOdds) -> f64 {
    // Up to 0.7: all these functions are analytic up to a distance of π from the real axis.
    let step = (0.6 * over.width()).min(0.7);
    let (mode, peak) = (over.mode(), over.ln_kernel(over.mode()));
    let (mut sum, mut total) = (function.cumulative(mode), 1.0);
    for direction in [-step, step] {
        for count in 1_u32.. {
            let y = mode + f64::from(count) * direction;
            let density = (over.ln_kernel(y) - peak).exp();
            if density < NEGLIGIBLE {
                break;
            }
            sum += density * function.cumulative(y);
            total += density;
        }
    }
    sum / total
}

/// A value of the beta distribution, 0 to 1, from two of the gamma distribution (Marsaglia and Tsang 2000).
/// Parameters are taken within 0.01 to 1e9.
pub fn sample_beta(a: f64, b: f64, rng: &mut (impl Rng + ?Sized)) -> f64 {
    let (a, b) = (within(a), within(b));
    // No shape within the bounds is refused.
    let mut gamma = |shape: f64| Gamma::new(shape, 1.0).map_or(shape, |gamma| gamma.sample(rng));
    let (one, other) = (gamma(a), gamma(b));
    if one + other > 0.0 {
        one / (one + other)
    } else {
        // Both were too small for a number, as happens with tiny parameters: one end or the other.
        f64::from(u8::from(rng.random_bool(a / (a + b))))
    }
}

/// A parameter within its bounds; the least where it is no number.
fn within(parameter: f64) -> f64 {
    if parameter.is_nan() { LEAST } else { parameter.clamp(LEAST, GREATEST) }
}

/// The probability with these log-odds.
pub(crate) fn logistic(y: f64) -> f64 {
    1.0 / (1.0 + (-y).exp())
}

/// The logarithm of [`logistic`], exact in both tails.
fn ln_logistic(y: f64) -> f64 {
    y.min(0.0) - (-y.abs()).exp().ln_1p()
}

/// The continued fraction of `I_x(a, b)`. It converges within some roots of the greater parameter.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for count in 1..100_000_u32 {
        let m = f64::from(count);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            value *= c * d;
        }
        if (value - before).abs() <= 1e-14 * value.abs() {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::stream;

    fn near(found: f64, wanted: f64, tolerance: f64) {
        assert!((found - wanted).abs() < tolerance, "{found} is not {wanted}");
    }

    /// `P(X > Y)` for whole parameters of the first, by the finite sum of its distribution function.
    fn by_sum(a1: u32, b1: f64, a2: f64, b2: f64) -> f64 {
        let ln_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
        let term = |i: u32| {
            let i = f64::from(i);
            (ln_beta(a2 + i, b1 + b2) - (b1 + i).ln() - ln_beta(1.0 + i, b1) - ln_beta(a2, b2)).exp()
        };
        (0..a1).map(term).sum()
    }

    #[test]
    fn incomplete_beta_of_known_values() {
        // Closed forms: I_x(1, b) = 1 - (1 - x)^b, I_x(a, 1) = x^a, I_x(1/2, 1/2) = 2/π asin √x.
        near(regularized_incomplete_beta(1.0, 5.0, 0.2), 1.0 - 0.8_f64.powi(5), 1e-13);
        near(regularized_incomplete_beta(3.5, 1.0, 0.3), 0.3_f64.powf(3.5), 1e-13);
        near(
            regularized_incomplete_beta(0.5, 0.5, 0.3),
            2.0 / std::f64::consts::PI * 0.3_f64.sqrt().asin(),
            1e-12,
        );
        near(regularized_incomplete_beta(1e6, 1e6, 0.5), 0.5, 1e-8);
        near(regularized_incomplete_beta(10.0, 3.0, 0.5), 79.0 / 4096.0, 1e-13);
        assert_eq!(regularized_incomplete_beta(2.0, 2.0, -1.0), 0.0);
        assert_eq!(regularized_incomplete_beta(2.0, 2.0, 1.0), 1.0);
    }

    #[test]
    fn greater_agrees_with_the_finite_sum() {
        let cases = [(1, 1.0, 1.0, 1.0), (8, 4.0, 5.0, 7.0), (90, 13.0, 70.0, 31.5), (3, 0.5, 0.5, 2.0)];
        let wide = [(1, 1.0, 500.0, 400.0), (700, 300.0, 1.0, 1.0), (40, 2.0, 3.5, 60.0)];
        for (a1, b1, a2, b2) in cases.into_iter().chain(wide) {
            near(probability_beta_greater(f64::from(a1), b1, a2, b2), by_sum(a1, b1, a2, b2), 1e-9);
        }
    }

    #[test]
    fn extremes_are_probabilities() {
        let parameters = [0.0, 1e-9, 0.02, 1.0, 40.0, 1e4, 1e12, f64::NAN, f64::INFINITY];
        for a in parameters {
            for b in parameters {
                let found = probability_beta_greater(a, b, 2.0, 3.0);
                assert!((0.0..=1.0).contains(&found), "{found} of {a}, {b}");
                near(probability_beta_greater(a, b, a, b), 0.5, 1e-6);
                let drawn = sample_beta(a, b, &mut stream(1, "test", 0));
                assert!((0.0..=1.0).contains(&drawn), "{drawn} of {a}, {b}");
            }
        }
        assert!(probability_beta_greater(1e6, 1.0, 1.0, 1e6) > 1.0 - 1e-12);
    }

    #[test]
    fn samples_have_the_mean_and_the_spread() {
        for (a, b) in [(0.3, 0.6), (1.0, 1.0), (8.0, 3.0), (400.0, 700.0)] {
            let rng = &mut stream(5, "test", 0);
            let drawn: Vec<f64> = (0..20_000).map(|_| sample_beta(a, b, rng)).collect();
            let mean = drawn.iter().sum::<f64>() / 20_000.0;
            let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
            let wanted = a * b / ((a + b).powi(2) * (a + b + 1.0));
            near(mean, a / (a + b), 4.0 * (wanted / 20_000.0).sqrt());
            near(variance / wanted, 1.0, 0.05);
        }
    }

    proptest! {
        #[test]
        fn sides_add_up_and_more_successes_are_better(
            [a1, b1, a2, b2] in [0.1..200.0_f64, 0.1..200.0, 0.1..200.0, 0.1..200.0],
        ) {
            let found = probability_beta_greater(a1, b1, a2, b2);
            prop_assert!((found + probability_beta_greater(a2, b2, a1, b1) - 1.0).abs() < 1e-9);
            prop_assert!(probability_beta_greater(a1 + 1.0, b1, a2, b2) >= found - 1e-9);
            let x = a1 / (a1 + b1);
            let statrs = statrs::function::beta::beta_reg(a1, b1, x);
            prop_assert!((regularized_incomplete_beta(a1, b1, x) - statrs).abs() < 1e-10);
        }
    }
}
