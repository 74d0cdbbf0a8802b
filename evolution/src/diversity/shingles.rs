//! A text as the set of its short runs of tokens.

use unicode_segmentation::UnicodeSegmentation;

use crate::candidate::Candidate;

/// The set of hashes of every run of two tokens of a text, in ascending order. Tokens are words and marks after
/// Unicode Annex 29; the edges of a text count as tokens, so that a text of one word has shingles too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shingles {
    hashes: Box<[u64]>,
}

impl Shingles {
    /// Of all that a model sees of a candidate: its components by name, the placement, and the examples in
    /// their order.
    pub fn of(candidate: &Candidate) -> Self {
        let mut hashes = vec![hash(hash(BASIS, b"placement"), candidate.placement().as_str().as_bytes())];
        for (name, text) in candidate.components() {
            collect(hash(hash(BASIS, b"component"), name.as_bytes()), tokens(text), &mut hashes);
        }
        for shot in candidate.shots() {
            collect(hash(BASIS, b"shot input"), tokens(&shot.input), &mut hashes);
            collect(hash(BASIS, b"shot output"), tokens(&shot.output), &mut hashes);
        }
        if candidate.shots().len() > 1 {
            // Each example as one token: which follows which.
            let inputs = candidate.shots().iter().map(|shot| hash(BASIS, shot.input.as_bytes()));
            collect(hash(BASIS, b"order"), inputs, &mut hashes);
        }
        Self::from_hashes(hashes)
    }

    /// Of any text.
    pub fn of_text(text: &str) -> Self {
        let mut hashes = Vec::new();
        collect(BASIS, tokens(text), &mut hashes);
        Self::from_hashes(hashes)
    }

    /// The Jaccard distance: 1 less the share of common shingles among all of both; 0 when both have none.
    pub fn distance(&self, other: &Self) -> f64 {
        let (left, right) = (&*self.hashes, &*other.hashes);
        let (mut at_left, mut at_right, mut common) = (0, 0, 0);
        while at_left < left.len() && at_right < right.len() {
            let (first, second) = (left[at_left], right[at_right]);
            // No branches: which side is behind cannot be predicted.
            common += usize::from(first == second);
            at_left += usize::from(first <= second);
            at_right += usize::from(second <= first);
        }
        let all = left.len() + right.len() - common;
        if all == 0 { 0.0 } else { 1.0 - common as f64 / all as f64 }
    }

    /// The hashes, in ascending order.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    pub(super) fn from_hashes(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        Self { hashes: hashes.into() }
    }
}

/// The Jaccard distance of two candidates, 0 to 1. To compare many, make their [`Shingles`] once.
pub fn distance(one: &Candidate, other: &Candidate) -> f64 {
    if one == other { 0.0 } else { Shingles::of(one).distance(&Shingles::of(other)) }
}

pub(super) fn tokens(text: &str) -> impl Iterator<Item = u64> {
    text.split_word_bounds()
        .filter(|token| !token.trim().is_empty())
        .map(|token| hash(BASIS, token.as_bytes()))
}

/// All tokens of a candidate in a row, each component and turn after a token that stands for its name.
pub(super) fn candidate_tokens(candidate: &Candidate) -> Vec<u64> {
    let section = |kind: &[u8], name: &str| hash(hash(BASIS, kind), name.as_bytes());
    let mut all = vec![section(b"placement", candidate.placement().as_str())];
    for (name, text) in candidate.components() {
        all.push(section(b"component", name));
        all.extend(tokens(text));
    }
    for shot in candidate.shots() {
        for (turn, text) in [("input", &*shot.input), ("output", &*shot.output)] {
            all.push(section(b"shot", turn));
            all.extend(tokens(text));
        }
    }
    all
}

/// Adds the shingles of a sequence of tokens, told apart from those of other sections by `section`.
fn collect(section: u64, tokens: impl Iterator<Item = u64>, hashes: &mut Vec<u64>) {
    let mut previous = EDGE;
    for token in tokens.chain([EDGE]) {
        hashes.push(hash(hash(section, &previous.to_le_bytes()), &token.to_le_bytes()));
        previous = token;
    }
}

/// Stands for the edge of a text.
const EDGE: u64 = 0;
/// What FNV-1a starts from.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a with a final mix: unlike the standard library's, the same in every release.
fn hash(state: u64, bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(state, |h, byte| (h ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)))
}

/// The final mix of SplitMix64: every bit of the result depends on every bit given.
pub(super) fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::candidate::{Placement, Shot};
    use crate::variation::suite::candidates;

    #[test]
    fn jaccard_of_known_sets() {
        let of = Shingles::of_text;
        // (edge a) (a b) (b edge) against (edge a) (a c) (c edge): one of five in common.
        assert_eq!(of("a b").distance(&of("a c")), 0.8);
        assert_eq!(of("a b").distance(&of("x y")), 1.0);
        assert_eq!(of("a  b\n").distance(&of("a b")), 0.0);
        assert_eq!(Shingles::default().distance(&Shingles::default()), 0.0);
        assert_eq!(Shingles::default().distance(&of("a")), 1.0);
    }

    #[test]
    fn placement_names_and_order_of_examples_count() {
        let shots = ["a b", "c d"].map(|text| Shot { input: text.into(), output: "x".into() });
        let base = Candidate::from_instruction("Do it.").unwrap().with_shots(shots.to_vec());
        let reversed = base.with_shots(shots.into_iter().rev().collect());
        assert!(distance(&base, &reversed) > 0.0);
        assert!(distance(&base, &base.with_placement(Placement::User)) > 0.0);
        let elsewhere = base.with_component("style", "Do it.").unwrap();
        assert!(distance(&base, &elsewhere) > 0.0);
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(*Shingles::of_text("a").hashes, [0x54e1_c75a_039f_3286, 0x7050_6cc0_79ad_c6fd]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn is_a_metric([a, b, c] in [candidates(), candidates(), candidates()]) {
            let (ab, ba, bc, ac) = (distance(&a, &b), distance(&b, &a), distance(&b, &c), distance(&a, &c));
            prop_assert!((0.0..=1.0).contains(&ab));
            prop_assert_eq!(ab, ba);
            prop_assert_eq!(distance(&a, &a.clone()), 0.0);
            prop_assert!(ac <= ab + bc + 1e-12);
        }
    }
}
