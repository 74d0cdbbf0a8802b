//! The operator that starts over with examples.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::{distinct, shuffled};
use crate::candidate::Candidate;
use crate::rng::RunRng;
use crate::variation::child::first_new;
use crate::variation::{Operator, VariationContext};

/// Draws a fresh set of examples: 1 up to the limit, and where the cases have labels, about as many of each.
#[derive(Debug, Clone, Copy, Default)]
pub struct DrawShots;

impl Operator for DrawShots {
    fn name(&self) -> &str {
        "draw_shots"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        let most = context.limits.max_shots.min(context.train.usable(&[]).len());
        if most == 0 {
            return None;
        }
        first_new(parents, &context.limits, || {
            let order = shuffled(context.train, rng);
            let mut order = distinct(context.train, order, rng.random_range(1..=most));
            order.shuffle(rng);
            let shots = order.into_iter().filter_map(|case| context.train.shot(case).cloned());
            Some(parent.with_shots(shots.collect()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::case::Case;
    use crate::rng::stream;
    use crate::variation::VariationLimits;

    #[test]
    fn labels_are_balanced_though_cases_are_not() {
        let label = |number: usize| if number.is_multiple_of(10) { "rare" } else { "common" };
        let train: Vec<_> = (0..100).map(|number| Case::new(number.to_string(), label(number))).collect();
        let limits = VariationLimits { max_shots: 6, ..VariationLimits::default() };
        let context = VariationContext { train: &train.into(), difficulty: &[], limits };
        let parent = Candidate::from_instruction("x").unwrap();
        let mut sizes = BTreeSet::new();
        for seed in 0..60 {
            let child = DrawShots.vary(&[&parent], &context, &mut stream(seed, "test", 0)).unwrap();
            let rare = child.shots().iter().filter(|shot| &*shot.output == "rare").count();
            let common = child.shots().len() - rare;
            assert!(rare.abs_diff(common) <= 1, "{rare} and {common}");
            sizes.insert(child.shots().len());
        }
        assert_eq!(sizes, (1..=6).collect());
    }
}
