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

use std::collections::HashSet;

use rand::seq::SliceRandom;

use crate::candidate::Shot;
use crate::rng::RunRng;
use crate::variation::TrainIndex;

/// Orders cases so that the expected answers take turns, beginning with that of the first case; answers that some
/// examples show already wait for the others to catch up.
fn by_turns(train: &TrainIndex, order: Vec<usize>, beside: &[Shot]) -> Vec<usize> {
    let mut turns: Vec<Option<(usize, usize)>> = vec![None; train.distinct_answers()];
    let keyed = order.into_iter().enumerate().map(|(position, index)| {
        let shown = || {
            let label = train.cases()[index].expected.as_deref().unwrap_or_default().trim();
            beside.iter().filter(|shot| shot.output.trim() == label).count()
        };
        let (first, count) = turns[train.answer_number(index)].get_or_insert_with(|| (position, shown()));
        *count += 1;
        (*count, *first, index)
    });
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, _, index)| index).collect()
}

/// The usable cases in random order, and where there are few answers, so that these take turns.
fn shuffled(train: &TrainIndex, rng: &mut RunRng) -> Vec<usize> {
    let mut order = train.usable(&[]).to_vec();
    order.shuffle(rng);
    if train.labels().is_some() { by_turns(train, order, &[]) } else { order }
}

/// The first so many cases whose inputs differ.
fn distinct(train: &TrainIndex, order: Vec<usize>, most: usize) -> Vec<usize> {
    let mut inputs = HashSet::new();
    order.into_iter().filter(|index| inputs.insert(train.input_number(*index))).take(most).collect()
}
