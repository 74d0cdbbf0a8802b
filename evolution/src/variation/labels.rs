//! The answers to choose from, where the cases have only a few.

use std::collections::BTreeSet;

use crate::case::Case;

/// Most distinct answers that count as labels.
const MOST: usize = 12;
/// Most characters of a label.
const LONGEST: usize = 40;

/// The distinct expected answers in alphabetical order, when the cases look like a choice between labels: 2 to
/// 12 of them, short, of one line, and each standing for two cases or more on average. Otherwise `None`.
pub fn labels(cases: &[Case]) -> Option<Vec<&str>> {
    let mut labels = BTreeSet::new();
    let mut labelled = 0;
    for expected in cases.iter().filter_map(|case| case.expected.as_deref()) {
        let label = expected.trim();
        if label.is_empty() {
            continue;
        }
        labelled += 1;
        labels.insert(label);
        if labels.len() > MOST || label.contains('\n') || label.chars().count() > LONGEST {
            return None;
        }
    }
    (labels.len() >= 2 && 2 * labels.len() <= labelled).then(|| labels.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(expected: impl IntoIterator<Item = String>) -> Vec<Case> {
        expected.into_iter().enumerate().map(|(number, text)| Case::new(number.to_string(), text)).collect()
    }

    #[test]
    fn repeated_short_answers_are_labels() {
        let train = cases(["no", "yes", "no ", "yes", ""].map(String::from));
        assert_eq!(labels(&train), Some(vec!["no", "yes"]));
    }

    #[test]
    fn free_answers_are_not() {
        assert_eq!(labels(&cases(["no", "yes", "maybe"].map(String::from))), None);
        assert_eq!(labels(&cases((0..60).map(|n| (n % 20).to_string()))), None);
        assert_eq!(labels(&cases((0..4).map(|n| "x".repeat(50 + n % 2)))), None);
        assert_eq!(labels(&cases(["same".into(), "same".into()])), None);
    }
}
