//! The differential step on sets of sentences and examples.

use std::collections::HashSet;

use rand::RngExt;

use crate::candidate::{Candidate, Placement, Shot};
use crate::optimizers::generational::Cohort;
use crate::rng::RunRng;
use crate::variation::segment::{Segments, Unit};

/// Probability that an element in which the two others differ changes the best: the scale of the difference.
const SCALE: f64 = 0.5;
/// Probability that what sets the mutant apart from the incumbent goes to the child.
const CROSSOVER: f64 = 0.5;

/// The child of an incumbent, two others and the best, where it keeps the limits; else the incumbent.
pub(super) fn trial(four: [&Candidate; 4], cohort: &Cohort<'_>, rng: &mut RunRng) -> Candidate {
    let [incumbent, ..] = four;
    let mut child = incumbent.with_shots(shots(four, cohort, rng));
    for name in incumbent.components().keys() {
        let cut = four.map(|candidate| Segments::new(candidate.component(name), Unit::Sentence));
        let sentences = cut.each_ref().map(|segments| segments.bodies().collect::<Vec<&str>>());
        let text = step(sentences.each_ref().map(|s| &s[..]), rng).join(" ");
        child = child.with_component(name, text).unwrap_or(child);
    }
    child = child.with_placement(placement(four.map(Candidate::placement), rng));
    if cohort.context.settings.limits.admit(&child) { child } else { incumbent.clone() }
}

/// The child's examples: no input twice, and no more than the limit.
pub(super) fn shots(four: [&Candidate; 4], cohort: &Cohort<'_>, rng: &mut RunRng) -> Vec<Shot> {
    let examples = four.map(|candidate| candidate.shots().iter().collect::<Vec<&Shot>>());
    let chosen = step(examples.each_ref().map(|e| &e[..]), rng);
    let mut inputs = HashSet::new();
    let distinct = chosen.into_iter().filter(|shot| inputs.insert(&shot.input));
    distinct.take(cohort.context.settings.limits.max_shots).cloned().collect()
}

fn placement([incumbent, first, second, best]: [Placement; 4], rng: &mut RunRng) -> Placement {
    let mutant = if first != second && rng.random_bool(SCALE) { first } else { best };
    if rng.random_bool(CROSSOVER) { mutant } else { incumbent }
}

/// Takes some of what `first` has and `second` has not into the best and some of what `second` has and `first` has not
/// out of it, and crosses the outcome with the incumbent: what both have stays, and of the rest a part. Elements stand
/// in the order of the mutant, those of the incumbent alone behind them.
fn step<T: Copy + PartialEq>([incumbent, first, second, best]: [&[T]; 4], rng: &mut RunRng) -> Vec<T> {
    let mut mutant: Vec<T> = vec![];
    for element in best {
        let leaves = second.contains(element) && !first.contains(element) && rng.random_bool(SCALE);
        if !leaves {
            mutant.push(*element);
        }
    }
    for element in first {
        let is_theirs = !second.contains(element) && !mutant.contains(element);
        if is_theirs && rng.random_bool(SCALE) {
            mutant.push(*element);
        }
    }
    let mut child: Vec<T> = vec![];
    for element in &mutant {
        if incumbent.contains(element) || rng.random_bool(CROSSOVER) {
            child.push(*element);
        }
    }
    for element in incumbent {
        if !mutant.contains(element) && !rng.random_bool(CROSSOVER) {
            child.push(*element);
        }
    }
    child
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rng::stream;

    fn children(four: [&[u8]; 4]) -> BTreeSet<Vec<u8>> {
        (0..400).map(|seed| step(four, &mut stream(seed, "test", 0))).collect()
    }

    #[test]
    fn without_a_difference_it_is_a_crossing_with_the_best() {
        let children = children([&[1, 2], &[7, 8], &[7, 8], &[1, 3]]);
        let wanted = [vec![1], vec![1, 2], vec![1, 3], vec![1, 3, 2]];
        assert_eq!(children, BTreeSet::from(wanted));
    }

    #[test]
    fn a_difference_brings_in_and_takes_out() {
        let children = children([&[1, 2], &[1, 5], &[1, 2], &[1, 2]]);
        let wanted = [vec![1], vec![1, 2], vec![1, 5], vec![1, 2, 5], vec![1, 5, 2]];
        assert_eq!(children, BTreeSet::from(wanted));
    }
}
