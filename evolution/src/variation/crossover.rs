//! Operators that make one child of two parents.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};

use super::child::first_new;
use super::segment::{Segments, Unit};
use super::{Operator, VariationContext};
use crate::candidate::{Candidate, Shot};
use crate::rng::RunRng;

/// Takes each component from one parent or the other, likewise the placement and each parameter, and of the
/// examples of both as many as the parents have on average (CAPO, arXiv 2504.16005).
#[derive(Debug, Clone, Copy, Default)]
pub struct UniformCrossover;

/// Takes everything from the first parent but the examples, which it takes from the second.
#[derive(Debug, Clone, Copy, Default)]
pub struct TransplantShots;

/// Takes the first sentences of one component from the first parent and the last from the second. It is a component
/// that both have.
#[derive(Debug, Clone, Copy, Default)]
pub struct SentenceCrossover;

impl Operator for UniformCrossover {
    fn name(&self) -> &str {
        "uniform_crossover"
    }

    fn arity(&self) -> usize {
        2
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let &[first, second] = parents else { return None };
        if first == second {
            return None;
        }
        first_new(parents, &context.limits, || {
            let components = from_either(first.shared_components(), second.shared_components(), rng);
            let placement = [first, second].choose(rng)?.placement();
            let parameters = from_either(first.shared_parameters(), second.shared_parameters(), rng);
            let shots = mixed_shots(first.shots(), second.shots(), context.limits.max_shots, rng);
            Candidate::of_parts(components, placement, shots, parameters).ok()
        })
    }
}

impl Operator for TransplantShots {
    fn name(&self) -> &str {
        "transplant_shots"
    }

    fn arity(&self) -> usize {
        2
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        _: &mut RunRng,
    ) -> Option<Candidate> {
        let &[first, second] = parents else { return None };
        if first.shots() == second.shots() {
            return None;
        }
        first_new(parents, &context.limits, || Some(first.with_shots_of(second)))
    }
}

impl Operator for SentenceCrossover {
    fn name(&self) -> &str {
        "sentence_crossover"
    }

    fn arity(&self) -> usize {
        2
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let &[first, second] = parents else { return None };
        let differs = |(name, text): &(&String, &String)| {
            second.components().get(*name).is_some_and(|other| other != *text)
        };
        let differing: Vec<_> = first.components().iter().filter(differs).collect();
        let (name, text) = *differing.choose(rng)?;
        let ours = Segments::new(text, Unit::Sentence);
        let theirs = Segments::new(second.component(name), Unit::Sentence);
        first_new(parents, &context.limits, || {
            let head = rng.random_range(0..=ours.len());
            let tail = rng.random_range(0..=theirs.len());
            let mut said = HashSet::new();
            let sentences = ours.bodies().take(head).chain(theirs.bodies().skip(tail));
            let sentences: Vec<_> = sentences.filter(|sentence| said.insert(*sentence)).collect();
            first.with_component(name, sentences.join(" ")).ok()
        })
    }
}

