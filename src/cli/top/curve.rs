//! A value over the time that it was watched.

use std::time::Duration;

/// Most points that are kept. When there are more, every other one goes: the curve is of the whole time, coarser.
const MOST: usize = 1_024;

/// A value over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    /// Seconds since the watching began, and the value.
    points: Vec<(f64, f64)>,
    /// One in `2^coarseness` values is kept.
    coarseness: u32,
    passed_over: u32,
}

impl Curve {
    /// Adds the newest value. One that is no number is left out.
    pub(super) fn push(&mut self, at: Duration, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.passed_over += 1;
        if self.passed_over < 1 << self.coarseness {
            return;
        }
        self.passed_over = 0;
        self.points.push((at.as_secs_f64(), value));
        if self.points.len() > MOST {
            let mut number = 0;
            self.points.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.coarseness += 1;
        }
    }

    /// In the order of time.
    pub(super) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// From the first to the last point, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        match (self.points.first(), self.points.last()) {
            (Some((first, _)), Some((last, _))) => last - first,
            _ => 0.0,
        }
    }

    /// The values in so many steps of equal time, the mean of each; a step without a value has that of the step
    /// before. Shorter while there are fewer values.
    pub(super) fn steps(&self, most: usize) -> Vec<f64> {
        let (Some((first, value)), seconds) = (self.points.first(), self.seconds()) else { return vec![] };
        let count = most.min(self.points.len());
        let mut sums = vec![(0.0, 0_u32); count];
        for (at, value) in &self.points {
            let step = if seconds > 0.0 { (at - first) / seconds * count as f64 } else { 0.0 };
            if let Some((sum, values)) = sums.get_mut((step as usize).min(count.saturating_sub(1))) {
                *sum += value;
                *values += 1;
            }
        }
        let mut last = *value;
        let mean = |(sum, values): (f64, u32)| {
            if values > 0 {
                last = sum / f64::from(values);
            }
            last
        };
        sums.into_iter().map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: impl IntoIterator<Item = (u64, f64)>) -> Curve {
        let mut curve = Curve::default();
        values.into_iter().for_each(|(second, value)| curve.push(Duration::from_secs(second), value));
        curve
    }

    #[test]
    fn a_long_curve_keeps_its_beginning_and_becomes_coarser() {
        let curve = curve((0..100_000).map(|second| (second, second as f64)));
        let points = curve.points();
        assert!(points.len() <= MOST && points.len() >= MOST / 2, "{}", points.len());
        assert_eq!(points[0], (0.0, 0.0));
        assert!(points.last().unwrap().0 > 99_000.0 && points.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn steps_are_means_and_carry_over_holes() {
        assert_eq!(curve([]).steps(5), [0.0; 0]);
        assert_eq!(curve([(3, 7.0)]).steps(5), [7.0]);
        assert_eq!(curve([(0, 1.0), (1, 3.0), (2, 5.0), (3, 7.0)]).steps(2), [2.0, 6.0]);
        assert_eq!(curve([(0, 1.0), (1, 2.0), (10, 9.0)]).steps(3), [1.5, 1.5, 9.0]);
        assert_eq!(curve([(0, f64::NAN)]).steps(3), [0.0; 0]);
        assert!(curve([(0, 1.0)]).steps(0).is_empty());
    }
}
