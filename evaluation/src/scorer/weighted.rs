//! Several scorers in one.

use std::sync::Arc;

use async_trait::async_trait;
use evohub_evolution::{Case, Failure};

use super::{Scored, Scorer};

/// The weighted mean of several scores. Feedback names each part.
pub struct WeightedScorer {
    parts: Vec<Part>,
}

struct Part {
    name: String,
    weight: f64,
    scorer: Arc<dyn Scorer>,
}

impl WeightedScorer {
    /// A scorer of parts, each with its name, its weight and its scorer. `None` when there is no part or a weight
    /// is not above 0.
    pub fn new(parts: impl IntoIterator<Item = (String, f64, Arc<dyn Scorer>)>) -> Option<Self> {
        let parts: Vec<Part> =
            parts.into_iter().map(|(name, weight, scorer)| Part { name, weight, scorer }).collect();
        let sound =
            !parts.is_empty() && parts.iter().all(|part| part.weight.is_finite() && part.weight > 0.0);
        sound.then_some(Self { parts })
    }
}

#[async_trait]
impl Scorer for WeightedScorer {
    fn fingerprint(&self) -> String {
        let parts = self.parts.iter().map(|part| format!("{}*({})", part.weight, part.scorer.fingerprint()));
        format!("weighted/1 {}", parts.collect::<Vec<_>>().join(" + "))
    }

    fn check(&self, case: &Case) -> Result<(), String> {
        let mut parts = self.parts.iter();
        parts.try_for_each(|part| part.scorer.check(case).map_err(|what| format!("{}: {what}", part.name)))
    }

    fn cost_limit(&self, case: &Case, answer_tokens: Option<u32>) -> Option<f64> {
        self.parts.iter().map(|part| part.scorer.cost_limit(case, answer_tokens)).sum()
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        let mut whole = Scored::new(0.0, "");
        let (mut sum, mut weights) = (0.0, 0.0);
        let mut feedback = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let scored = part.scorer.score(case, output).await?;
            sum += part.weight * scored.score;
            weights += part.weight;
            feedback.push(format!("{} ({:.2}): {}", part.name, scored.score, scored.feedback));
            whole.model_calls += scored.model_calls;
            whole.usage.input_tokens += scored.usage.input_tokens;
            whole.usage.cached_input_tokens += scored.usage.cached_input_tokens;
            whole.usage.output_tokens += scored.usage.output_tokens;
            whole.dollars += scored.dollars;
        }
        Ok(Scored { score: (sum / weights).clamp(0.0, 1.0), feedback: feedback.join("\n"), ..whole })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ContainsScorer, ExactScorer, FnScorer};
    use super::*;

    fn part(name: &str, weight: f64, scorer: impl Scorer + 'static) -> (String, f64, Arc<dyn Scorer>) {
        (name.into(), weight, Arc::new(scorer))
    }

    #[tokio::test]
    async fn parts_count_by_their_weight() {
        let parts =
            [part("exact", 3.0, ExactScorer::default()), part("contains", 1.0, ContainsScorer::default())];
        let scorer = WeightedScorer::new(parts).unwrap();
        let scored = scorer.score(&Case::new("q", "a"), "a b").await.unwrap();
        assert_eq!(scored.score, 0.25);
        insta::assert_snapshot!(scored.feedback, @r"
        exact (0.00): expected `a`, found `a b`: the right answer is there, and so is other text; it must stand alone
        contains (1.00): correct: the answer contains `a`
        ");
        assert_eq!(
            scorer.check(&Case { expected: None, ..Case::new("q", "") }).unwrap_err().split(':').next(),
            Some("exact")
        );
    }

    #[test]
    fn weights_must_weigh() {
        assert!(WeightedScorer::new([]).is_none());
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let scorer = FnScorer::new("f", |_: &Case, _: &str| 1.0);
            assert!(WeightedScorer::new([part("f", weight, scorer)]).is_none());
        }
    }
}
