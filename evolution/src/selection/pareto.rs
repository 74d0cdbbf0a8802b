//! Instance-wise Pareto selection, Algorithm 2 of GEPA (arXiv 2507.19457).

use rand::{Rng, RngExt};

use super::ascending;

/// For each candidate the number of cases on whose front it stands: where it has the best score of all, after
/// candidates were pruned that are dispensable. A parent is drawn in proportion to it, so that a candidate which
/// alone solves a case keeps its chance however low its mean is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParetoFronts {
    frequencies: Vec<u32>,
    total: u64,
}

impl ParetoFronts {
    /// Computes them from the scores of each candidate (rows) on each case (columns). A score that is not a
    /// number, or missing at the end of a row, is unmeasured and stands on no front.
    ///
    /// Per case the front is everyone with the best score, equal to the last bit. Candidates are then visited from
    /// the lowest mean upwards (the earlier first among equals), and those on whose every front another is still
    /// left are taken off. One pass is enough: a removal makes nobody else dispensable.
    pub fn new(scores: &[impl AsRef<[f64]>]) -> Self {
        let cases = scores.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
        let mut best = vec![f64::NEG_INFINITY; cases];
        for row in scores {
            for (best, score) in best.iter_mut().zip(row.as_ref()) {
                // A comparison with NaN is false.
                if *score > *best {
                    *best = *score;
                }
            }
        }
        // Comparing anew in each pass is faster than to keep the fronts: no branch depends on the data.
        let is_best = |(score, best): (&f64, &f64)| score == best;
        let mut sizes = vec![0_u32; cases];
        let mut order = Vec::new();
        for (candidate, row) in scores.iter().enumerate() {
            let mut fronts = 0;
            for (size, pair) in sizes.iter_mut().zip(row.as_ref().iter().zip(&best)) {
                let is_on = u32::from(is_best(pair));
                *size += is_on;
                fronts += is_on;
            }
            if fronts > 0 {
                order.push((candidate, mean(row)));
            }
        }
        order.sort_by(|one, other| ascending(one.1, other.1));
        let mut frequencies = vec![0; scores.len()];
        for (candidate, _) in order {
            let on_fronts = || scores[candidate].as_ref().iter().zip(&best).map(is_best);
            let is_dispensable = on_fronts().zip(&sizes).all(|(is_on, size)| !is_on | (*size > 1));
            if is_dispensable {
                sizes.iter_mut().zip(on_fronts()).for_each(|(size, is_on)| *size -= u32::from(is_on));
            } else {
                frequencies[candidate] = on_fronts().map(u32::from).sum();
            }
        }
        let total = frequencies.iter().copied().map(u64::from).sum();
        Self { frequencies, total }
    }

    /// For each candidate on how many fronts it stands; 0 for those pruned.
    pub fn frequencies(&self) -> &[u32] {
        &self.frequencies
    }

    /// The positions of the candidates left.
    pub fn survivors(&self) -> impl Iterator<Item = usize> {
        self.frequencies.iter().enumerate().filter(|(_, frequency)| **frequency > 0).map(|(index, _)| index)
    }

    /// A parent, drawn in proportion to the number of its fronts; anyone when nothing has been measured.
    ///
    /// # Panics
    /// When there is no candidate.
    pub fn sample(&self, rng: &mut (impl Rng + ?Sized)) -> usize {
        if self.total == 0 {
            return rng.random_range(0..self.frequencies.len());
        }
        let mut ticket = rng.random_range(0..self.total);
        let mut drawn = 0;
        for index in self.survivors() {
            drawn = index;
            match ticket.checked_sub(u64::from(self.frequencies[index])) {
                Some(left) => ticket = left,
                None => break,
            }
        }
        drawn
    }
}

/// The mean of what was measured.
fn mean(row: &impl AsRef<[f64]>) -> f64 {
    let measured = row.as_ref().iter().filter(|score| !score.is_nan());
    let (sum, count) = measured.fold((0.0, 0.0), |(sum, count), score| (sum + score, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::rng::stream;

    /// The paper's algorithm as it stands there: sets, and a search from the start after each removal.
    fn reference(scores: &[Vec<f64>]) -> Vec<u32> {
        let cases = scores.first().map_or(0, Vec::len);
        let mut fronts: Vec<BTreeSet<usize>> = (0..cases)
            .map(|case| {
                let best = scores.iter().map(|row| row[case]).fold(f64::NEG_INFINITY, f64::max);
                (0..scores.len()).filter(|index| scores[*index][case] == best).collect()
            })
            .collect();
        let mut left: Vec<usize> =
            fronts.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mean = |index: &usize| scores[*index].iter().sum::<f64>() / cases as f64;
        left.sort_by(|one, other| mean(one).total_cmp(&mean(other)));
        let is_dominated = |candidate: &usize, fronts: &[BTreeSet<usize>]| {
            fronts.iter().filter(|front| front.contains(candidate)).all(|front| front.len() > 1)
        };
        while let Some(gone) = left.iter().copied().find(|candidate| is_dominated(candidate, &fronts)) {
            left.retain(|candidate| *candidate != gone);
            fronts.iter_mut().for_each(|front| {
                front.remove(&gone);
            });
        }
        (0..scores.len())
            .map(|index| fronts.iter().filter(|front| front.contains(&index)).count() as u32)
            .collect()
    }

    fn matrices() -> impl Strategy<Value = Vec<Vec<f64>>> {
        let score = prop::sample::select(vec![0.0, 0.25, 0.5, 1.0]);
        (0_usize..7).prop_flat_map(move |cases| {
            prop::collection::vec(prop::collection::vec(score.clone(), cases), 0..9)
        })
    }

    proptest! {
        #[test]
        fn is_the_algorithm_of_the_paper(scores in matrices()) {
            let fronts = ParetoFronts::new(&scores);
            prop_assert_eq!(fronts.frequencies(), reference(&scores));
        }

        #[test]
        fn every_case_keeps_one_of_its_best(scores in matrices()) {
            let fronts = ParetoFronts::new(&scores);
            let survivors: Vec<_> = fronts.survivors().collect();
            for case in 0..scores.first().map_or(0, Vec::len) {
                let best = scores.iter().map(|row| row[case]).fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(survivors.iter().any(|index| scores[*index][case] == best));
            }
        }
    }

    #[test]
    fn a_specialist_stays_and_a_copy_goes() {
        let scores = [vec![1.0, 1.0, 0.0], vec![0.0, 0.0, 1.0], vec![1.0, 0.0, 0.0], vec![1.0, 1.0, 0.0]];
        let fronts = ParetoFronts::new(&scores);
        assert_eq!(fronts.frequencies(), [0, 1, 0, 2]);
        let specialist = (0..3_000).filter(|seed| fronts.sample(&mut stream(*seed, "test", 0)) == 1).count();
        assert!((920..=1_080).contains(&specialist), "{specialist}");
    }

    #[test]
    fn what_is_unmeasured_is_on_no_front() {
        let scores = [vec![f64::NAN, 0.0], vec![0.5], vec![]];
        assert_eq!(ParetoFronts::new(&scores).frequencies(), [1, 1, 0]);
        let nothing = ParetoFronts::new(&[vec![f64::NAN], vec![]]);
        let drawn: BTreeSet<_> = (0..20).map(|seed| nothing.sample(&mut stream(seed, "test", 0))).collect();
        assert_eq!(drawn, BTreeSet::from([0, 1]));
    }
}
