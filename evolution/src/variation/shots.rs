//! Operators on few-shot examples, which come from the train cases.
//!
//! Which examples stand there matters more than how many, and most where no model can write better instructions.

pub mod add;
pub mod arrange;
pub mod cover;
pub mod draw;
pub mod resize;

pub use add::{AddShot, ShotChoice};
pub use arrange::{DropShot, ReplaceShot, ShuffleShots};
pub use cover::CoverShots;
pub use draw::DrawShots;
pub use resize::ResizeShots;

use std::collections::{BTreeMap, HashSet};

use crate::candidate::Shot;
use crate::case::Case;

/// The example that a case makes; none when it has no expected answer to show.
pub fn shot(case: &Case) -> Option<Shot> {
    let output = case.expected.as_ref().filter(|answer| !answer.trim().is_empty())?;
    Some(Shot { input: case.input.clone(), output: output.clone() })
}

/// Positions of the train cases that can be shown beside some examples: those with an expected answer whose input
/// is not shown yet, so that examples never contradict each other.
fn usable(train: &[Case], beside: &[Shot]) -> Vec<usize> {
    let answered = |case: &Case| case.expected.as_ref().is_some_and(|answer| !answer.trim().is_empty());
    let is_shown = |case: &Case| beside.iter().any(|shot| shot.input == case.input);
    let cases = train.iter().enumerate();
    cases.filter(|(_, case)| answered(case) && !is_shown(case)).map(|(index, _)| index).collect()
}

/// Orders cases so that the expected answers take turns, beginning with that of the first case; answers that some
/// examples show already wait for the others to catch up.
fn by_turns(train: &[Case], order: Vec<usize>, beside: &[Shot]) -> Vec<usize> {
    let mut turns: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let keyed = order.into_iter().enumerate().map(|(position, index)| {
        let label = train[index].expected.as_deref().unwrap_or_default().trim();
        let shown = || beside.iter().filter(|shot| shot.output.trim() == label).count();
        let (first, count) = turns.entry(label).or_insert_with(|| (position, shown()));
        *count += 1;
        (*count, *first, index)
    });
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, _, index)| index).collect()
}

/// The first so many cases whose inputs differ.
fn distinct(train: &[Case], order: Vec<usize>, most: usize) -> Vec<usize> {
    let mut inputs = HashSet::new();
    order.into_iter().filter(|index| inputs.insert(&train[*index].input)).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answered_cases_with_new_inputs_are_usable() {
        let silent = Case { expected: None, ..Case::new("a", "") };
        let train =
            [silent, Case::new("b", "1"), Case::new("b", "2"), Case::new("c", " "), Case::new("d", "1")];
        assert_eq!(usable(&train, &[]), [1, 2, 4]);
        assert_eq!(usable(&train, &[Shot { input: "d".into(), output: "x".into() }]), [1, 2]);
        assert_eq!(shot(&train[0]), None);
    }
}
