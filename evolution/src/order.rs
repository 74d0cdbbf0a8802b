//! The shared order in which candidates meet cases.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;

use crate::case::Case;
use crate::rng::RunRng;

/// Above this many distinct answers, balancing them says nothing any more.
const MOST_LABELS: usize = 10;
/// Nor does it where there are fewer cases than this for each of them.
const LEAST_CASES: usize = 3;

/// A random order of the cases in which every beginning holds the expected answers in about the proportions of
/// the whole, where there are few distinct ones. Candidates measured on the same beginning are compared on the
/// same cases, and one that gives one answer to everything shows at once.
pub fn balanced_order(cases: &[Case], rng: &mut RunRng) -> Vec<u32> {
    let mut groups: Vec<Vec<u32>> = vec![];
    for (case, stratum) in (0..).zip(strata(cases)) {
        groups.resize(groups.len().max(stratum + 1), vec![]);
        groups[stratum].push(case);
    }
    let mut placed = Vec::with_capacity(cases.len());
    for (stratum, members) in groups.iter_mut().enumerate() {
        members.shuffle(rng);
        let share = 1.0 / members.len() as f64;
        placed.extend(members.iter().enumerate().map(|(rank, &case)| {
            // The number of the stratum breaks ties, so that no two places are equal.
            ((rank as f64 + 0.5) * share, stratum, case)
        }));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    placed.into_iter().map(|(_, _, case)| case).collect()
}

/// Of each case the number of its expected answer, from 0 on; 0 for all where there are many distinct ones, or hardly
/// one comes again.
pub(crate) fn strata(cases: &[Case]) -> Vec<usize> {
    let answers: BTreeSet<_> = cases.iter().map(|case| case.expected.as_deref()).collect();
    if answers.len() > MOST_LABELS.min(cases.len() / LEAST_CASES) {
        return vec![0; cases.len()];
    }
    cases.iter().map(|case| answers.range(..case.expected.as_deref()).count()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    #[test]
    fn every_beginning_is_balanced() {
        let cases: Vec<Case> =
            (0..40).map(|i| Case::new(format!("{i}"), if i < 10 { "rare" } else { "common" })).collect();
        let order = balanced_order(&cases, &mut stream(7, "order", 0));
        let mut all = order.clone();
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
        for beginning in (8..=40).step_by(4) {
            let rare = order[..beginning].iter().filter(|&&i| i < 10).count();
            assert!(rare.abs_diff(beginning / 4) <= 1, "{rare} of {beginning}");
        }
    }

    #[test]
    fn answers_that_hardly_come_again_are_no_strata() {
        let answered = |answers: &[&str]| {
            let cases: Vec<Case> = answers.iter().map(|answer| Case::new("x", *answer)).collect();
            strata(&cases)
        };
        assert_eq!(answered(&["no", "yes", "no", "yes", "yes", "no"]), [0, 1, 0, 1, 1, 0]);
        assert_eq!(answered(&["a", "b", "c", "a", "b"]), [0; 5]);
        let many: Vec<String> = (0..66).map(|number| (number % 11).to_string()).collect();
        assert_eq!(answered(&many.iter().map(String::as_str).collect::<Vec<_>>()), [0; 66]);
        assert!(answered(&[]).is_empty());
    }
}
