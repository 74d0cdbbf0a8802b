//! Minibatches of train cases.

use rand::seq::SliceRandom;

use crate::rng::stream;

/// Minibatch `number` of `size` of `count` train cases: the so-manieth stretch of a train set that is shuffled anew
/// for each epoch. No case stands in it twice; it is smaller where there are fewer cases.
pub(super) fn epoch_minibatch(number: u64, size: usize, count: usize, seed: u64) -> Vec<u32> {
    let count = count as u64;
    let size = (size as u64).min(count);
    let first = number * size;
    let shuffled = |epoch: u64| {
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.shuffle(&mut stream(seed, "epoch", epoch));
        order
    };
    let mut batch: Vec<u32> = vec![];
    let (mut epoch, mut order) = (first / count, shuffled(first / count));
    let mut position = first;
    while (batch.len() as u64) < size {
        if position / count != epoch {
            epoch = position / count;
            order = shuffled(epoch);
        }
        let case = order[(position % count) as usize];
        if !batch.contains(&case) {
            batch.push(case);
        }
        position += 1;
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_shows_every_case_once() {
        let mut seen: Vec<u32> = (0..4).flat_map(|number| epoch_minibatch(number, 3, 12, 7)).collect();
        assert_ne!(seen, (0..12).collect::<Vec<_>>());
        seen.sort_unstable();
        assert_eq!(seen, (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn a_minibatch_over_the_edge_of_an_epoch_has_no_case_twice() {
        for number in 0..20 {
            let mut batch = epoch_minibatch(number, 3, 4, 1);
            batch.sort_unstable();
            batch.dedup();
            assert_eq!(batch.len(), 3);
        }
        assert_eq!(epoch_minibatch(5, 8, 2, 1).len(), 2);
    }
}
