//! Dividing cases into parts.

use std::collections::BTreeMap;

use evohub_evolution::{Case, Digest};

/// More distinct expected answers than this are no labels.
const MOST_LABELS: usize = 20;

/// Cases that cannot be divided as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// There are more parts than cases.
    #[error("{cases} cases cannot be divided into {parts} parts; add cases, or name a file for each part")]
    TooFew {
        /// How many there are.
        cases: usize,
        /// How many parts were asked for.
        parts: usize,
    },
    /// A share is not a number above 0.
    #[error("the shares of a split must be numbers above 0")]
    Shares,
}

/// Divides cases into parts in proportion to `shares`, each of at least one case. The parts keep the order
/// of the cases. The same cases and seed give the same parts, in whatever order the cases came. Where the
/// expected answers are labels (at most 20, each at least twice on average), every part gets its share of
/// each label, up to a case.
///
/// # Errors
/// When there are fewer cases than parts or a share is not above 0.
pub fn split(cases: Vec<Case>, shares: &[f64], seed: u64) -> Result<Vec<Vec<Case>>, SplitError> {
    if shares.iter().any(|share| !(share.is_finite() && *share > 0.0)) {
        return Err(SplitError::Shares);
    }
    if cases.len() < shares.len() {
        return Err(SplitError::TooFew { cases: cases.len(), parts: shares.len() });
    }
    let order = balanced_order(&cases, seed);
    let mut part_of = vec![0; cases.len()];
    let mut start = 0;
    for (part, size) in sizes(cases.len(), shares).into_iter().enumerate() {
        for &case in &order[start..start + size] {
            part_of[case] = part;
        }
        start += size;
    }
    let mut parts = vec![Vec::new(); shares.len()];
    for (case, part) in cases.into_iter().zip(part_of) {
        parts[part].push(case);
    }
    Ok(parts)
}

/// Indices of the cases in an order in which every run of neighbours holds the labels in their proportions:
/// each label's cases are shuffled, then spread evenly over the whole length.
fn balanced_order(cases: &[Case], seed: u64) -> Vec<usize> {
    let mut strata: BTreeMap<Option<&str>, Vec<(Digest, usize)>> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        let rank = Digest::of_fields([&seed.to_le_bytes() as &[u8], &case.id().to_bytes()]);
        strata.entry(case.expected.as_deref()).or_default().push((rank, index));
    }
    if strata.len() > MOST_LABELS || strata.len() * 2 > cases.len() {
        let all = strata.into_values().flatten().collect();
        strata = BTreeMap::from([(None, all)]);
    }
    let mut places = Vec::with_capacity(cases.len());
    for stratum in strata.values_mut() {
        stratum.sort_unstable();
        let length = stratum.len() as f64;
        places.extend(
            stratum.iter().enumerate().map(|(i, (rank, case))| ((i as f64 + 0.5) / length, *rank, *case)),
        );
    }
    places.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    places.into_iter().map(|(_, _, case)| case).collect()
}

/// Sizes in proportion to `shares` that sum to `total`, none of them 0.
fn sizes(total: usize, shares: &[f64]) -> Vec<usize> {
    let sum: f64 = shares.iter().sum();
    let spare = total - shares.len();
    let mut sizes = Vec::with_capacity(shares.len());
    let (mut before, mut given) = (0.0, 0);
    for share in shares {
        before += share / sum;
        // Rounding the running total keeps the sum exact; rounding each size would not.
        let until = ((total as f64 * before).round() as usize).clamp(given + 1, spare + sizes.len() + 1);
        sizes.push(until - given);
        given = until;
    }
    if let Some(last) = sizes.last_mut() {
        *last += total - given;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labelled(count: usize, label: impl Fn(usize) -> String) -> Vec<Case> {
        (0..count).map(|i| Case::new(format!("case {i}"), label(i))).collect()
    }

    #[test]
    fn labels_stay_balanced() {
        // One in four is rare, and they all stand at the end of the file.
        let cases = labelled(100, |i| if i < 75 { "common".into() } else { "rare".into() });
        for seed in 0..20 {
            let parts = split(cases.clone(), &[0.5, 0.3, 0.2], seed).unwrap();
            let rare: Vec<usize> = parts
                .iter()
                .map(|part| part.iter().filter(|case| case.expected.as_deref() == Some("rare")).count())
                .collect();
            assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [50, 30, 20]);
            for (rare, fair) in rare.iter().zip([12.5_f64, 7.5, 5.0]) {
                assert!((*rare as f64 - fair).abs() <= 1.0, "{rare} of {fair}");
            }
        }
    }

    #[test]
    fn order_of_the_file_does_not_matter_and_the_seed_does() {
        let cases = labelled(40, |i| i.to_string());
        let mut reversed = cases.clone();
        reversed.reverse();
        let ids = |parts: &[Vec<Case>]| {
            let mut ids: Vec<_> = parts[1].iter().map(Case::id).collect();
            ids.sort_unstable();
            ids
        };
        let one = split(cases.clone(), &[0.7, 0.3], 1).unwrap();
        assert_eq!(ids(&one), ids(&split(reversed, &[0.7, 0.3], 1).unwrap()));
        assert_ne!(ids(&one), ids(&split(cases, &[0.7, 0.3], 2).unwrap()));
    }

    #[test]
    fn refuses_what_cannot_be_divided() {
        let error = split(labelled(2, |i| i.to_string()), &[1.0, 1.0, 1.0], 0).unwrap_err();
        assert_eq!(error, SplitError::TooFew { cases: 2, parts: 3 });
        assert_eq!(split(labelled(2, |i| i.to_string()), &[1.0, 0.0], 0).unwrap_err(), SplitError::Shares);
    }

    proptest! {
        #[test]
        fn every_case_goes_to_one_part(count in 3_usize..60, labels in 1_usize..8, a in 0.01_f64..1.0, b in 0.01_f64..1.0) {
            let cases = labelled(count, |i| (i % labels).to_string());
            let parts = split(cases.clone(), &[1.0, a, b], 7).unwrap();
            prop_assert!(parts.iter().all(|part| !part.is_empty()));
            let mut before: Vec<_> = cases.iter().map(Case::id).collect();
            let mut after: Vec<_> = parts.iter().flatten().map(Case::id).collect();
            before.sort_unstable();
            after.sort_unstable();
            prop_assert_eq!(before, after);
        }
    }
}
