//! The operators of a run, and the draw among them.

use std::sync::Arc;

use rand::RngExt;

use crate::candidate::Candidate;
use crate::rng::RunRng;
use crate::variation::rewrite::Rewrite;
use crate::variation::{Operator, VariationContext};

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

    /// Draws an operator that takes as many parents as are given, and applies it if it needs no model. `None` when
    /// nothing applies.
    pub fn draw(
        &self,
        parents: &[&Candidate],
        with_model: bool,
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Drawn> {
        let plain: Vec<_> = self.plain.iter().filter(|(o, _)| o.arity() == parents.len()).collect();
        let rewrites: Vec<_> =
            self.rewrites.iter().filter(|(r, _)| with_model && r.arity() == parents.len()).collect();
        let total: f64 =
            plain.iter().map(|(_, w)| w).sum::<f64>() + rewrites.iter().map(|(_, w)| w).sum::<f64>();
        for _ in 0..ATTEMPTS {
            let mut at = rng.random_range(0.0..1.0) * total;
            if let Some((rewrite, _)) = rewrites.iter().find(|(_, weight)| {
                at -= weight;
                at < 0.0
            }) {
                return Some(Drawn::Ask(*rewrite));
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
