//! Whether algorithms differ.

use std::collections::BTreeMap;

use evohub_evolution::statistics::paired_test;
use serde::Serialize;

use super::{ComparedRun, Comparison};

/// With fewer pairs of runs nothing is tested: no result could be told from chance.
pub const LEAST_PAIRS: usize = 5;

/// How the chosen prompts of one algorithm do on the sealed test cases, beside those of another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The algorithm.
    pub algorithm: String,
    /// The other.
    pub from: String,
    /// How many seeds both have a score for: runs of one seed are a pair.
    pub pairs: usize,
    /// The mean score of the one less that of the other, over the pairs.
    pub difference: Option<f64>,
    /// Two-sided p-value of the paired test, a sign-flip permutation test that is exact up to 20 pairs; absent where
    /// there are fewer than [`LEAST_PAIRS`].
    pub p_value: Option<f64>,
    /// The same, corrected for the number of comparisons (Holm 1979).
    pub corrected: Option<f64>,
}

impl Difference {
    /// Each further algorithm beside the first.
    pub(super) fn of(comparison: &Comparison) -> Vec<Self> {
        let Some((first, others)) = comparison.algorithms.split_first() else { return vec![] };
        let base = scores(comparison.done(&first.name));
        let mut differences: Vec<Self> = others
            .iter()
            .map(|other| {
                let own = scores(comparison.done(&other.name));
                Self::between(&other.name, &own, &first.name, &base)
            })
            .collect();
        let known: Vec<f64> = differences.iter().filter_map(|difference| difference.p_value).collect();
        let tested = differences.iter_mut().filter(|difference| difference.p_value.is_some());
        for (difference, corrected) in tested.zip(holm(&known)) {
            difference.corrected = Some(corrected);
        }
        differences
    }

    fn between(algorithm: &str, own: &BTreeMap<u64, f64>, from: &str, base: &BTreeMap<u64, f64>) -> Self {
        let pairs: Vec<(f64, f64)> =
            own.iter().filter_map(|(seed, score)| Some((*score, *base.get(seed)?))).collect();
        let (own, base): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let test = paired_test(&own, &base, &vec![1.0; own.len()], 0);
        Self {
            algorithm: algorithm.to_owned(),
            from: from.to_owned(),
            pairs: pairs.len(),
            difference: (!pairs.is_empty()).then_some(test.difference),
            p_value: (pairs.len() >= LEAST_PAIRS).then_some(test.two_sided),
            corrected: None,
        }
    }
}

/// The test scores by seed.
fn scores<'a>(runs: impl Iterator<Item = &'a ComparedRun>) -> BTreeMap<u64, f64> {
    runs.filter_map(|run| Some((run.random_seed, run.test_score()?))).collect()
}

/// P-values corrected for their number by Holm's step-down method (Scandinavian Journal of Statistics 6, 1979): the
/// chance that any of them is below a level without a difference is at most that level.
fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut corrected = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    for (rank, &place) in order.iter().enumerate() {
        least = least.max((p_values.len() - rank) as f64 * p_values[place]).min(1.0);
        corrected[place] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holm_of_known_values() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        let wanted = [0.03, 0.06, 0.06, 0.02];
        assert!(corrected.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{corrected:?}");
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.7, 0.6]), [1.0, 1.0]);
    }

    #[test]
    fn runs_of_one_seed_are_a_pair() {
        let map = |scores: &[(u64, f64)]| scores.iter().copied().collect::<BTreeMap<u64, f64>>();
        let base = map(&[(0, 0.5), (1, 0.6), (2, 0.7), (3, 0.4), (4, 0.3)]);
        let better = map(&[(0, 0.6), (1, 0.8), (2, 0.8), (3, 0.6), (4, 0.5), (9, 0.0)]);
        let found = Difference::between("ga", &better, "gepa", &base);
        assert_eq!((found.pairs, found.p_value), (5, Some(2.0 / 32.0)));
        assert!((found.difference.unwrap() - 0.16).abs() < 1e-12);
        let few = Difference::between("ga", &map(&[(0, 0.9), (1, 0.9)]), "gepa", &base);
        assert_eq!((few.pairs, few.p_value), (2, None));
        assert!((few.difference.unwrap() - 0.35).abs() < 1e-12);
        let none = Difference::between("ga", &map(&[]), "gepa", &base);
        assert_eq!((none.pairs, none.difference, none.p_value), (0, None, None));
    }
}
