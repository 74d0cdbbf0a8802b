//! What runs with several seeds say of a number.

use evohub_evolution::statistics::regularized_incomplete_beta;
use serde::Serialize;

/// Below and above an interval of 95 %.
const TAIL: f64 = 0.025;

/// The median of several runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// Its 95 % interval by the percentile bootstrap over runs (Efron 1979); absent for a single run. With fewer than
    /// six runs it reaches from the least to the greatest and holds somewhat less than it says.
    pub interval: Option<[f64; 2]>,
    /// How many runs there were.
    pub runs: usize,
}

impl Estimate {
    /// The median of numbers, with its interval; `None` without a number.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (count, middle) = (values.len(), values.len() / 2);
        let median = match count {
            0 => return None,
            odd if odd % 2 == 1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        };
        let interval = (count > 1).then(|| {
            let distribution = bootstrap(&values);
            [quantile(&distribution, TAIL), quantile(&distribution, 1.0 - TAIL)]
        });
        Some(Self { median, interval, runs: count })
    }
}

/// The medians that resampling sorted values can give, in ascending order, each with its probability. They are known
/// exactly (Maritz and Jarrett 1978), so nothing is drawn.
fn bootstrap(sorted: &[f64]) -> Vec<(f64, f64)> {
    let count = sorted.len();
    let all = count as f64;
    let share = |number: usize| number as f64 / all;
    // The probability that at least so many of the values drawn are among the first `number`.
    let at_least = |least: usize, number: usize| {
        regularized_incomplete_beta(least as f64, (count - least + 1) as f64, share(number))
    };
    let mut medians: Vec<(f64, f64)> = vec![];
    if count % 2 == 1 {
        let middle = count / 2 + 1;
        let probability = |place: usize| at_least(middle, place + 1) - at_least(middle, place);
        medians.extend((0..count).map(|place| (sorted[place], probability(place))));
    } else {
        let half = count / 2;
        let ways = (0..half).fold(1.0, |ways, n| ways * (count - n) as f64 / (half - n) as f64);
        let power = |number: usize| share(number).powi(half as i32);
        for low in 0..count {
            let mut rest = at_least(half, low + 1) - at_least(half, low);
            for high in low + 1..count {
                // The lower half is drawn up to the one, the upper half from the other on.
                let probability =
                    ways * (power(low + 1) - power(low)) * (power(count - high) - power(count - high - 1));
                rest -= probability;
                medians.push((f64::midpoint(sorted[low], sorted[high]), probability));
            }
            medians.push((sorted[low], rest));
        }
        medians.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    medians
}

/// The least value up to which there is so much of a distribution.
fn quantile(distribution: &[(f64, f64)], probability: f64) -> f64 {
    let mut sum = 0.0;
    let reached = distribution.iter().find(|(_, part)| {
        sum += part;
        sum >= probability
    });
    reached.or(distribution.last()).map_or(f64::NAN, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The medians of all samples that can be drawn.
    fn enumerated(values: &[f64]) -> Vec<f64> {
        let count = values.len();
        let mut medians: Vec<f64> = (0..count.pow(count as u32))
            .map(|pattern| {
                let drawn = (0..count).map(|place| values[pattern / count.pow(place as u32) % count]);
                let mut drawn: Vec<f64> = drawn.collect();
                drawn.sort_by(f64::total_cmp);
                f64::midpoint(drawn[(count - 1) / 2], drawn[count / 2])
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        medians
    }

    #[test]
    fn the_distribution_is_that_of_all_samples() {
        let values = [0.1, 0.25, 0.4, 0.8, 1.7, 1.9];
        for count in 2..=values.len() {
            let (known, all) = (bootstrap(&values[..count]), enumerated(&values[..count]));
            for limit in all.iter().map(|median| median + 1e-9) {
                let share = all.partition_point(|median| *median <= limit) as f64 / all.len() as f64;
                let sum: f64 =
                    known.iter().filter(|(median, _)| *median <= limit).map(|(_, part)| part).sum();
                assert!((share - sum).abs() < 1e-9, "{count} values, up to {limit}: {share} and {sum}");
            }
        }
    }

    #[test]
    fn few_runs_say_little() {
        assert_eq!(Estimate::of([]), None);
        assert_eq!(Estimate::of([f64::NAN]), None);
        assert_eq!(Estimate::of([0.5]), Some(Estimate { median: 0.5, interval: None, runs: 1 }));
        let five = Estimate::of([0.5, 0.1, 0.9, 0.3, 0.7]).unwrap();
        assert_eq!((five.median, five.interval), (0.5, Some([0.1, 0.9])));
        // With ten, the outermost on each side are left out.
        let ten = Estimate::of((0..10).map(f64::from)).unwrap();
        assert_eq!(ten.median, 4.5);
        assert!(ten.interval.unwrap()[0] >= 1.0 && ten.interval.unwrap()[1] <= 8.0, "{ten:?}");
    }

    proptest! {
        #[test]
        fn intervals_hold_the_median_and_keep_within_the_runs(values in prop::collection::vec(-9.0..9.0, 2..100)) {
            let estimate = Estimate::of(values.iter().copied()).unwrap();
            let [low, high] = estimate.interval.unwrap();
            let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
            prop_assert!(least <= low && low <= estimate.median);
            prop_assert!(estimate.median <= high && high <= most);
        }
    }
}
