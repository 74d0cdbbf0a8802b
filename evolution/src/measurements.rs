//! Measurements that somebody waits for, and who.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::ledger::Ledger;
use crate::piece::Piece;

/// Batches of measurements under way. Whoever asks for a batch is told when its last one is known; two who ask for
/// the same measurement share it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Measurements {
    queue: VecDeque<Piece>,
    #[serde(with = "crate::pairs")]
    waiting: BTreeMap<Piece, BTreeSet<u64>>,
    missing: BTreeMap<u64, usize>,
}

impl Measurements {
    /// Asks for a batch on behalf of `owner`, which may have one batch open at a time. `true` when all of it is
    /// known already, and nobody need wait.
    pub fn request(&mut self, owner: u64, pieces: impl IntoIterator<Item = Piece>, ledger: &Ledger) -> bool {
        let mut missing = 0;
        for piece in pieces {
            if ledger.has(&piece) {
                continue;
            }
            let waiting = self.waiting.entry(piece).or_default();
            if waiting.is_empty() {
                self.queue.push_back(piece);
            }
            if waiting.insert(owner) {
                missing += 1;
            }
        }
        if missing > 0 {
            self.missing.insert(owner, missing);
        }
        missing == 0
    }

    /// The next measurements to give out, oldest first.
    pub fn take(&mut self, most: usize) -> Vec<Piece> {
        let count = most.min(self.queue.len());
        self.queue.drain(..count).collect()
    }

    /// Puts one back that could not be given out.
    pub fn put_back(&mut self, piece: Piece) {
        self.queue.push_front(piece);
    }

    /// How many wait to be given out.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Takes note that a measurement is known, and returns whose batch is whole now.
    pub fn told(&mut self, piece: &Piece) -> Vec<u64> {
        let owners = self.waiting.remove(piece).unwrap_or_default();
        let mut whole = vec![];
        for owner in owners {
            if let Some(missing) = self.missing.get_mut(&owner) {
                *missing -= 1;
                if *missing == 0 {
                    self.missing.remove(&owner);
                    whole.push(owner);
                }
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, CaseSet, Split};
    use crate::digest::Digest;

    fn piece(case: u32) -> Piece {
        Piece { candidate: Digest::of_fields([]), split: Split::Train, case, repeat: 0 }
    }

    #[test]
    fn shares_a_measurement_and_tells_both() {
        let cases = CaseSet::new(vec![Case::new("a", "b")], vec![Case::new("c", "d")]).unwrap();
        let ledger = Ledger::new(&cases);
        let mut measurements = Measurements::default();
        assert!(!measurements.request(1, [piece(0), piece(1)], &ledger));
        assert!(!measurements.request(2, [piece(1)], &ledger));
        assert_eq!(measurements.take(9), [piece(0), piece(1)]);
        assert_eq!(measurements.told(&piece(1)), [2]);
        assert_eq!(measurements.told(&piece(1)), [0; 0], "a duplicate wakes nobody");
        assert_eq!(measurements.told(&piece(0)), [1]);
        assert!(measurements.request(3, [], &ledger));
    }
}
