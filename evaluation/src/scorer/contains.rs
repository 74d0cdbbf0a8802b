//! The expected text stands somewhere in the answer.

use async_trait::async_trait;
use evohub_evolution::{Case, Failure};

use super::excerpt::excerpt;
use super::{Scored, Scorer, expected, folded, has_expected};

/// 1 when the expected text stands anywhere in the answer; else 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct ContainsScorer {
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
}

#[async_trait]
impl Scorer for ContainsScorer {
    fn fingerprint(&self) -> String {
        format!("contains/1 ignore_case={}", self.ignore_case)
    }

    fn check(&self, case: &Case) -> Result<(), String> {
        has_expected(case)?;
        // Every answer contains the empty text.
        match case.expected.as_deref().is_some_and(|text| text.trim().is_empty()) {
            true => Err("the expected text is empty, and every answer contains that".into()),
            false => Ok(()),
        }
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        let wanted = expected(case)?;
        let right = folded(output, self.ignore_case).contains(&folded(wanted, self.ignore_case));
        let feedback = if right {
            format!("correct: the answer contains {}", excerpt(wanted))
        } else {
            format!("the answer must contain {}; it is {}", excerpt(wanted), excerpt(output))
        };
        Ok(Scored::binary(right, feedback))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn finds_the_text_anywhere() {
        let case = Case::new("q", "Paris");
        let strict = ContainsScorer::default();
        let loose = ContainsScorer { ignore_case: true };
        assert_eq!(strict.score(&case, "It is Paris, of course").await.unwrap().score, 1.0);
        assert_eq!(strict.score(&case, "It is PARIS").await.unwrap().score, 0.0);
        assert_eq!(loose.score(&case, "It is PARIS").await.unwrap().score, 1.0);
        assert_eq!(loose.score(&case, "").await.unwrap().score, 0.0);
    }

    #[test]
    fn an_empty_expectation_is_refused() {
        assert!(ContainsScorer::default().check(&Case::new("q", " ")).is_err());
        assert!(ContainsScorer::default().check(&Case::new("q", "a")).is_ok());
    }
}
