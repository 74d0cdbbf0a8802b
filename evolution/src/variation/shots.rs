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

use rand::seq::SliceRandom;

use crate::candidate::Shot;
use crate::rng::RunRng;
use crate::variation::TrainIndex;
use crate::variation::train_index::answer;

/// Orders cases so that the expected answers take turns, beginning with that of the first case; answers that some
/// examples show already wait for the others to catch up.
fn by_turns(train: &TrainIndex, order: Vec<usize>, beside: &[Shot]) -> Vec<usize> {
    let cases = order.len();
    let mut places: Vec<Option<usize>> = vec![None; train.distinct_answers()];
    // In the order in which they come first, how many examples show each answer, and its cases.
    let mut answers: Vec<(usize, Vec<usize>)> = vec![];
    for index in order {
        let place = *places[train.answer_number(index)].get_or_insert_with(|| {
            let label = answer(&train.cases()[index]);
            answers.push((beside.iter().filter(|shot| shot.output.trim() == label).count(), vec![]));
            answers.len() - 1
        });
        answers[place].1.push(index);
    }
    let mut turns = Vec::with_capacity(cases);
    for turn in 0.. {
        if turns.len() == cases {
            break;
        }
        let due =
            |(shown, cases): &(usize, Vec<usize>)| cases.get(usize::checked_sub(turn, *shown)?).copied();
        turns.extend(answers.iter().filter_map(due));
    }
    turns
}

/// The usable cases in random order, and where there are few answers, so that these take turns.
fn shuffled(train: &TrainIndex, rng: &mut RunRng) -> Vec<usize> {
    let mut order = train.usable(&[]).to_vec();
    order.shuffle(rng);
    if train.labels().is_some() { by_turns(train, order, &[]) } else { order }
}

/// The first so many cases whose inputs differ.
fn distinct(train: &TrainIndex, order: Vec<usize>, most: usize) -> Vec<usize> {
    let mut taken = vec![false; train.cases().len()];
    let is_new = |index: &usize| !std::mem::replace(&mut taken[train.input_number(*index)], true);
    order.into_iter().filter(is_new).take(most).collect()
}
