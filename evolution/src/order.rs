//! The shared order in which candidates meet cases.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use crate::case::Case;
use crate::rng::RunRng;

/// Above this many distinct answers, balancing them says nothing any more.
const MOST_LABELS: usize = 10;

/// A random order of the cases in which every beginning holds the expected answers in about the proportions of
/// the whole, where there are few distinct ones. Candidates measured on the same beginning are compared on the
/// same cases, and one that gives one answer to everything shows at once.
pub fn balanced_order(cases: &[Case], rng: &mut RunRng) -> Vec<u32> {
    let mut groups: BTreeMap<Option<&str>, Vec<u32>> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        groups.entry(case.expected.as_deref()).or_default().push(index as u32);
    }
    if groups.len() > MOST_LABELS {
        let mut order: Vec<u32> = (0..cases.len() as u32).collect();
        order.shuffle(rng);
        return order;
    }
    let mut placed = Vec::with_capacity(cases.len());
    for (group, members) in groups.values_mut().enumerate() {
        members.shuffle(rng);
        let share = 1.0 / members.len() as f64;
        placed.extend(members.iter().enumerate().map(|(rank, &case)| {
            // The group's number breaks ties, so that no two places are equal.
            ((rank as f64 + 0.5) * share, group, case)
        }));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    placed.into_iter().map(|(_, _, case)| case).collect()
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
}
