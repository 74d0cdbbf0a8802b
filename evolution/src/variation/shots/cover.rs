//! The operator that chooses examples to stand for all cases.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::{distinct, shuffled};
use crate::candidate::Candidate;
use crate::rng::RunRng;
use crate::variation::child::first_new;
use crate::variation::{Operator, TrainIndex, VariationContext};

/// Most cases that a choice stands for.
const MOST_COVERED: usize = 32;

/// Chooses a fresh set of examples so that each of some random cases has one near it: their medoids, found by
/// greedy facility location on token shingles (Nemhauser, Wolsey and Fisher 1978: at least 63 % of the best). 1 up to
/// the limit, and where the cases have labels, about as many of each.
#[derive(Debug, Clone, Copy, Default)]
pub struct CoverShots;

impl Operator for CoverShots {
    fn name(&self) -> &str {
        "cover_shots"
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
        let is_choice = context.train.labels().is_some();
        first_new(parents, &context.limits, || {
            let sample = distinct(context.train, shuffled(context.train, rng), MOST_COVERED);
            let size = rng.random_range(1..=most.min(sample.len()));
            let mut chosen = medoids(context.train, &sample, size, is_choice);
            chosen.shuffle(rng);
            let shots = chosen.into_iter().filter_map(|case| context.train.shot(case).cloned());
            Some(parent.with_shots(shots.collect()))
        })
    }
}

/// So many cases of a sample of [`MOST_COVERED`] or fewer, each of those that make the sum of likenesses to the nearest
/// grow most. With labels, the answers come in the order in which they stand in the sample.
fn medoids(train: &TrainIndex, sample: &[usize], size: usize, is_choice: bool) -> Vec<usize> {
    let mut likeness = [[1.0; MOST_COVERED]; MOST_COVERED];
    for one in 0..sample.len() {
        for other in 0..one {
            let like = 1.0 - train.distance(sample[one], sample[other]);
            (likeness[one][other], likeness[other][one]) = (like, like);
        }
    }
    let label = |at: usize| train.answer_number(sample[at]);
    let mut nearest = vec![0.0_f64; sample.len()];
    let mut chosen: Vec<usize> = Vec::with_capacity(size);
    for turn in 0..size {
        let gain = |at: usize| -> f64 {
            likeness[at].iter().zip(&nearest).map(|(like, near)| (like - near).max(0.0)).sum()
        };
        let fits = |at: &usize| !chosen.contains(at) && (!is_choice || label(*at) == label(turn));
        // Of equals the first: the sample stands in random order.
        let gains = (0..sample.len()).filter(fits).rev().map(|at| (at, gain(at)));
        let Some((best, _)) = gains.max_by(|one, other| one.1.total_cmp(&other.1)) else { break };
        nearest.iter_mut().zip(&likeness[best]).for_each(|(near, like)| *near = near.max(*like));
        chosen.push(best);
    }
    chosen.into_iter().map(|at| sample[at]).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::case::Case;
    use crate::rng::stream;
    use crate::variation::VariationLimits;

    fn case(text: &str, label: &str) -> Case {
        Case::new(text, label)
    }

    #[test]
    fn each_cluster_gets_its_middle() {
        let train = vec![
            case("the cat sat on the mat today", "x"),
            case("the cat sat on the mat", "x"),
            case("a cat sat on the mat", "x"),
            case("stocks fell sharply on monday", "x"),
            case("stocks fell sharply on monday morning", "x"),
            case("then stocks fell sharply on monday", "x"),
        ];
        assert_eq!(medoids(&train.into(), &[0, 1, 2, 3, 4, 5], 2, false), [3, 1]);
    }

    #[test]
    fn labels_take_turns_and_no_case_comes_twice() {
        let train: Vec<_> = (0..40)
            .map(|number| case(&number.to_string(), if number % 10 == 0 { "rare" } else { "common" }))
            .collect();
        let parent = Candidate::from_instruction("x").unwrap();
        let limits = VariationLimits { max_shots: 6, ..VariationLimits::default() };
        let context = VariationContext { train: &train.into(), difficulty: &[], limits };
        let mut sizes = BTreeSet::new();
        for seed in 0..60 {
            let child = CoverShots.vary(&[&parent], &context, &mut stream(seed, "test", 0)).unwrap();
            let inputs: BTreeSet<_> = child.shots().iter().map(|shot| &shot.input).collect();
            assert_eq!(inputs.len(), child.shots().len());
            let rare = child.shots().iter().filter(|shot| &*shot.output == "rare").count();
            assert!((2 * rare).abs_diff(child.shots().len()) <= 1, "{:?}", child.shots());
            sizes.insert(child.shots().len());
        }
        assert_eq!(sizes, (1..=6).collect());
    }
}
