//! Tests that hold however often one looks at them.
//!
//! A test by betting: whoever doubts the null hypothesis stakes money against it, case by case, at odds that are
//! fair or worse while it is true. To become rich is then unlikely: the wealth exceeds 1/α at any time with
//! probability α at most (Ville's inequality), so one may look after every case and stop whenever one likes.
//! Bets and truncation are those of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
//! betting" (JRSS B 2024), sections 4 and 5 for cases drawn without replacement.

use serde::{Deserialize, Serialize};

/// The part of the wealth that a single case can cost, at most.
const MOST_STAKED: f64 = 0.5;
/// Variance of a value before any was seen: the greatest that values from 0 to 1 can have, and about that of the
/// difference of two candidates whose answers are right or wrong.
const PRIOR_VARIANCE: f64 = 0.25;
/// Weight of that, in cases.
const PRIOR_CASES: f64 = 4.0;
/// The part of a population after which the bets are to have decided: with smaller bets more can be decided in the
/// end, with greater ones the clear cases sooner.
const HORIZON: f64 = 0.5;
/// What sums of the same numbers in another order may differ by, a case.
const ROUNDING: f64 = 1e-12;

/// Whether the mean of values is below a margin, asked after each value as it comes. The null hypothesis is that
/// it is at least the margin.
///
/// The values are independent draws, or drawn from a [population](Self::of_population) without replacement in an
/// order that has nothing to do with them. None is above a bound that is known before; nothing else is assumed.
///
/// ```
/// use evohub_evolution::statistics::SequentialTest;
///
/// // Differences of scores on the same cases: is the first candidate worse than the second?
/// let mut test = SequentialTest::new(0.0, 1.0, 0.05).of_population(50);
/// let lost = (0..50).position(|_| {
///     test.observe(-1.0);
///     test.rejects()
/// });
/// assert_eq!(lost, Some(6));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SequentialTest {
    margin: f64,
    greatest: f64,
    alpha: f64,
    population: Option<usize>,
    count: usize,
    sum: f64,
    squares: f64,
    /// The logarithm of the wealth, which begins at 1.
    wealth: f64,
    /// Its maximum so far.
    peak: f64,
    /// Even the greatest values on all cases that are left could not make the null hypothesis true.
    refuted: bool,
}

impl SequentialTest {
    /// A test of whether the mean of values that are at most `greatest` is below `margin`, which is below
    /// `greatest`. Its bets are sized for a decision at level `alpha`, above 0 and below 1; the evidence it finds
    /// is valid for every level.
    pub fn new(margin: f64, greatest: f64, alpha: f64) -> Self {
        Self {
            margin,
            greatest,
            alpha,
            population: None,
            count: 0,
            sum: 0.0,
            squares: 0.0,
            wealth: 0.0,
            peak: 0.0,
            refuted: false,
        }
    }

    /// The question is now for the mean of a population of so many values, from which all are drawn without
    /// replacement. It is easier: what was seen is no longer to come.
    #[must_use]
    pub fn of_population(self, size: usize) -> Self {
        Self { population: Some(size), ..self }
    }

    /// Takes in the next value. One that is not a number is unmeasured and does not count, and neither does one
    /// that comes when the whole population has been seen.
    pub fn observe(&mut self, value: f64) {
        if value.is_nan() || self.left() == Some(0) {
            return;
        }
        let value = value.min(self.greatest);
        let mean = self.mean_to_come();
        self.wealth += (self.bet(mean) * (mean - value)).ln_1p();
        self.peak = self.peak.max(self.wealth);
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
        if let (Some(size), Some(left)) = (self.population, self.left()) {
            let missing = self.margin * size as f64 - self.sum;
            self.refuted |= missing > self.greatest * left as f64 + ROUNDING * size as f64;
        }
    }

    fn left(&self) -> Option<usize> {
        self.population.map(|size| size.saturating_sub(self.count))
    }

    /// The least mean of the values to come under the null hypothesis.
    fn mean_to_come(&self) -> f64 {
        match (self.population, self.left()) {
            (Some(size), Some(left)) => (self.margin * size as f64 - self.sum) / left as f64,
            _ => self.margin,
        }
    }

