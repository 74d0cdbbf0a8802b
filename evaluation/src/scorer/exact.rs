//! The answer is the expected text.

use async_trait::async_trait;
use evohub_evolution::{Case, Failure};

use super::excerpt::excerpt;
use super::{Scored, Scorer, expected, folded, has_expected};

/// 1 when the answer is the expected text, up to white space around it; else 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExactScorer {
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
}

#[async_trait]
impl Scorer for ExactScorer {
    fn fingerprint(&self) -> String {
        format!("exact/1 ignore_case={}", self.ignore_case)
    }

    fn check(&self, case: &Case) -> Result<(), String> {
        has_expected(case)
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        let wanted = expected(case)?;
        let (found, right) = (folded(output, self.ignore_case), folded(wanted, self.ignore_case));
        if found == right {
            return Ok(Scored::new(1.0, format!("correct: the answer is exactly {}", excerpt(wanted))));
        }
        let why = if found.to_lowercase() == right.to_lowercase() {
            "only upper and lower case differ"
        } else if !right.is_empty() && found.contains(&right) {
            "the right answer is there, and so is other text; it must stand alone"
        } else {
            "the answer must be exactly what is expected, with nothing around it"
        };
        let feedback = format!("expected {}, found {}: {why}", excerpt(wanted), excerpt(output));
        Ok(Scored::new(0.0, feedback))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn score(ignore_case: bool, output: &str) -> Scored {
        ExactScorer { ignore_case }.score(&Case::new("q", " Yes "), output).await.unwrap()
    }

    #[tokio::test]
    async fn white_space_around_is_nothing() {
        assert_eq!(score(false, "\nYes\r\n").await.score, 1.0);
        assert_eq!(score(false, "Yes.").await.score, 0.0);
        assert_eq!(score(false, "").await.feedback.matches("nothing").count(), 2);
    }

    #[tokio::test]
    async fn case_counts_unless_said() {
        let strict = score(false, "yes").await;
        assert_eq!(strict.score, 0.0);
        assert!(strict.feedback.contains("only upper and lower case differ"));
        assert_eq!(score(true, "yes").await.score, 1.0);
        assert!(score(true, "YES it is").await.feedback.contains("must stand alone"));
    }
}
