//! The operators that a run uses unless told otherwise.

use std::sync::Arc;

use super::Operator;
use super::crossover::{SentenceCrossover, TransplantShots, UniformCrossover};
use super::phrase::{AddPhrase, ReplacePhrase};
use super::placement::MovePlacement;
use super::rewrite::Rewrite;
use super::shots::{
    AddShot, CoverShots, DrawShots, DropShot, ReplaceShot, ResizeShots, ShotChoice, ShuffleShots,
};
use super::text::{DeleteText, DuplicateText, MoveText, ShuffleText, SwapText};

/// All operators that need no model, each with the weight by which to draw it; the weights add up to 100.
///
/// They are set for a search without a reflection model. There, new words come from a small library alone, while
/// examples as chat turns and the place of the instruction move the score of a small model from nothing to its
/// best, so that 48 of 100 draws go to examples and 8 to the placement, which has three values and is soon
/// found. Drawing all examples anew weighs most of them: which examples stand there matters more than how many,
/// and a fresh set is the one step that leaves a bad one at once. Phrases (18) are the only source of new
/// words; text edits (10) can only take from what there is or move it. Crossovers (16) join what was found
/// apart. [`TuneParameter`](super::parameter::TuneParameter) is not among them, for it needs ranges.
pub fn standard_operators() -> Vec<(Arc<dyn Operator>, f64)> {
    vec![
        (Arc::new(DrawShots), 14.0),
        (Arc::new(CoverShots), 4.0),
        (Arc::new(AddShot { choice: ShotChoice::Random }), 4.0),
        (Arc::new(AddShot { choice: ShotChoice::Difficult }), 4.0),
        (Arc::new(AddShot { choice: ShotChoice::Different }), 3.0),
        (Arc::new(AddShot { choice: ShotChoice::Similar }), 3.0),
        (Arc::new(ReplaceShot), 8.0),
        (Arc::new(DropShot), 3.0),
        (Arc::new(ResizeShots), 2.0),
        (Arc::new(ShuffleShots), 3.0),
        (Arc::new(MovePlacement), 8.0),
        (Arc::new(AddPhrase), 11.0),
        (Arc::new(ReplacePhrase), 7.0),
        (Arc::new(DeleteText), 4.0),
        (Arc::new(SwapText), 2.0),
        (Arc::new(MoveText), 2.0),
        (Arc::new(ShuffleText), 1.0),
        (Arc::new(DuplicateText), 1.0),
        (Arc::new(UniformCrossover), 8.0),
        (Arc::new(TransplantShots), 4.0),
        (Arc::new(SentenceCrossover), 4.0),
    ]
}

/// The operators that ask a reflection model, each with the weight by which to draw it.
///
/// Of the draws with one parent, reflection gets about two thirds: it alone learns from what went wrong. The others
/// change what a text says only a little, and keep the search from hanging on one wording; shorter texts are
/// cheaper as well. Of the draws with two parents, the model gets three quarters. Operators that mean something only
/// inside the algorithm they come from ([`Rewrite::Differential`] and all of Promptbreeder's) are not among them.
pub fn standard_rewrites() -> Vec<(Rewrite, f64)> {
    vec![
        (Rewrite::Reflect, 300.0),
        (Rewrite::Paraphrase, 30.0),
        (Rewrite::Expand, 10.0),
        (Rewrite::Compress, 10.0),
        (Rewrite::ModelCrossover, 30.0),
        (Rewrite::CrossoverMutate, 15.0),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::candidate::Candidate;
    use crate::rng::stream;
    use crate::variation::VariationContext;
    use crate::variation::suite::{Situation, check_operator, situations};

    #[test]
    fn every_operator_passes_the_suite() {
        for (operator, _) in standard_operators() {
            check_operator(&*operator);
        }
    }

    #[test]
    fn names_are_unique_and_weights_add_up() {
        let operators = standard_operators();
        let names: HashSet<_> = operators.iter().map(|(operator, _)| operator.name()).collect();
        assert_eq!(names.len(), operators.len());
        assert_eq!(operators.iter().map(|(_, weight)| weight).sum::<f64>(), 100.0);
    }

    #[test]
    fn with_a_model_most_draws_of_one_parent_reflect() {
        let plain = standard_operators().into_iter().filter(|(operator, _)| operator.arity() == 1);
        let plain: f64 = plain.map(|(_, weight)| weight).sum();
        let rewrites = standard_rewrites().into_iter().filter(|(rewrite, _)| rewrite.arity() == 1);
        let asked: f64 = rewrites.map(|(_, weight)| weight).sum();
        let (_, reflect) = standard_rewrites().remove(0);
        assert!(reflect / (plain + asked) > 0.65, "{reflect} of {}", plain + asked);
    }

    /// The parts in which two candidates differ.
    fn changes(one: &Candidate, other: &Candidate) -> Vec<&'static str> {
        let names: HashSet<_> = one.components().keys().chain(other.components().keys()).collect();
        let differs = |name: &&String| one.components().get(*name) != other.components().get(*name);
        let mut parts: Vec<_> = names.into_iter().filter(differs).map(|_| "component").collect();
        parts.extend((one.placement() != other.placement()).then_some("placement"));
        parts.extend((one.shots() != other.shots()).then_some("shots"));
        parts.extend((one.parameters() != other.parameters()).then_some("parameters"));
        parts
    }

    /// The child of a situation in which the operator applies.
    fn child(operator: &dyn Operator, situation: &Situation) -> Option<Candidate> {
        let Situation { parents, train, difficulty, limits, seed } = situation;
        let parents: Vec<&Candidate> = parents.iter().take(operator.arity()).collect();
        let context = VariationContext { train: &train.clone().into(), difficulty, limits: *limits };
        operator.vary(&parents, &context, &mut stream(*seed, "suite", 0))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn all_but_uniform_crossover_change_one_part_of_the_first_parent(situation in situations()) {
            for (operator, _) in standard_operators() {
                let part = match operator.name() {
                    "uniform_crossover" => continue,
                    "move_placement" => "placement",
                    name if name.contains("shot") => "shots",
                    _ => "component",
                };
                if let Some(child) = child(&*operator, &situation) {
                    prop_assert_eq!(changes(&situation.parents[0], &child), [part], "{}", operator.name());
                }
            }
        }

        #[test]
        fn uniform_crossover_takes_every_part_as_a_parent_has_it(situation in situations()) {
            let [one, two] = &situation.parents;
            if let Some(child) = child(&UniformCrossover, &situation) {
                for name in one.components().keys().chain(two.components().keys()) {
                    let of = |parent: &Candidate| parent.components().get(name).cloned();
                    prop_assert!([of(one), of(two)].contains(&of(&child)), "component {}", name);
                }
                for name in one.parameters().keys().chain(two.parameters().keys()) {
                    let of = |parent: &Candidate| parent.parameters().get(name).copied();
                    prop_assert!([of(one), of(two)].contains(&of(&child)), "parameter {}", name);
                }
                let known: Vec<_> = one.shots().iter().chain(two.shots()).collect();
                prop_assert!(child.shots().iter().all(|shot| known.contains(&shot)));
                prop_assert!([one.placement(), two.placement()].contains(&child.placement()));
            }
        }
    }
}
