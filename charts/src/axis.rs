//! One side of a chart.

/// One side of a chart.
#[derive(Debug, Clone)]
pub struct Axis {
    pub(crate) label: &'static str,
    pub(crate) low: f64,
    high: f64,
    pub(crate) ticks: Vec<f64>,
    logarithmic: bool,
    pub(crate) format: fn(f64) -> String,
}

impl Axis {
    /// An axis over at least `least` of the scale, with round numbers at its ends.
    pub fn over(
        label: &'static str,
        values: impl Iterator<Item = f64> + Clone,
        least: f64,
        format: fn(f64) -> String,
    ) -> Self {
        let (mut low, mut high) = bounds(values).unwrap_or((0.0, least));
        if high - low < least {
            let middle = f64::midpoint(low, high);
            (low, high) = (middle - least / 2.0, middle + least / 2.0);
        }
        let step = step((high - low) / 5.0);
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let ticks: Vec<f64> = (0..=(last - first) as u32).map(|n| (first + f64::from(n)) * step).collect();
        Self { label, low: first * step, high: last * step, ticks, logarithmic: false, format }
    }

    /// The same axis, but not below or above what there can be.
    #[must_use]
    pub fn within(mut self, low: f64, high: f64) -> Self {
        (self.low, self.high) = (self.low.max(low), self.high.min(high));
        self.ticks.retain(|tick| *tick >= self.low - 1e-9 && *tick <= self.high + 1e-9);
        self
    }

    /// An axis of powers, for values above 0 that differ in size.
    pub fn logarithmic(
        label: &'static str,
        values: impl Iterator<Item = f64> + Clone,
        format: fn(f64) -> String,
    ) -> Self {
        let (low, high) = bounds(values).unwrap_or((1.0, 10.0));
        let (low, high) = (low.max(1.0), high.max(2.0));
        let marks = (0..12).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
        let mut ticks: Vec<f64> = marks.collect();
        let first = ticks.iter().rposition(|tick| *tick <= low).unwrap_or(0).min(ticks.len() - 2);
        let last = ticks.iter().position(|tick| *tick >= high).unwrap_or(ticks.len() - 1);
        ticks = ticks[first..=last.max(first + 1)].to_vec();
        Self { label, low: ticks[0], high: ticks[ticks.len() - 1], ticks, logarithmic: true, format }
    }

    /// Where a value stands, from 0 to 1.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let (value, low, high) = match self.logarithmic {
            true => (value.max(self.low).ln(), self.low.ln(), self.high.ln()),
            false => (value, self.low, self.high),
        };
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// The least and the greatest of the finite values.
fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |found, value| match found {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// The round number (1, 2 or 5 by a power of ten) at or above a length.
fn step(length: f64) -> f64 {
    let power = 10_f64.powf(length.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= length * 0.999).unwrap_or(10.0);
    digit * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_ends_around_all_values() {
        let plain = |value: f64| value.to_string();
        for values in
            [vec![0.1, 0.713], vec![0.5], vec![], vec![0.0, 1e6], vec![f64::NAN, 3.0], vec![-0.2, 0.2]]
        {
            let axis = Axis::over("x", values.iter().copied(), 0.1, plain);
            assert!((2..=12).contains(&axis.ticks.len()), "{values:?}: {:?}", axis.ticks);
            for value in values.iter().filter(|value| value.is_finite()) {
                assert!(axis.low <= value + 1e-9 && value - 1e-9 <= axis.high, "{values:?}");
            }
        }
        let axis = Axis::over("x", [0.93, 1.0].into_iter(), 0.2, plain).within(0.0, 1.0);
        assert!(axis.high <= 1.0 && axis.share(1.0) > 0.9);
    }

    #[test]
    fn a_logarithmic_axis_holds_any_lengths() {
        for values in [vec![0.0], vec![7.0], vec![37.0, 8_000.0], vec![1e13], vec![]] {
            let axis = Axis::logarithmic("x", values.iter().copied(), |value| value.to_string());
            assert!(axis.ticks.len() >= 2, "{values:?}");
            assert!(values.iter().all(|value| (0.0..=1.0).contains(&axis.share(*value))));
        }
    }
}
