//! The answer is one of a few labels.

use async_trait::async_trait;
use evohub_evolution::{Case, Failure};
use serde::{Deserialize, Serialize};

use super::excerpt::excerpt;
use super::{Scored, Scorer, expected, has_expected};
use crate::nearest::{hint, list};

/// Where a label must stand in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelPlace {
    /// At the beginning: the first word (or words, for a label of several) is the label.
    #[default]
    Start,
    /// Anywhere: the first label that occurs is the one meant.
    Anywhere,
}

/// 1 when the label that the answer names is the expected one; else 0. Upper and lower case are the same, and
/// punctuation and markup around words is nothing.
#[derive(Debug, Clone)]
pub struct LabelScorer {
    place: LabelPlace,
    /// Each with its words. Longer ones first, so that `not sure` is not taken for `not`.
    labels: Vec<(Vec<String>, String)>,
    /// Whether these are all there are, so that another expected answer is a mistake.
    closed: bool,
}

/// The words of a text, in lower case. Dashes, apostrophes, underscores and slashes join what they stand
/// between, and so do the marks within a number.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let joins = |index: usize| {
        let next_to = |test: fn(char) -> bool| {
            index > 0 && test(chars[index - 1]) && chars.get(index + 1).is_some_and(|next| test(*next))
        };
        match chars[index] {
            '-' | '\'' | '’' | '_' | '/' => next_to(char::is_alphanumeric),
            '.' | ',' | ':' => next_to(|c| c.is_ascii_digit()),
            c => c.is_alphanumeric(),
        }
    };
    let mut words = vec![String::new()];
    for (index, c) in chars.iter().enumerate() {
        match words.last_mut() {
            Some(word) if joins(index) => word.extend(c.to_lowercase()),
            Some(word) if !word.is_empty() => words.push(String::new()),
            _ => {}
        }
    }
    words.retain(|word| !word.is_empty());
    if words.is_empty() {
        // A label may be a mere sign, such as `+`.
        words.extend(text.split_whitespace().map(str::to_owned));
    }
    words
}

