//! The operator that changes how many examples there are.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::{by_turns, distinct};
use crate::candidate::Candidate;
use crate::rng::RunRng;
use crate::variation::child::first_new;
use crate::variation::{Operator, VariationContext};

/// Changes the number of examples to any other, none up to the limit, at once: drops random ones or adds some at
/// random positions, where the cases have labels so that about as many of each stand there.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResizeShots;

impl Operator for ResizeShots {
    fn name(&self) -> &str {
        "resize_shots"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        let present = parent.shots().len();
        let usable = context.train.usable(parent.shots());
        let most = context.limits.max_shots.min(present + usable.len());
        let is_choice = context.train.labels().is_some();
        first_new(parents, &context.limits, || {
            let size = rng.random_range(0..=most);
            let mut shots = parent.shots().to_vec();
            while shots.len() > size {
                shots.remove(rng.random_range(0..shots.len()));
            }
            if shots.len() < size {
                let mut order = usable.to_vec();
                order.shuffle(rng);
                if is_choice {
                    order = by_turns(context.train, order, &shots);
                }
                for case in distinct(context.train, order, size - shots.len()) {
                    shots.insert(rng.random_range(0..=shots.len()), context.train.shot(case)?.clone());
                }
            }
            Some(parent.with_shots(shots))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::candidate::Shot;
    use crate::case::Case;
    use crate::rng::stream;
    use crate::variation::VariationLimits;

    #[test]
    fn reaches_every_number_and_keeps_what_it_can() {
        let train: Vec<_> =
            (0..20).map(|number| Case::new(number.to_string(), if number < 4 { "a" } else { "b" })).collect();
        let shots: Vec<_> =
            ["p", "q", "r"].map(|input| Shot { input: input.into(), output: "b".into() }).into();
        let parent = Candidate::from_instruction("x").unwrap().with_shots(shots.clone());
        let limits = VariationLimits { max_shots: 6, ..VariationLimits::default() };
        let context = VariationContext { train: &train.into(), difficulty: &[], limits };
        let mut sizes = BTreeSet::new();
        for seed in 0..80 {
            let child = ResizeShots.vary(&[&parent], &context, &mut stream(seed, "test", 0)).unwrap();
            let kept = child.shots().iter().filter(|shot| shots.contains(shot)).count();
            assert_eq!(kept, child.shots().len().min(3));
            // What is added makes up for the answer that is missing.
            let rare = child.shots().iter().filter(|shot| &*shot.output == "a").count();
            assert_eq!(rare, child.shots().len().saturating_sub(3), "{child:?}");
            sizes.insert(child.shots().len());
        }
        assert_eq!(sizes, BTreeSet::from([0, 1, 2, 4, 5, 6]));
    }
}
