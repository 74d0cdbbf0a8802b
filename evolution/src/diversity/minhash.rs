//! Sketches of shingle sets, from which the Jaccard distance is estimated (MinHash; Broder 1997).

use super::shingles::mix;
use super::{MeanDistance, Shingles};

/// Positions of a sketch.
pub(super) const POSITIONS: usize = 128;
/// Stands at every position of the sketch of nothing.
const NOTHING: u32 = u32::MAX;
/// Bits that tell hashes of the same round apart.
const HASH_BITS: u32 = 24;

/// A sketch of half a kilobyte of a set of shingles, however large that is. Two sketches agree at each position with
/// the probability that is the Jaccard similarity of the sets.
///
/// It is made by fast similarity sketching (Dahlgaard, Knudsen and Thorup 2017): n shingles cost about n + 700 hashes,
/// and it is as sharp as if each of 128 positions had a hash function of its own, which would cost 128 n.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinHash {
    values: Box<[u32; POSITIONS]>,
}

impl MinHash {
    /// Of a set of shingles.
    pub fn of(shingles: &Shingles) -> Self {
        let mut values = Box::new([NOTHING; POSITIONS]);
        let mut empty = POSITIONS;
        // Each round throws every shingle at a position; the later ones see to it that no position stays empty.
        for round in 0..2 * POSITIONS {
            for shingle in shingles.hashes() {
                let hash = mix(shingle.wrapping_add((round as u64 + 1).wrapping_mul(ODD)));
                let position = if round < POSITIONS { hash as usize % POSITIONS } else { round - POSITIONS };
                let value = (round as u32) << HASH_BITS | (hash >> (64 - HASH_BITS)) as u32;
                empty -= usize::from(values[position] == NOTHING);
                values[position] = values[position].min(value);
            }
            if empty == 0 {
                break;
            }
        }
        Self { values }
    }

    /// An estimate of the Jaccard distance of the sets, 0 to 1: without bias, with a standard error of
    /// √(d (1 - d) / 128), at most 0.044. Of equal sets it is 0.
    pub fn distance(&self, other: &Self) -> f64 {
        let agree = self.values.iter().zip(&*other.values).filter(|(one, other)| one == other).count();
        1.0 - agree as f64 / POSITIONS as f64
    }

    pub(super) fn values(&self) -> &[u32; POSITIONS] {
        &self.values
    }
}

/// The increment of SplitMix64.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// An estimate of the mean Jaccard distance over all pairs, in time almost linear in their number: at each position
/// as many pairs agree as its equal values make. Its standard error is at most 0.044, as for a single pair, since
/// all pairs share the hash functions; it is near that where one large part is in half of the population, and far
/// below it where texts have little in common. The error given is that found among the positions.
///
/// Where the shingles are at hand, a sample of pairs ([`super::mean_distance`]) is sharper. Sketches serve where
/// there is no room for shingles: theirs is half a kilobyte each, whatever the length of the text.
pub fn mean_sketched_distance(sketches: &[MinHash]) -> MeanDistance {
    let count = sketches.len() as f64;
    let pairs = count * (count - 1.0) / 2.0;
    if sketches.len() < 2 {
        return MeanDistance::default();
    }
    let (mut total, mut squares) = (0.0, 0.0);
    let mut column = Vec::with_capacity(sketches.len());
    for position in 0..POSITIONS {
        column.clear();
        column.extend(sketches.iter().map(|sketch| sketch.values[position]));
        column.sort_unstable();
        let alike = column.chunk_by(|one, other| one == other).map(|alike| alike.len() as f64);
        let agreeing: f64 = alike.map(|count| count * (count - 1.0) / 2.0).sum();
        let distance = 1.0 - agreeing / pairs;
        total += distance;
        squares += distance * distance;
    }
    let positions = POSITIONS as f64;
    let mean = total / positions;
    let variance = (squares / positions - mean * mean).max(0.0) * positions / (positions - 1.0);
    MeanDistance { mean, standard_error: (variance / positions).sqrt() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diversity::mean_distance;
    use crate::variation::suite::candidates;

    /// A text of so many words, of which the first few are common to all.
    fn text(common: usize, words: usize, number: usize) -> String {
        (0..words).map(|w| if w < common { format!("c{w} ") } else { format!("w{number}x{w} ") }).collect()
    }

    #[test]
    fn estimates_are_without_bias_and_as_sharp_as_said() {
        for (common, words) in [(2, 4), (10, 40), (150, 200)] {
            let (mut total, mut squares) = (0.0, 0.0);
            for number in 0..200 {
                // Words of their own in each pair, so that the errors are independent.
                let own = |side: usize| text(common, words, 2 * number + side);
                let prefix = |side: usize| Shingles::of_text(&own(side).replace('c', &format!("c{number}y")));
                let (one, other) = (prefix(0), prefix(1));
                let error = MinHash::of(&one).distance(&MinHash::of(&other)) - one.distance(&other);
                total += error;
                squares += error * error;
            }
            let (bias, deviation) = (total / 200.0, (squares / 200.0_f64).sqrt());
            assert!(bias.abs() < 0.01, "{common} of {words}: {bias}");
            assert!(deviation < 0.05, "{common} of {words}: {deviation}");
        }
    }

    #[test]
    fn the_mean_over_all_pairs_is_near_that_of_shingles() {
        let shingles: Vec<_> =
            (0..250).map(|number| Shingles::of_text(&text(number % 20, 30, number))).collect();
        let sketches: Vec<_> = shingles.iter().map(MinHash::of).collect();
        let exact = mean_distance(&shingles.iter().collect::<Vec<_>>(), 1).mean;
        let found = mean_sketched_distance(&sketches);
        assert!(found.standard_error > 0.0 && found.standard_error < 0.044);
        assert!((found.mean - exact).abs() < 4.0 * found.standard_error, "{exact} {found:?}");
        let by_pairs: f64 = (0..250)
            .flat_map(|a| (0..a).map(move |b| (a, b)))
            .map(|(a, b)| sketches[a].distance(&sketches[b]))
            .sum();
        assert!((found.mean - by_pairs / (250.0 * 249.0 / 2.0)).abs() < 1e-12);
        assert_eq!(mean_sketched_distance(&sketches[..1]), MeanDistance::default());
    }

    #[test]
    fn nothing_is_like_nothing_alone() {
        let (nothing, some) = (MinHash::of(&Shingles::default()), MinHash::of(&Shingles::of_text("a")));
        assert_eq!((nothing.distance(&nothing), nothing.distance(&some)), (0.0, 1.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_sketch_of_more_is_nowhere_greater([one, other] in [candidates(), candidates()]) {
            let of = |candidate| Shingles::of(candidate);
            let (one, other) = (of(&one), of(&other));
            let union = Shingles::from_hashes([one.hashes(), other.hashes()].concat());
            let (one, other, union) = (MinHash::of(&one), MinHash::of(&other), MinHash::of(&union));
            for (position, least) in union.values().iter().enumerate() {
                prop_assert_eq!(*least, one.values()[position].min(other.values()[position]));
            }
        }
    }
}