/// Each entry as one of two maps has it, which may be not at all. A map from which all come is shared.
fn from_either<V: Clone>(
    first: &Arc<BTreeMap<String, V>>,
    second: &Arc<BTreeMap<String, V>>,
    rng: &mut RunRng,
) -> Arc<BTreeMap<String, V>> {
    let mut names: Vec<&String> = first.keys().chain(second.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let givers: Vec<_> = names.iter().map(|_| if rng.random_bool(0.5) { first } else { second }).collect();
    let giver = *givers.first().unwrap_or(&first);
    if givers.iter().all(|other| Arc::ptr_eq(other, giver)) {
        return giver.clone();
    }
    let entry = |(name, giver): (&String, &Arc<BTreeMap<String, V>>)| {
        giver.get(name).map(|value| (name.clone(), value.clone()))
    };
    Arc::new(names.into_iter().zip(givers).filter_map(entry).collect())
}

/// Of the examples of two parents, no input twice, as many as the parents have on average (rounded either way)
/// and `most` at most, in random order.
pub fn mixed_shots(first: &[Shot], second: &[Shot], most: usize, rng: &mut RunRng) -> Vec<Shot> {
    let mut union: Vec<_> = first.iter().chain(second).collect();
    let half = (union.len() + usize::from(rng.random_bool(0.5))) / 2;
    union.shuffle(rng);
    let mut mixed: Vec<Shot> = Vec::with_capacity(half.min(most));
    for shot in union {
        if mixed.len() == half.min(most) {
            break;
        }
        if mixed.iter().all(|other| other.input != shot.input) {
            mixed.push(shot.clone());
        }
    }
    mixed
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::candidate::{INSTRUCTION, Placement};
    use crate::rng::stream;
    use crate::variation::VariationLimits;

    /// What an operator makes of two parents.
    fn child(operator: &dyn Operator, parents: [&Candidate; 2], seed: u64) -> Option<Candidate> {
        let limits = VariationLimits { max_shots: 8, max_component_length: 100 };
        let context = VariationContext { train: &vec![].into(), difficulty: &[], limits };
        operator.vary(&parents, &context, &mut stream(seed, "test", 0))
    }

    fn shots(inputs: &[&str]) -> Vec<Shot> {
        inputs.iter().map(|input| Shot { input: (*input).into(), output: "x".into() }).collect()
    }

    fn of(components: [(&str, &str); 2], placement: Placement, inputs: &[&str]) -> Candidate {
        let components = components.map(|(name, text)| (name.into(), text.into()));
        Candidate::new(components.into(), placement, shots(inputs)).unwrap()
    }

    #[test]
    fn uniform_crossover_mixes_every_part() {
        let one = of([("a", "1"), ("b", "1")], Placement::System, &["p", "q", "r"]);
        let two = of([("a", "2"), ("b", "2")], Placement::User, &["r", "s", "t"]);
        let mut seen = BTreeSet::new();
        for seed in 0..80 {
            let child = child(&UniformCrossover, [&one, &two], seed).unwrap();
            assert_eq!(child.shots().len(), 3);
            let text = |name| child.component(name).to_owned();
            seen.insert((text("a"), text("b"), child.placement()));
        }
        assert_eq!(seen.len(), 8);
    }

    #[test]
    fn parameters_are_mixed_one_by_one() {
        let with = |temperature, top_p| {
            let parameters = BTreeMap::from([("temperature".into(), temperature), ("top_p".into(), top_p)]);
            Candidate::from_instruction("x").unwrap().with_parameters(parameters).unwrap()
        };
        let (one, two) = (with(0.1, 0.2), with(0.3, 0.4));
        for seed in 0..20 {
            let child = child(&UniformCrossover, [&one, &two], seed).unwrap();
            assert!([with(0.1, 0.4), with(0.3, 0.2)].contains(&child), "{child:?}");
        }
    }

    #[test]
    fn mixed_shots_hold_no_input_twice_and_keep_the_size() {
        let (one, two) = (shots(&["a", "b", "c"]), shots(&["b", "c", "d", "e"]));
        let sizes: BTreeSet<_> = (0..40)
            .map(|seed| {
                let mixed = mixed_shots(&one, &two, 8, &mut stream(seed, "test", 0));
                let inputs: HashSet<_> = mixed.iter().map(|shot| &shot.input).collect();
                assert_eq!(inputs.len(), mixed.len());
                mixed.len()
            })
            .collect();
        assert_eq!(sizes, BTreeSet::from([3, 4]));
        assert_eq!(mixed_shots(&one, &two, 2, &mut stream(0, "test", 0)).len(), 2);
    }

    #[test]
    fn transplanting_changes_examples_alone() {
        let one = of([("a", "1"), ("b", "1")], Placement::System, &["p"]);
        let two = of([("a", "2"), ("b", "2")], Placement::User, &["q"]);
        let expected = one.with_shots(shots(&["q"]));
        assert_eq!(child(&TransplantShots, [&one, &two], 0), Some(expected));
        assert_eq!(child(&TransplantShots, [&one, &one], 0), None);
    }

    #[test]
    fn sentences_of_both_meet_once() {
        let one = Candidate::from_instruction("Be kind. Be quick.").unwrap();
        let two = Candidate::from_instruction("Be kind. Be exact.").unwrap();
        let child = |seed| child(&SentenceCrossover, [&one, &two], seed);
        let texts: BTreeSet<_> =
            (0..60).filter_map(child).map(|child| child.component(INSTRUCTION).to_owned()).collect();
        assert!(texts.contains("Be kind. Be quick. Be exact."), "{texts:?}");
        assert!(texts.iter().all(|text| text.matches("Be kind.").count() <= 1), "{texts:?}");
    }
}
