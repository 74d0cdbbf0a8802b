//! A scorer from a Rust function.

use async_trait::async_trait;
use evohub_evolution::{Case, Failure};

use super::{Scored, Scorer};

/// Scores answers by a function of case and answer.
pub struct FnScorer<F> {
    name: String,
    function: F,
}

impl<F> FnScorer<F> {
    /// A scorer from a function that returns anything a [`Scored`] can be made of: a number from 0 to 1, a
    /// truth value, or a number and feedback. `name` stands for the function in stored results: give it a new
    /// one (`mine/2`) when its meaning changes.
    pub fn new<R>(name: impl Into<String>, function: F) -> Self
    where
        F: Fn(&Case, &str) -> R + Send + Sync,
        R: Into<Scored>,
    {
        Self { name: name.into(), function }
    }
}

#[async_trait]
impl<F, R> Scorer for FnScorer<F>
where
    F: Fn(&Case, &str) -> R + Send + Sync,
    R: Into<Scored>,
{
    fn fingerprint(&self) -> String {
        format!("function/1 {}", self.name)
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        Ok((self.function)(case, output).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn scores_stay_in_their_range() {
        let case = Case::new("q", "a");
        for (given, score) in [(0.3, 0.3), (7.0, 1.0), (-1.0, 0.0), (f64::NAN, 0.0), (f64::INFINITY, 1.0)] {
            let scorer = FnScorer::new("x", move |_: &Case, _: &str| given);
            assert_eq!(scorer.score(&case, "").await.unwrap().score, score);
        }
        let scorer =
            FnScorer::new("x", |case: &Case, output: &str| (0.5, format!("{} {output}", case.input)));
        assert_eq!(scorer.score(&case, "o").await.unwrap().feedback, "q o");
        let scorer = FnScorer::new("x", |case: &Case, output: &str| case.expected.as_deref() == Some(output));
        assert_eq!(scorer.score(&case, "a").await.unwrap().score, 1.0);
    }
}
