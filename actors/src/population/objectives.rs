//! Whether evaluations give what the search looks at.

use evohub_evaluation::scorer::UnknownObjective;
use evohub_evolution::{Evaluation, Failure, FailureKind};

/// Answers of the worst score without any objective that are let pass before one with objectives was seen: there may
/// have been nothing in them to look at.
const UNSCORED: usize = 16;

/// The objectives of the evaluator's that a search looks at.
pub(super) struct Objectives {
    wanted: Vec<String>,
    /// Evaluations without any; `None` once one had some.
    without: Option<usize>,
}

impl Objectives {
    pub(super) fn new(wanted: Vec<String>) -> Self {
        Self { wanted, without: Some(0) }
    }

    /// Why the search cannot go on with an evaluator that gives this. The evaluation itself is durable by now.
    pub(super) fn lacking(&mut self, evaluation: &Evaluation) -> Option<Failure> {
        let given = &evaluation.objectives.named;
        let Some(missing) = self.wanted.iter().find(|name| !given.contains_key(*name)) else {
            self.without = None;
            return None;
        };
        if given.is_empty() && evaluation.objectives.score <= 0.0 {
            let without = self.without.as_mut()?;
            *without += 1;
            if *without <= UNSCORED {
                return None;
            }
        }
        let unknown = UnknownObjective::new(missing, given.keys().map(String::as_str));
        let message = format!(
            "{unknown}. Correct the name under `algorithm`, or have it given: what was evaluated is kept, and costs \
             nothing in a job that evaluates alike"
        );
        Some(Failure { kind: FailureKind::Systemic, cause: "objective".to_owned(), message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(score: f64, named: &[&str]) -> Evaluation {
        let named = named.iter().map(|name| ((*name).to_owned(), 0.5)).collect();
        Evaluation {
            objectives: evohub_evolution::Objectives { score, named, ..Default::default() },
            output: String::new(),
            feedback: String::new(),
            input_tokens: 0,
            output_tokens: 0,
            model_calls: 1,
        }
    }

    #[test]
    fn a_name_that_is_not_given_ends_the_search_at_once() {
        let mut objectives = Objectives::new(vec!["politness".into()]);
        let failure = objectives.lacking(&evaluation(1.0, &["brevity", "politeness"])).unwrap();
        assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Systemic, "objective"));
        for part in ["politness", "politeness", "Correct the name under `algorithm`"] {
            assert!(failure.message.contains(part), "{}", failure.message);
        }
        assert!(objectives.lacking(&evaluation(0.0, &["brevity"])).is_some());
        assert!(objectives.lacking(&evaluation(0.5, &[])).is_some());
    }

    #[test]
    fn answers_in_which_nothing_was_scored_are_let_pass() {
        let mut objectives = Objectives::new(vec!["politeness".into()]);
        assert!((0..UNSCORED).all(|_| objectives.lacking(&evaluation(0.0, &[])).is_none()));
        assert!(objectives.lacking(&evaluation(0.0, &[])).is_some(), "it gives none at all");
        let mut objectives = Objectives::new(vec!["politeness".into()]);
        assert!(objectives.lacking(&evaluation(0.0, &["politeness"])).is_none());
        assert!((0..99).all(|_| objectives.lacking(&evaluation(0.0, &[])).is_none()));
        assert!(Objectives::new(vec![]).lacking(&evaluation(1.0, &[])).is_none());
    }
}
