//! The operators that work on the examples a candidate has.

use rand::RngExt;
use rand::seq::{IndexedMutRandom, IndexedRandom, SliceRandom};

use crate::candidate::Candidate;
use crate::rng::RunRng;
use crate::variation::child::first_new;
use crate::variation::{Operator, VariationContext};

/// Drops one example, or as many as are too many.
#[derive(Debug, Clone, Copy, Default)]
pub struct DropShot;

/// Replaces one example by another case; half the time by one of the same answer, which keeps their balance.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplaceShot;

/// Shuffles the examples: the answers to the last ones weigh most with many models.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShuffleShots;

impl Operator for DropShot {
    fn name(&self) -> &str {
        "drop_shot"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        let most = parent.shots().len().checked_sub(1)?.min(context.limits.max_shots);
        first_new(parents, &context.limits, || {
            let mut shots = parent.shots().to_vec();
            while shots.len() > most {
                shots.remove(rng.random_range(0..shots.len()));
            }
            Some(parent.with_shots(shots))
        })
    }
}

impl Operator for ReplaceShot {
    fn name(&self) -> &str {
        "replace_shot"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        if parent.shots().is_empty() {
            return None;
        }
        let usable = context.train.usable(parent.shots());
        first_new(parents, &context.limits, || {
            let mut shots = parent.shots().to_vec();
            let old = shots.choose_mut(rng)?;
            let cases = context.train.cases();
            let is_alike = |index: &&usize| cases[**index].expected.as_deref() == Some(&*old.output);
            let alike: Vec<_> = usable.iter().filter(is_alike).collect();
            let keeps_answer = rng.random_bool(0.5) && !alike.is_empty();
            let case = if keeps_answer { **alike.choose(rng)? } else { *usable.choose(rng)? };
            *old = context.train.shot(case)?.clone();
            Some(parent.with_shots(shots))
        })
    }
}

impl Operator for ShuffleShots {
    fn name(&self) -> &str {
        "shuffle_shots"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        if parent.shots().len() < 2 {
            return None;
        }
        first_new(parents, &context.limits, || {
            let mut shots = parent.shots().to_vec();
            shots.shuffle(rng);
            Some(parent.with_shots(shots))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::Shot;
    use crate::case::Case;
    use crate::rng::stream;
    use crate::variation::VariationLimits;

    fn taught(inputs: &[&str]) -> Candidate {
        let shots = inputs.iter().map(|input| Shot { input: (*input).into(), output: "x".into() }).collect();
        Candidate::from_instruction("x").unwrap().with_shots(shots)
    }

    fn inputs(operator: &dyn Operator, parent: &Candidate, max_shots: usize) -> Vec<String> {
        let train = vec![Case::new("a", "x"), Case::new("new", "x")];
        let limits = VariationLimits { max_shots, ..VariationLimits::default() };
        let context = VariationContext { train: &train.into(), difficulty: &[], limits };
        let child = operator.vary(&[parent], &context, &mut stream(7, "test", 0));
        child.map_or(vec![], |child| child.shots().iter().map(|shot| shot.input.to_string()).collect())
    }

    #[test]
    fn drops_one_or_down_to_the_limit() {
        assert_eq!(inputs(&DropShot, &taught(&["a", "b", "c"]), 8).len(), 2);
        assert_eq!(inputs(&DropShot, &taught(&["a", "b", "c", "d"]), 2).len(), 2);
        assert!(inputs(&DropShot, &taught(&[]), 8).is_empty());
    }

    #[test]
    fn replaces_one_by_the_case_not_shown() {
        let mut shown = inputs(&ReplaceShot, &taught(&["a", "b"]), 8);
        shown.retain(|input| input != "a" && input != "b");
        assert_eq!(shown, ["new"]);
    }

    #[test]
    fn shuffling_changes_the_order_alone() {
        let mut shown = inputs(&ShuffleShots, &taught(&["a", "b", "c"]), 8);
        assert_ne!(shown, ["a", "b", "c"]);
        shown.sort();
        assert_eq!(shown, ["a", "b", "c"]);
        assert!(inputs(&ShuffleShots, &taught(&["a"]), 8).is_empty());
    }
}
