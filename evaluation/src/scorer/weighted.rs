//! Several scorers in one.

use std::sync::Arc;

use async_trait::async_trait;
use evohub_evolution::{Case, Failure, FailureKind};

use super::{Scored, Scorer};

/// The weighted mean of several scores. Feedback names each part, and the score of each is an objective under its name.
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
        let parts = self
            .parts
            .iter()
            .map(|part| format!("{} = {}*({})", part.name, part.weight, part.scorer.fingerprint()));
        format!("weighted/2 {}", parts.collect::<Vec<_>>().join(" + "))
    }

    fn check(&self, case: &Case) -> Result<(), String> {
        let mut parts = self.parts.iter();
        parts.try_for_each(|part| part.scorer.check(case).map_err(|what| format!("{}: {what}", part.name)))
    }

    fn cost_limit(&self, case: &Case, answer_tokens: Option<u32>) -> Option<f64> {
        self.parts.iter().map(|part| part.scorer.cost_limit(case, answer_tokens)).sum()
    }

    fn unscored(&self, why: &str) -> Scored {
        let whole = Scored::new(0.0, why);
        self.parts.iter().fold(whole, |whole, part| whole.with_objective(&part.name, 0.0))
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
            let found = [(part.name.clone(), scored.score)].into_iter().chain(scored.objectives);
            for (name, value) in found {
                if whole.objectives.insert(name.clone(), value).is_some() {
                    return Err(given_twice(&name));
                }
            }
        }
        Ok(Scored { score: (sum / weights).clamp(0.0, 1.0), feedback: feedback.join("\n"), ..whole })
    }
}

fn given_twice(name: &str) -> Failure {
    Failure {
        kind: FailureKind::Systemic,
        cause: "objective".to_owned(),
        message: format!("two parts of the score give the objective `{name}`: give one another `name`"),
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
        assert_eq!(scored.objectives, [("contains".to_owned(), 1.0), ("exact".to_owned(), 0.0)].into());
        let nothing = scorer.unscored("it is empty");
        assert_eq!(
            (nothing.score, nothing.objectives.len(), nothing.feedback.as_str()),
            (0.0, 2, "it is empty")
        );
        assert_eq!(
            scorer.check(&Case { expected: None, ..Case::new("q", "") }).unwrap_err().split(':').next(),
            Some("exact")
        );
    }

    #[tokio::test]
    async fn what_parts_find_out_is_handed_on_and_stands_once() {
        let of = |name: &'static str| {
            let tone = FnScorer::new("tone", move |_: &Case, _: &str| {
                Scored::new(0.5, "").with_objective(name, -2.0)
            });
            WeightedScorer::new([part("tone", 1.0, tone), part("exact", 1.0, ExactScorer::default())])
                .unwrap()
        };
        let case = Case::new("q", "a");
        let scored = of("warmth").score(&case, "a").await.unwrap();
        let objectives = [("exact", 1.0), ("tone", 0.5), ("warmth", -2.0)];
        assert_eq!(scored.objectives, objectives.map(|(name, value)| (name.to_owned(), value)).into());
        let failure = of("exact").score(&case, "a").await.unwrap_err();
        assert!(failure.message.contains("`exact`"), "{}", failure.message);
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
