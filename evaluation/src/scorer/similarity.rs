//! How like the expected text the answer is.

use std::collections::HashMap;

use async_trait::async_trait;
use evohub_evolution::{Case, Failure};
use serde::{Deserialize, Serialize};

use super::excerpt::excerpt;
use super::{Scored, Scorer, expected, folded, has_expected};

/// Longer texts are compared by this many characters (after what they begin and end with alike), for the cost
/// of an edit distance grows with the product of the lengths.
const LONGEST: usize = 3_000;

/// A measure of likeness, 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// 1 less the Levenshtein distance in characters as a share of the longer text. In very long texts
    /// whatever lies beyond 3,000 differing characters counts as different.
    #[default]
    Edit,
    /// The F1 score of the words, as used for question answering (SQuAD): letter case and punctuation do not
    /// count, order does not either.
    TokenF1,
}

/// Scores an answer by its likeness to the expected text.
#[derive(Debug, Clone, Copy, Default)]
pub struct SimilarityScorer {
    /// The measure.
    pub method: Similarity,
    /// Whether upper and lower case are the same for [`Similarity::Edit`].
    pub ignore_case: bool,
}

fn edit(found: &str, wanted: &str) -> f64 {
    let (found, wanted): (Vec<char>, Vec<char>) = (found.chars().collect(), wanted.chars().collect());
    let longer = found.len().max(wanted.len());
    if longer == 0 {
        return 1.0;
    }
    let prefix = found.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
    let (found, wanted) = (&found[prefix..], &wanted[prefix..]);
    let suffix = found.iter().rev().zip(wanted.iter().rev()).take_while(|(a, b)| a == b).count();
    let (found, wanted) = (&found[..found.len() - suffix], &wanted[..wanted.len() - suffix]);
    let head = |text: &[char]| text.iter().take(LONGEST).collect::<String>();
    let beyond = found.len().max(wanted.len()).saturating_sub(LONGEST);
    let distance = strsim::levenshtein(&head(found), &head(wanted)) + beyond;
    1.0 - distance.min(longer) as f64 / longer as f64
}

fn token_f1(found: &str, wanted: &str) -> f64 {
    let tokens = |text: &str| -> Vec<String> {
        let lower = text.to_lowercase();
        lower.split(|c: char| !c.is_alphanumeric()).filter(|t| !t.is_empty()).map(str::to_owned).collect()
    };
    let (found, wanted) = (tokens(found), tokens(wanted));
    if found.is_empty() || wanted.is_empty() {
        return f64::from(u8::from(found.is_empty() && wanted.is_empty()));
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for token in &wanted {
        *left.entry(token).or_default() += 1;
    }
    let mut shared = 0;
    for token in &found {
        if let Some(count) = left.get_mut(token.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1;
        }
    }
    2.0 * f64::from(shared) / (found.len() + wanted.len()) as f64
}

#[async_trait]
impl Scorer for SimilarityScorer {
    fn fingerprint(&self) -> String {
        format!("similarity/1 method={:?} ignore_case={}", self.method, self.ignore_case)
    }

    fn check(&self, case: &Case) -> Result<(), String> {
        has_expected(case)
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        let wanted = expected(case)?;
        let score = match self.method {
            Similarity::Edit => edit(&folded(output, self.ignore_case), &folded(wanted, self.ignore_case)),
            Similarity::TokenF1 => token_f1(output, wanted),
        };
        let what = match self.method {
            Similarity::Edit => "alike in letters",
            Similarity::TokenF1 => "alike in words",
        };
        let (wanted, found) = (excerpt(wanted), excerpt(output));
        Ok(Scored::new(score, format!("{:.0} % {what}: expected {wanted}, found {found}", score * 100.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edit_distance_is_normalised() {
        assert_eq!(edit("kitten", "sitting"), 1.0 - 3.0 / 7.0);
        assert_eq!((edit("", ""), edit("", "abc"), edit("abc", "abc")), (1.0, 0.0, 1.0));
        assert!((edit("日本", "日木") - 0.5).abs() < 1e-9);
    }

    #[test]
    fn very_long_texts_are_bounded_and_still_compared() {
        let long = "ab".repeat(50_000);
        assert_eq!(edit(&long, &long), 1.0);
        assert_eq!(edit(&format!("{long}x{long}"), &format!("{long}y{long}")), 1.0 - 1.0 / 200_001.0);
        assert!(edit(&long, &"cd".repeat(50_000)) < 0.01);
        assert!(edit(&long, "short") < 0.01);
    }

    #[test]
    fn words_count_in_any_order() {
        assert_eq!(token_f1("the cat sat", "Sat, the CAT!"), 1.0);
        assert!((token_f1("a b", "a c") - 0.5).abs() < 1e-9);
        // A word said thrice is found once.
        assert_eq!(token_f1("yes yes yes", "yes"), 0.5);
        assert_eq!((token_f1("", ""), token_f1("!", "a"), token_f1("a", "")), (1.0, 0.0, 0.0));
    }

    proptest! {
        #[test]
        fn the_shortcut_for_common_ends_changes_nothing(a in "[ab]{0,12}", b in "[ab]{0,12}") {
            prop_assert!((edit(&a, &b) - strsim::normalized_levenshtein(&a, &b)).abs() < 1e-9);
        }
    }
}
