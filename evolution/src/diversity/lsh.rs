//! Finding what is near among many, without comparing with all (locality-sensitive hashing; Indyk and Motwani 1998).

use std::collections::HashMap;

use super::MinHash;
use super::minhash::POSITIONS;
use super::shingles::mix;

/// With how great a probability a pair is found that is just as far apart as an index is made for.
const RECALL: f64 = 0.99;
/// Stands for the end of a list.
const END: u32 = u32::MAX;

/// An index of sketches that finds those near to another: sketches are cut into bands of equal length, and whoever
/// agrees in all positions of a band is a candidate (Leskovec, Rajaraman and Ullman 2014, section 3.4). Entries get
/// numbers from 0 in the order of their coming.
#[derive(Debug, Clone)]
pub struct LshIndex {
    /// Positions of a band.
    rows: usize,
    sketches: Vec<MinHash>,
    /// The last entry with a band, by its hash. Only looked up, so its order is of no consequence.
    last: HashMap<u64, u32>,
    /// For each entry and band the entry before it with the same band.
    before: Vec<u32>,
}

impl LshIndex {
    /// An empty index for finding pairs up to a Jaccard distance, 0 to 1: 99 of 100 just so far apart and nearly all
    /// that are nearer, if the distance is below 0.96. The shorter the distance, the fewer others are looked at.
    pub fn new(distance: f64) -> Self {
        let similarity = (1.0 - distance).clamp(0.0, 1.0);
        let recall = |rows: &usize| {
            let bands = (POSITIONS / rows) as i32;
            1.0 - (1.0 - similarity.powi(*rows as i32)).powi(bands)
        };
        let rows = [32, 16, 8, 4, 2].into_iter().find(|rows| recall(rows) >= RECALL).unwrap_or(1);
        Self { rows, sketches: vec![], last: HashMap::new(), before: vec![] }
    }

    /// Adds a sketch and returns its number.
    ///
    /// # Panics
    /// At four billion entries.
    pub fn insert(&mut self, sketch: MinHash) -> usize {
        let number = self.sketches.len();
        assert!(number < END as usize, "an index of sketches is full");
        let entry = number as u32;
        for band in bands(&sketch, self.rows) {
            self.before.push(self.last.insert(band, entry).unwrap_or(END));
        }
        self.sketches.push(sketch);
        number
    }

    /// The numbers of those that may be near, in ascending order: every equal one is among them.
    pub fn candidates(&self, sketch: &MinHash) -> Vec<usize> {
        let count = POSITIONS / self.rows;
        let mut found = vec![];
        for (index, band) in bands(sketch, self.rows).enumerate() {
            let mut entry = self.last.get(&band).copied().unwrap_or(END);
            while entry != END {
                found.push(entry as usize);
                entry = self.before[entry as usize * count + index];
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The number of the nearest among the candidates and its estimated distance, the first among equals; `None`
    /// when nobody is near.
    pub fn nearest(&self, sketch: &MinHash) -> Option<(usize, f64)> {
        let with_distance = |number: usize| (number, self.sketches[number].distance(sketch));
        let candidates = self.candidates(sketch).into_iter().map(with_distance);
        candidates.min_by(|one, other| one.1.total_cmp(&other.1))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.sketches.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sketches.is_empty()
    }
}

/// The hash of each band, different for equal ones at different places.
fn bands(sketch: &MinHash, rows: usize) -> impl Iterator<Item = u64> {
    sketch.values().chunks_exact(rows).enumerate().map(|(index, band)| {
        band.iter().fold(mix(index as u64 + 1), |hash, value| mix(hash ^ u64::from(*value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diversity::Shingles;

    /// Texts that differ from that of the same family in their last words.
    fn sketch(family: usize, changed: usize) -> MinHash {
        let word =
            |w: usize| if w < 100 - changed { format!("f{family}w{w} ") } else { format!("c{changed}w{w} ") };
        MinHash::of(&Shingles::of_text(&(0..100).map(word).collect::<String>()))
    }

    fn index(distance: f64) -> LshIndex {
        let mut index = LshIndex::new(distance);
        (0..200).for_each(|family| assert_eq!(index.insert(sketch(family, 0)), family));
        index
    }

    #[test]
    fn bands_are_as_long_as_the_distance_allows() {
        let rows = [0.0, 0.05, 0.15, 0.3, 0.6, 0.9, 1.0].map(|distance| LshIndex::new(distance).rows);
        assert_eq!(rows, [32, 16, 8, 4, 2, 1, 1]);
    }

    #[test]
    fn near_ones_are_found_and_far_ones_not_looked_at() {
        let index = index(0.3);
        // Of 101 shingles 10 differ: a distance of 0.18.
        let found =
            (0..200).filter(|family| index.nearest(&sketch(*family, 10)).map(|(n, _)| n) == Some(*family));
        assert!(found.count() >= 199);
        let looked_at: usize = (0..200).map(|family| index.candidates(&sketch(family, 10)).len()).sum();
        assert!(looked_at < 210, "{looked_at}");
        assert_eq!(index.nearest(&sketch(999, 0)), None);
    }

    #[test]
    fn every_equal_one_is_found() {
        let mut index = index(0.0);
        assert_eq!(index.insert(sketch(7, 0)), 200);
        assert_eq!(index.candidates(&sketch(7, 0)), [7, 200]);
        assert_eq!(index.nearest(&sketch(7, 0)), Some((7, 0.0)));
        assert_eq!((index.len(), index.is_empty()), (201, false));
    }
}
