//! How many tokens must change for one text to become another.

use super::shingles::{candidate_tokens, tokens};
use crate::candidate::Candidate;

/// A text as the sequence of its tokens: words and marks, as in [`super::Shingles`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    tokens: Box<[u64]>,
}

/// The first guess at a distance, from which it is doubled.
const FIRST_GUESS: usize = 8;

impl Tokens {
    /// Of all that a model sees of a candidate: its components by name, the placement, and the examples.
    pub fn of(candidate: &Candidate) -> Self {
        Self { tokens: candidate_tokens(candidate).into() }
    }

    /// Of any text.
    pub fn of_text(text: &str) -> Self {
        Self { tokens: tokens(text).collect() }
    }

    /// The edit distance (Levenshtein 1966) as a part of the longer text: 0 for the same, 1 when not a token can
    /// stay. It sees the order of sentences where shingles hardly do. Takes O(n d) for n tokens of which d change
    /// (Ukkonen 1985). No metric: three texts of different length may break the triangle inequality.
    pub fn distance(&self, other: &Self) -> f64 {
        let longest = self.tokens.len().max(other.tokens.len());
        let mut most = FIRST_GUESS;
        loop {
            if let Some(edits) = edits_within(&self.tokens, &other.tokens, most) {
                return part(edits, longest);
            }
            most *= 2;
        }
    }

    /// The same when it is at most `most`; else `None`, sooner the smaller that is.
    pub fn distance_within(&self, other: &Self, most: f64) -> Option<f64> {
        let longest = self.tokens.len().max(other.tokens.len());
        // Rounded up, since a product may fall short of the whole number that it stands for.
        let edits = edits_within(&self.tokens, &other.tokens, (most * longest as f64).ceil() as usize)?;
        Some(part(edits, longest)).filter(|distance| *distance <= most)
    }
}

fn part(edits: usize, longest: usize) -> f64 {
    if longest == 0 { 0.0 } else { edits as f64 / longest as f64 }
}

/// The edit distance, if it is at most `most`: only cells so near to the diagonal are computed.
fn edits_within(one: &[u64], other: &[u64], most: usize) -> Option<usize> {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let alike = short.iter().zip(long).take_while(|(one, other)| one == other).count();
    let (short, long) = (&short[alike..], &long[alike..]);
    let alike = short.iter().rev().zip(long.iter().rev()).take_while(|(one, other)| one == other).count();
    let (short, long) = (&short[..short.len() - alike], &long[..long.len() - alike]);
    if long.len() - short.len() > most {
        return None;
    }

    let most = most.min(long.len());
    let too_far = most + 1;
    // One row of the table: the distance between the beginning of `long` and each beginning of `short`.
    let mut row: Vec<usize> = (0..=short.len()).map(|length| length.min(too_far)).collect();
    for (index, token) in (1_usize..).zip(long) {
        let first = index.saturating_sub(most).max(1);
        let last = (index + most).min(short.len());
        let mut diagonal = row[first - 1];
        row[first - 1] = if first == 1 { index.min(too_far) } else { too_far };
        let mut least = row[first - 1];
        for column in first..=last {
            let replaced = diagonal + usize::from(short[column - 1] != *token);
            diagonal = row[column];
            row[column] = replaced.min(diagonal + 1).min(row[column - 1] + 1).min(too_far);
            least = least.min(row[column]);
        }
        if least == too_far {
            return None;
        }
    }
    Some(row[short.len()]).filter(|edits| *edits <= most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::candidate::Placement;
    use crate::variation::suite::candidates;

    #[test]
    fn known_distances() {
        let of = Tokens::of_text;
        assert_eq!(of("a b c d").distance(&of("a x c d")), 0.25);
        assert_eq!(of("a b c").distance(&of("b c")), 1.0 / 3.0);
        assert_eq!(of("a  b").distance(&of("a b\n")), 0.0);
        assert_eq!(Tokens::default().distance(&of("a")), 1.0);
        assert_eq!(Tokens::default().distance(&Tokens::default()), 0.0);
        assert_eq!(of("a b c d").distance_within(&of("a x c d"), 0.25), Some(0.25));
        assert_eq!(of("a b c d").distance_within(&of("a x c d"), 0.2), None);
    }

    #[test]
    fn a_limit_includes_itself() {
        for length in 1..60 {
            let text = |changed: usize| {
                (0..length)
                    .map(|w| if w < changed { format!("x{w} ") } else { format!("w{w} ") })
                    .collect::<String>()
            };
            let whole = Tokens::of_text(&text(0));
            for changed in 0..=length {
                let other = Tokens::of_text(&text(changed));
                let distance = whole.distance(&other);
                assert_eq!(whole.distance_within(&other, distance), Some(distance), "{changed} of {length}");
            }
        }
    }

    #[test]
    fn names_and_placement_count() {
        let base = Candidate::from_instruction("Do it.").unwrap();
        let elsewhere = base.with_component("style", "Do it.").unwrap();
        let distance = |other: &Candidate| Tokens::of(&base).distance(&Tokens::of(other));
        assert!(distance(&elsewhere) > 0.0 && distance(&base.with_placement(Placement::User)) > 0.0);
    }

    proptest! {
        #[test]
        fn is_the_edit_distance(
            [one, other] in [(); 2].map(|()| prop::collection::vec(0_u64..4, 0..30)),
            most in 0_usize..35,
        ) {
            let whole = strsim::generic_levenshtein(&one, &other);
            prop_assert_eq!(edits_within(&one, &other, most), Some(whole).filter(|edits| *edits <= most));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn of_candidates_is_from_0_to_1_and_alike_both_ways([one, other] in [candidates(), candidates()]) {
            let (one, other) = (Tokens::of(&one), Tokens::of(&other));
            let distance = one.distance(&other);
            prop_assert!((0.0..=1.0).contains(&distance));
            prop_assert_eq!(distance, other.distance(&one));
            prop_assert_eq!(one.distance_within(&other, distance), Some(distance));
            prop_assert_eq!(distance == 0.0, one == other);
        }
    }
}
