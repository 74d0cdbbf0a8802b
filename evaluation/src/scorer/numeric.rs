//! The number in the answer is the expected one.

use std::sync::LazyLock;

use ::regex::Regex;
use async_trait::async_trait;
use evohub_evolution::{Case, Failure};

use super::excerpt::excerpt;
use super::{Scored, Scorer, expected, has_expected, unscorable};

/// 1 when the last number of the answer is the expected one, up to a tolerance; else 0. Commas and underscores
/// between groups of three digits are understood, so are signs and exponents. A number that continues a word,
/// as in `CO2`, counts only when there is no other.
#[derive(Debug, Clone, Copy, Default)]
pub struct NumericScorer {
    /// How far off the number may be.
    pub tolerance: f64,
    /// How far off it may be as a share of the expected number; the wider of the two decides.
    pub relative_tolerance: f64,
}

/// The last number of a text.
fn last_number(text: &str) -> Option<f64> {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        let pattern =
            r"[-+−]?(?:(?:[0-9]{1,3}(?:[,_][0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?";
        Regex::new(pattern).expect("the pattern is a regular expression")
    });
    let (mut free, mut attached) = (None, None);
    for found in NUMBER.find_iter(text) {
        let before = text[..found.start()].chars().next_back();
        let mut digits = found.as_str();
        // In `3-4` and `x-4` the dash is no sign.
        if digits.starts_with(['-', '+', '−']) && before.is_some_and(char::is_alphanumeric) {
            digits = digits.trim_start_matches(['-', '+', '−']);
        }
        let plain = digits.replace([',', '_'], "").replace('−', "-");
        let Some(number) = plain.parse::<f64>().ok().filter(|number| number.is_finite()) else { continue };
        let in_word = digits.len() == found.len() && before.is_some_and(|c| c.is_alphabetic() || c == '_');
        if in_word {
            attached = Some(number);
        } else {
            free = Some(number);
        }
    }
    free.or(attached)
}

#[async_trait]
impl Scorer for NumericScorer {
    fn fingerprint(&self) -> String {
        format!("numeric/1 tolerance={} relative={}", self.tolerance, self.relative_tolerance)
    }

    fn check(&self, case: &Case) -> Result<(), String> {
        has_expected(case)?;
        let text = case.expected.as_deref().unwrap_or_default();
        last_number(text)
            .map(|_| ())
            .ok_or_else(|| format!("there is no number in its expected answer `{text}`"))
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        let wanted = last_number(expected(case)?)
            .ok_or_else(|| unscorable("there is no number in the expected answer".into()))?;
        let Some(found) = last_number(output) else {
            let feedback = format!("expected the number {wanted}; there is no number in {}", excerpt(output));
            return Ok(Scored::new(0.0, feedback));
        };
        // Decimal fractions have no exact binary form, so equality needs a little room.
        let rounding = wanted.abs() * 1e-12;
        let allowed = self.tolerance.max(self.relative_tolerance * wanted.abs()).max(rounding);
        let right = (found - wanted).abs() <= allowed + rounding;
        let feedback = if right {
            format!("correct: the last number of the answer is {found}")
        } else {
            format!("expected {wanted}, but the last number of the answer is {found}: {}", excerpt(output))
        };
        Ok(Scored::binary(right, feedback))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_as_people_write_them() {
        for (text, number) in [
            ("42", 42.0),
            ("The answer is 1,234.50.", 1234.5),
            ("$1_000_000!", 1e6),
            ("-3.5", -3.5),
            ("−7 °C", -7.0),
            ("+.5", 0.5),
            ("1.5e-3", 0.0015),
            ("3-4", 4.0),
            ("first 3, then 5 kg of CO2", 5.0),
            ("x2", 2.0),
            ("1,2", 2.0),
            ("12,345,678", 12_345_678.0),
            ("1234,567", 567.0),
            ("**17**.", 17.0),
            ("50%", 50.0),
        ] {
            assert_eq!(last_number(text), Some(number), "{text}");
        }
        for text in ["", "none", "-", "1e999", "½"] {
            assert_eq!(last_number(text), None, "{text}");
        }
    }

    async fn score(tolerance: f64, relative_tolerance: f64, expected: &str, output: &str) -> f64 {
        let scorer = NumericScorer { tolerance, relative_tolerance };
        scorer.score(&Case::new("q", expected), output).await.unwrap().score
    }

    #[tokio::test]
    async fn tolerances_are_absolute_or_relative() {
        assert_eq!(score(0.0, 0.0, "0.3", "0.30").await, 1.0);
        assert_eq!(score(0.0, 0.0, "0.3", "0.3001").await, 0.0);
        assert_eq!(score(0.1, 0.0, "0.3", "0.2").await, 1.0);
        assert_eq!(score(0.1, 0.0, "100", "101").await, 0.0);
        assert_eq!(score(0.0, 0.01, "100", "101").await, 1.0);
        assert_eq!(score(0.0, 0.01, "-100", "-102").await, 0.0);
        assert_eq!(score(0.0, 0.5, "0", "0").await, 1.0);
        assert_eq!(score(0.0, 0.0, "3", "three").await, 0.0);
    }

    #[test]
    fn an_expectation_without_number_is_refused() {
        assert!(NumericScorer::default().check(&Case::new("q", "many")).is_err());
        assert!(NumericScorer::default().check(&Case::new("q", "#### 1,000")).is_ok());
    }
}
