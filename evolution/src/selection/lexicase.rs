//! Lexicase selection (Spector 2012; Helmuth, Spector and Matheson 2015) and epsilon-lexicase selection (La Cava,
//! Spector and Danai 2016).

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

/// Draws parents case by case: the cases come in a random order, and each keeps those of the candidates left that
/// do best on it, until one is left. A candidate that is best where others fail becomes a parent however low its
/// mean is, and one that is good everywhere and best nowhere hardly ever does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lexicase {
    candidates: usize,
    /// The scores of all candidates, case by case.
    cases: Vec<Scores>,
}

#[derive(Debug, Clone, PartialEq)]
struct Scores {
    /// NaN where a candidate was not measured.
    scores: Vec<f64>,
    /// By how much a candidate may miss the best and stay.
    epsilon: f64,
}

impl Lexicase {
    /// Takes the scores of each candidate (rows) on each case (columns). One that is `None`, not a number, or
    /// missing at the end of a row is unmeasured: as long as its candidate is left in a draw, the case decides
    /// nothing there and is passed over.
    pub fn new(scores: &[impl AsRef<[Option<f64>]>]) -> Self {
        let cases = scores.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
        let of_case = |case: usize| {
            let score = |row: &[Option<f64>]| row.get(case).copied().flatten().unwrap_or(f64::NAN);
            Scores { scores: scores.iter().map(|row| score(row.as_ref())).collect(), epsilon: 0.0 }
        };
        Self { candidates: scores.len(), cases: (0..cases).map(of_case).collect() }
    }

    /// The same with a tolerance on each case: the median absolute deviation of the scores of all candidates there.
    /// For scores with many grades, of which hardly two are equal. The best is that of the candidates still left
    /// (the semi-dynamic variant of La Cava, Helmuth, Spector and Moore 2019).
    pub fn with_epsilon(scores: &[impl AsRef<[Option<f64>]>]) -> Self {
        let mut lexicase = Self::new(scores);
        for case in &mut lexicase.cases {
            let measured = case.scores.iter().copied().filter(|score| !score.is_nan());
            // Of infinite scores there is none.
            case.epsilon = deviation(measured.collect()).filter(|d| d.is_finite()).unwrap_or(0.0);
        }
        lexicase
    }

    /// A parent. Those whom no case tells apart are alike.
    ///
    /// # Panics
    /// When there is no candidate.
    pub fn sample(&self, rng: &mut (impl Rng + ?Sized)) -> usize {
        let mut order: Vec<&Scores> = self.cases.iter().collect();
        order.shuffle(rng);
        let mut left: Vec<usize> = (0..self.candidates).collect();
        for case in order {
            if left.len() == 1 {
                break;
            }
            let scores = || left.iter().map(|index| case.scores[*index]);
            if scores().any(f64::is_nan) {
                continue;
            }
            let bound = scores().fold(f64::NEG_INFINITY, f64::max) - case.epsilon;
            left.retain(|index| case.scores[*index] >= bound);
        }
        // The best on a case stays, so there is somebody.
        left[rng.random_range(0..left.len())]
    }
}

/// The median absolute deviation from the median; `None` of nothing.
fn deviation(values: Vec<f64>) -> Option<f64> {
    let center = median(values.clone())?;
    median(values.into_iter().map(|value| (value - center).abs()).collect())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    if values.is_empty() {
        return None;
    }
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = if is_even { below.iter().copied().fold(f64::NEG_INFINITY, f64::max) } else { *upper };
    Some((lower + *upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::stream;

    fn shares(lexicase: &Lexicase) -> Vec<f64> {
        let mut wins = vec![0.0_f64; lexicase.candidates];
        for seed in 0..2_000 {
            wins[lexicase.sample(&mut stream(seed, "test", 0))] += 1.0;
        }
        wins.into_iter().map(|wins| wins / 2_000.0).collect()
    }

    fn measured<const N: usize>(rows: &[[f64; N]]) -> Vec<Vec<Option<f64>>> {
        rows.iter().map(|row| row.iter().copied().map(Some).collect()).collect()
    }

    #[test]
    fn a_specialist_is_drawn_and_an_average_one_is_not() {
        // The first is best on two cases of three, the second on the third; the last is second everywhere.
        let rows = measured(&[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.9, 0.9, 0.9]]);
        let shares = shares(&Lexicase::new(&rows));
        assert!((shares[0] - 2.0 / 3.0).abs() < 0.04, "{shares:?}");
        assert_eq!(shares[2], 0.0);
    }

    #[test]
    fn the_almost_best_stay_within_the_deviation() {
        // Median 0.9, deviation 0.02 on the first case: 0.92 to 0.9 stay, and the second case decides.
        let rows = measured(&[[0.92, 0.1], [0.91, 0.2], [0.9, 0.9], [0.1, 0.0], [0.88, 0.15]]);
        assert_eq!(shares(&Lexicase::with_epsilon(&rows))[2], 1.0);
        assert!(shares(&Lexicase::new(&rows))[0] > 0.4);
    }

    #[test]
    fn what_is_unmeasured_decides_nothing_while_its_candidate_is_left() {
        let (low, high) = (Some(0.0), Some(1.0));
        let only_the_first_counts = [vec![high, low, high], vec![low, high], vec![low, high, Some(f64::NAN)]];
        // On the first case the first wins; on the second the others do, whom the third cannot tell apart.
        let shares = shares(&Lexicase::new(&only_the_first_counts));
        assert!((shares[0] - 0.5).abs() < 0.05 && (shares[1] - shares[2]).abs() < 0.06, "{shares:?}");
        let nothing: [Vec<Option<f64>>; 2] = [vec![None], vec![]];
        assert!((self::shares(&Lexicase::with_epsilon(&nothing))[0] - 0.5).abs() < 0.05);
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(deviation(vec![1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), Some(1.0));
        assert_eq!(deviation(vec![]), None);
    }

    proptest! {
        #[test]
        fn any_scores_give_a_parent(
            rows in prop::collection::vec(prop::collection::vec(prop::option::of(prop_oneof![any::<f64>(), Just(f64::INFINITY), Just(f64::NEG_INFINITY)]), 0..5), 1..9),
            seed in any::<u64>(),
        ) {
            prop_assert!(Lexicase::with_epsilon(&rows).sample(&mut stream(seed, "test", 0)) < rows.len());
        }

        #[test]
        fn whoever_is_drawn_is_dominated_by_nobody(
            rows in prop::collection::vec(prop::array::uniform4((0_u8..4).prop_map(f64::from)), 1..12),
            seed in any::<u64>(),
        ) {
            let drawn = rows[Lexicase::new(&measured(&rows)).sample(&mut stream(seed, "test", 0))];
            for row in rows {
                let is_as_good = row.iter().zip(&drawn).all(|(one, other)| one >= other);
                prop_assert!(!is_as_good || row == drawn, "{row:?} dominates {drawn:?}");
            }
        }
    }
}