    /// What is staked on the next value, for each unit that it is below `mean`; decided by the values before it.
    fn bet(&self, mean: f64) -> f64 {
        let count = self.count as f64 + PRIOR_CASES;
        let deviations = self.squares - self.sum * self.sum / count + PRIOR_CASES * PRIOR_VARIANCE;
        let horizon = match self.population {
            Some(size) => HORIZON * size as f64,
            // Bets that fall so slowly find any difference in the end.
            None => (self.count as f64 + 1.0) * (self.count as f64 + 2.0).ln(),
        };
        let bet = (-2.0 * self.alpha.ln() * count / (deviations * horizon)).sqrt();
        let room = self.greatest - mean;
        if room > 0.0 { bet.min(MOST_STAKED / room) } else { bet }
    }

    /// The evidence against the null hypothesis now: an e-value, whose expectation is at most 1 while that is true,
    /// whenever one looks. Infinite when it is refuted for certain.
    pub fn e_value(&self) -> f64 {
        if self.refuted { f64::INFINITY } else { self.wealth.exp() }
    }

    /// A p-value, 0 to 1, by the strongest evidence there has been: valid at all times at once.
    pub fn p_value(&self) -> f64 {
        if self.refuted { 0.0 } else { (-self.peak).exp() }
    }

    /// Whether the null hypothesis is rejected at the level of the test. Once it is, it remains so.
    pub fn rejects(&self) -> bool {
        self.p_value() <= self.alpha
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::RngExt;
    use rand::seq::SliceRandom;

    use super::*;
    use crate::rng::stream;

    const ALPHA: f64 = 0.2;

    fn test_of(values: &[f64], population: Option<usize>, margin: f64) -> SequentialTest {
        let mut test = SequentialTest { population, ..SequentialTest::new(margin, 1.0, ALPHA) };
        values.iter().for_each(|value| test.observe(*value));
        test
    }

    /// Expectation of the wealth after each number of values, over all orders, when the next is 1 or -1 by a
    /// probability that may depend on the number of those before.
    fn expectations(values: usize, population: Option<usize>, up: &dyn Fn(usize, usize) -> f64) -> Vec<f64> {
        let mut states =
            vec![(1.0, 0, SequentialTest { population, ..SequentialTest::new(0.0, 1.0, ALPHA) })];
        let mut means = vec![];
        for seen in 0..values {
            let next = states.iter().flat_map(|(probability, ups, test)| {
                [(1.0, up(seen, *ups)), (-1.0, 1.0 - up(seen, *ups))].map(|(value, share)| {
                    let mut test = test.clone();
                    test.observe(value);
                    (probability * share, ups + usize::from(value > 0.0), test)
                })
            });
            states = next.filter(|(probability, ..)| *probability > 0.0).collect();
            // What is certain has no probability when the null hypothesis is true, so nobody is infinitely rich.
            means.push(states.iter().map(|(probability, _, test)| probability * test.e_value()).sum());
        }
        means
    }

    #[test]
    fn wealth_is_a_martingale_at_the_margin_and_shrinks_above_it() {
        for mean in expectations(12, None, &|_, _| 0.5) {
            assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        }
        let above = expectations(12, None, &|_, _| 0.6);
        assert!(above.windows(2).all(|pair| pair[1] < pair[0]) && above[0] < 1.0, "{above:?}");
    }

    #[test]
    fn wealth_is_a_martingale_in_a_finite_population() {
        for size in [2_usize, 4, 8, 12] {
            // Half of them are 1: the mean of all is at the margin.
            let up = |seen: usize, ups: usize| (size / 2 - ups) as f64 / (size - seen) as f64;
            for mean in expectations(size, Some(size), &up) {
                assert!((mean - 1.0).abs() < 1e-9, "{size}: {mean}");
            }
            let better = |seen: usize, ups: usize| (size / 2 + 1 - ups) as f64 / (size - seen) as f64;
            assert!(expectations(size, Some(size), &better).iter().all(|mean| *mean < 1.0));
        }
    }

    /// How many of 2,000 runs reject when the mean is at the margin, looked at after every value.
    fn false_alarms(draw: impl Fn(u64) -> (Vec<f64>, Option<usize>)) -> usize {
        (0..2_000)
            .map(draw)
            .filter(|(values, population)| test_of(values, *population, 0.0).rejects())
            .count()
    }

    #[test]
    fn rejects_no_more_than_its_level_after_any_number_of_looks() {
        let drawn = false_alarms(|seed| {
            let mut rng = stream(seed, "drawn", 0);
            let draw =
                |_| if rng.random_bool(0.3) { f64::from(rng.random_range(0..2_u8)) * 2.0 - 1.0 } else { 0.0 };
            ((0..400).map(draw).collect(), None)
        });
        let shuffled = false_alarms(|seed| {
            let mut values = vec![0.0; 100];
            values[..14].fill(1.0);
            values[14..28].fill(-1.0);
            values.shuffle(&mut stream(seed, "shuffled", 0));
            (values, Some(100))
        });
        // Three standard errors above the level; and not so few that the test would be of no use.
        for alarms in [drawn, shuffled] {
            assert!((100..=454).contains(&alarms), "{alarms} of 2,000");
        }
    }

    #[test]
    fn finds_a_difference_sooner_in_a_finite_population() {
        let rejections = |population| {
            let found = (0..200).filter(|&seed| {
                let mut values = vec![0.0; 100];
                values[..8].fill(1.0);
                values[8..24].fill(-1.0);
                values.shuffle(&mut stream(seed, "found", 0));
                test_of(&values[..80], population, 0.0).rejects()
            });
            found.count()
        };
        let (finite, infinite) = (rejections(Some(100)), rejections(None));
        assert!(finite > 150 && infinite < finite - 30, "{finite} {infinite}");
    }

    #[test]
    fn what_is_certain_is_rejected_and_what_is_possible_is_not() {
        let test = test_of(&[-1.0, -1.0, -1.0], Some(5), 0.0);
        assert_eq!((test.e_value(), test.p_value()), (f64::INFINITY, 0.0));
        let mut even = test_of(&[-1.0, -1.0, 1.0, 1.0], Some(4), 0.0);
        assert!(!even.refuted);
        let before = even.clone();
        even.observe(-1.0);
        even.observe(f64::NAN);
        assert_eq!(even, before, "nothing is left to see");
    }

    proptest! {
        #[test]
        fn evidence_grows_with_the_margin(
            values in prop::collection::vec(-1.0..=1.0_f64, 1..40),
            margins in prop::array::uniform2(-0.9..0.9_f64),
            spare in prop::option::of(0..20_usize),
        ) {
            let population = spare.map(|spare| values.len() + spare);
            let (low, high) = (margins[0].min(margins[1]), margins[0].max(margins[1]));
            let (low, high) = (test_of(&values, population, low), test_of(&values, population, high));
            prop_assert!(low.p_value() <= 1.0 && high.p_value() <= low.p_value() + 1e-12);
        }

        #[test]
        fn a_lower_value_is_more_evidence_and_a_rejection_stands(
            values in prop::collection::vec(-1.0..=1.0_f64, 0..40),
            last in prop::array::uniform2(-1.0..=1.0_f64),
        ) {
            let before = test_of(&values, Some(60), 0.02);
            let after = last.map(|value| {
                let mut test = before.clone();
                test.observe(value);
                test
            });
            prop_assert!(after[0].p_value() <= before.p_value());
            let is_lower = last[0] <= last[1];
            prop_assert_eq!(is_lower, after[0].e_value() >= after[1].e_value() || last[0] == last[1]);
        }

        #[test]
        fn a_test_survives_its_text_form(values in prop::collection::vec(-1.0..=1.0_f64, 0..30)) {
            let test = test_of(&values, Some(30), 0.0);
            let text = serde_json::to_string(&test).unwrap();
            prop_assert_eq!(serde_json::from_str::<SequentialTest>(&text).unwrap(), test);
        }
    }
}