impl LabelScorer {
    /// A scorer that knows the labels. `closed`: whether these are all there are.
    ///
    /// # Errors
    /// When two labels are the same to this scorer.
    pub fn new<'a>(
        place: LabelPlace,
        labels: impl IntoIterator<Item = &'a str>,
        closed: bool,
    ) -> Result<Self, String> {
        let mut known: Vec<(Vec<String>, String)> = Vec::new();
        for label in labels {
            let label = label.trim();
            let words = words(label);
            if words.is_empty() {
                return Err("a label is empty".into());
            }
            match known.iter().find(|(other, _)| *other == words) {
                Some((_, other)) if other.to_lowercase() == label.to_lowercase() => {}
                Some((_, other)) => {
                    return Err(format!(
                        "labels `{other}` and `{label}` differ in punctuation only; use the metric `exact`"
                    ));
                }
                None => known.push((words, label.to_owned())),
            }
        }
        known.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        Ok(Self { place, labels: known, closed })
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.labels.iter().map(|(_, label)| label.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The longest label with which the words begin.
    fn label_at<'a>(&'a self, found: &[String], wanted: &'a [String]) -> Option<&'a [String]> {
        let known = self.labels.iter().map(|(words, _)| words.as_slice());
        known.chain([wanted]).filter(|label| found.starts_with(label)).max_by_key(|label| label.len())
    }
}

#[async_trait]
impl Scorer for LabelScorer {
    fn fingerprint(&self) -> String {
        format!("label/1 place={:?} closed={} labels={:?}", self.place, self.closed, self.names())
    }

    fn check(&self, case: &Case) -> Result<(), String> {
        has_expected(case)?;
        let text = case.expected.as_deref().unwrap_or_default();
        let wanted = words(text);
        if wanted.is_empty() {
            return Err("its expected answer is empty".into());
        }
        if self.closed && !self.labels.iter().any(|(words, _)| *words == wanted) {
            let names = self.names();
            let meant = hint(text, names.iter().copied());
            return Err(format!("its expected answer `{text}` is none of the labels {}{meant}", list(names)));
        }
        Ok(())
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        let expected = expected(case)?.trim();
        let (wanted, found) = (words(expected), words(output));
        let starts = match self.place {
            LabelPlace::Start => 0..1,
            LabelPlace::Anywhere => 0..found.len(),
        };
        let label = starts.into_iter().find_map(|start| self.label_at(&found[start..], &wanted));
        if label == Some(&wanted) {
            return Ok(Scored::new(1.0, format!("correct: the answer gives the label `{expected}`")));
        }
        let where_to = match self.place {
            LabelPlace::Start => "the answer must begin with the label alone",
            LabelPlace::Anywhere => "the answer must name the label",
        };
        let choice = match self.labels.len() {
            0 | 1 => String::new(),
            _ => format!(" (one of {})", list(self.names())),
        };
        let why = match label {
            Some(other) => format!("expected the label `{expected}`, the answer gives `{}`", other.join(" ")),
            None if found.windows(wanted.len().max(1)).any(|window| window == wanted) => {
                format!("the label `{expected}` stands later in the answer; {where_to}{choice}")
            }
            None => format!("expected the label `{expected}`, found no label; {where_to}{choice}"),
        };
        Ok(Scored::new(0.0, format!("{why}: {}", excerpt(output))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn scored(place: LabelPlace, labels: &[&str], expected: &str, output: &str) -> Scored {
        let scorer = LabelScorer::new(place, labels.iter().copied(), false).unwrap();
        scorer.score(&Case::new("q", expected), output).await.unwrap()
    }

    async fn at_start(expected: &str, output: &str) -> f64 {
        scored(LabelPlace::Start, &["positive", "negative"], expected, output).await.score
    }

    #[tokio::test]
    async fn the_first_word_is_the_label() {
        for right in [
            "positive",
            " Positive.",
            "**positive**\nbecause",
            "\"POSITIVE\"",
            "positive—clearly",
            "Positive!!!",
        ] {
            assert_eq!(at_start("positive", right).await, 1.0, "{right}");
        }
        for wrong in [
            "",
            "...",
            "The sentiment is positive",
            "positively",
            "positive/negative",
            "non-positive",
            "negative, not positive",
        ] {
            assert_eq!(at_start("positive", wrong).await, 0.0, "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_first_label_that_occurs_is_meant() {
        let score = async |expected: &str, output: &str| {
            scored(LabelPlace::Anywhere, &["positive", "negative"], expected, output).await.score
        };
        assert_eq!(score("positive", "The sentiment is Positive, not negative").await, 1.0);
        assert_eq!(score("negative", "The sentiment is Positive, not negative").await, 0.0);
        assert_eq!(score("negative", "no idea").await, 0.0);
    }

    #[tokio::test]
    async fn longer_labels_win_over_what_they_begin_with() {
        let labels = ["not", "not sure", "sure"];
        for place in [LabelPlace::Start, LabelPlace::Anywhere] {
            assert_eq!(scored(place, &labels, "not sure", "Not sure.").await.score, 1.0);
            assert_eq!(scored(place, &labels, "not", "Not sure.").await.score, 0.0);
            assert_eq!(scored(place, &[], "not", "not, surely").await.score, 1.0);
        }
    }

    #[tokio::test]
    async fn labels_may_be_dates_numbers_and_signs() {
        for (label, wrong) in
            [("11/12/2002", "11/12/2003"), ("3", "3.5"), ("1,000", "1"), ("+", "-"), ("sci-fi", "sci")]
        {
            assert_eq!(
                scored(LabelPlace::Start, &[], label, &format!("{label}.")).await.score,
                f64::from(label != "+")
            );
            assert_eq!(scored(LabelPlace::Start, &[], label, label).await.score, 1.0, "{label}");
            assert_eq!(scored(LabelPlace::Start, &[], label, wrong).await.score, 0.0, "{label}");
        }
    }

    #[tokio::test]
    async fn feedback_says_what_to_mend() {
        let labels = ["negative", "positive"];
        let late = scored(LabelPlace::Start, &labels, "positive", "It is positive").await.feedback;
        insta::assert_snapshot!(late, @"the label `positive` stands later in the answer; the answer must begin with the label alone (one of `negative` and `positive`): `It is positive`");
        let other = scored(LabelPlace::Start, &labels, "positive", "Negative!").await.feedback;
        insta::assert_snapshot!(other, @"expected the label `positive`, the answer gives `negative`: `Negative!`");
        let none = scored(LabelPlace::Anywhere, &labels, "positive", "").await.feedback;
        insta::assert_snapshot!(none, @"expected the label `positive`, found no label; the answer must name the label (one of `negative` and `positive`): nothing");
    }

    #[test]
    fn labels_and_expected_answers_must_agree() {
        let scorer = LabelScorer::new(LabelPlace::Start, ["Yes", "no"], true).unwrap();
        assert!(scorer.check(&Case::new("q", "YES")).is_ok());
        let error = scorer.check(&Case::new("q", "yess")).unwrap_err();
        assert!(error.ends_with("did you mean `Yes`?"), "{error}");
        assert!(scorer.check(&Case::new("q", " ")).is_err());
        assert!(LabelScorer::new(LabelPlace::Start, ["C++", "C#"], true).is_err());
        assert!(LabelScorer::new(LabelPlace::Start, ["yes", "Yes"], false).is_ok());
    }
}
