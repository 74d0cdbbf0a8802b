//! The operators of a run, and the draw among them.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;

use crate::candidate::Candidate;
use crate::rng::RunRng;
use crate::variation::rewrite::Rewrite;
use crate::variation::{Operator, OperatorCredits, VariationContext};

/// How often a draw is repeated when the operator drawn does not apply.
const ATTEMPTS: usize = 32;

/// The operators of a run with their weights.
#[derive(Clone)]
pub struct Operators {
    plain: Vec<(Arc<dyn Operator>, f64)>,
    rewrites: Vec<(Rewrite, f64)>,
}

/// What a draw brought.
pub enum Drawn {
    /// A child, and the operator that made it.
    Child(Candidate, String),
    /// An operator whose question is still to be asked.
    Ask(Rewrite),
}

impl Operators {
    /// Operators with weights above 0; rewrites are drawn only where there is a model to ask.
    pub fn new(plain: Vec<(Arc<dyn Operator>, f64)>, rewrites: Vec<(Rewrite, f64)>) -> Self {
        Self { plain, rewrites }
    }

    /// Adds an operator of one's own.
    pub fn add(&mut self, operator: Arc<dyn Operator>, weight: f64) {
        self.plain.push((operator, weight));
    }

    /// Names of all operators.
    pub fn names(&self) -> Vec<String> {
        let plain = self.plain.iter().map(|(operator, _)| operator.name().to_owned());
        plain.chain(self.rewrites.iter().map(|(rewrite, _)| rewrite.as_str().to_owned())).collect()
    }

    /// The probability of each operator that takes so many parents to be drawn first.
    pub fn probabilities(
        &self,
        parents: usize,
        with_model: bool,
        credits: &OperatorCredits,
    ) -> BTreeMap<String, f64> {
        let plain = self.plain.iter().filter(|(operator, _)| operator.arity() == parents);
        let plain = plain.map(|(operator, weight)| (operator.name(), *weight));
        let asks = |rewrite: Rewrite| with_model && rewrite.arity() == parents;
        let rewrites = self.rewrites.iter().filter(|(rewrite, _)| asks(*rewrite));
        credits.probabilities(plain.chain(rewrites.map(|(rewrite, weight)| (rewrite.as_str(), *weight))))
    }

    /// Draws an operator that takes as many parents as are given, by its weight and its credits, and applies it if it
    /// needs no model. `None` when nothing applies.
    pub fn draw(
        &self,
        parents: &[&Candidate],
        with_model: bool,
        credits: &OperatorCredits,
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Drawn> {
        let plain = self.plain.iter().filter(|(operator, _)| operator.arity() == parents.len());
        let mut weighed = Vec::with_capacity(self.plain.len());
        weighed.extend(plain.map(|(operator, weight)| (operator, weight * credits.factor(operator.name()))));
        let plain = weighed;
        let asks = |rewrite: Rewrite| with_model && rewrite.arity() == parents.len();
        let rewrites = self.rewrites.iter().filter(|(rewrite, _)| asks(*rewrite));
        let rewrites: Vec<_> =
            rewrites.map(|(rewrite, weight)| (rewrite, weight * credits.factor(rewrite.as_str()))).collect();
        let total: f64 =
            plain.iter().map(|(_, w)| w).sum::<f64>() + rewrites.iter().map(|(_, w)| w).sum::<f64>();
        for _ in 0..ATTEMPTS {
            let mut at = rng.random_range(0.0..1.0) * total;
            if let Some((rewrite, _)) = rewrites.iter().find(|(_, weight)| {
                at -= weight;
                at < 0.0
            }) {
                return Some(Drawn::Ask(**rewrite));
            }
            let drawn = plain.iter().find(|(_, weight)| {
                at -= weight;
                at < 0.0
            });
            let Some((operator, _)) = drawn else { continue };
            if let Some(child) = operator.vary(parents, context, rng)
                && parents.iter().all(|parent| parent.id() != child.id())
            {
                return Some(Drawn::Child(child, operator.name().to_owned()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;
    use crate::variation::VariationLimits;
    use crate::variation::phrase::AddPhrase;
    use crate::variation::placement::MovePlacement;

    #[test]
    fn draws_follow_the_probabilities_and_these_the_credits() {
        let plain: Vec<(Arc<dyn Operator>, f64)> =
            vec![(Arc::new(AddPhrase), 1.0), (Arc::new(MovePlacement), 1.0)];
        let operators = Operators::new(plain, vec![(Rewrite::Reflect, 2.0), (Rewrite::ModelCrossover, 9.0)]);
        let parent = Candidate::from_instruction("Classify it.").unwrap();
        let context =
            VariationContext { train: &vec![].into(), difficulty: &[], limits: VariationLimits::default() };
        let drawn = |credits: &OperatorCredits| {
            let mut counts =
                BTreeMap::from(["add_phrase", "move_placement", "reflect"].map(|n| (n.to_owned(), 0.0)));
            for seed in 0..2_000 {
                let rng = &mut stream(seed, "test", 0);
                let name = match operators.draw(&[&parent], true, credits, &context, rng) {
                    Some(Drawn::Child(_, name)) => name,
                    Some(Drawn::Ask(rewrite)) => rewrite.as_str().to_owned(),
                    None => continue,
                };
                *counts.entry(name).or_default() += 1.0 / 2_000.0;
            }
            counts
        };

        let mut credits = OperatorCredits::default();
        let before = operators.probabilities(1, true, &credits);
        assert_eq!(before.values().copied().collect::<Vec<_>>(), [0.25, 0.25, 0.5]);
        (0..40).for_each(|_| credits.credit("reflect", 0.0));
        (0..20).for_each(|_| credits.credit("move_placement", 0.1));
        let after = operators.probabilities(1, true, &credits);
        assert!(after["move_placement"] > 0.4 && after["reflect"] < 0.3, "{after:?}");
        for (credits, expected) in [(OperatorCredits::default(), before), (credits, after)] {
            for (name, share) in drawn(&credits) {
                assert!((share - expected[&name]).abs() < 0.04, "{name}: {share} of {expected:?}");
            }
        }
        assert!(!operators.probabilities(1, false, &OperatorCredits::default()).contains_key("reflect"));
    }
}
