//! The values that a parameter may have.

use serde::{Deserialize, Serialize};

/// Where steps of a parameter are of equal size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// In the value itself.
    #[default]
    Linear,
    /// In its logarithm.
    Log,
}

/// The values that a parameter may have: from `low` to `high`, with a `step` only `low`, `low + step` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct ParameterRange {
    low: f64,
    high: f64,
    scale: Scale,
    step: Option<f64>,
}

/// A range as written in files.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    low: f64,
    high: f64,
    #[serde(default)]
    scale: Scale,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<f64>,
}

/// A range without values.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterRangeError {
    /// A limit is not finite, or they are in the wrong order.
    #[error("a range goes from a number to a higher one, not from {low} to {high}")]
    Limits {
        /// The lower limit.
        low: f64,
        /// The upper limit.
        high: f64,
    },
    /// A logarithmic scale that reaches 0.
    #[error("a logarithmic scale begins above 0, not at {0}: raise `low` or use the linear scale")]
    Logarithm(f64),
    /// A step that leads nowhere.
    #[error("a step is above 0 and at most the width of the range ({width}), not {step}")]
    Step {
        /// The step.
        step: f64,
        /// The width of the range.
        width: f64,
    },
}

impl ParameterRange {
    /// The values from `low` to `high`.
    ///
    /// # Errors
    /// When there is none, or the scale or the step do not fit.
    pub fn new(low: f64, high: f64, scale: Scale, step: Option<f64>) -> Result<Self, ParameterRangeError> {
        let width = high - low;
        if !(width.is_finite() && width > 0.0) {
            return Err(ParameterRangeError::Limits { low, high });
        }
        if scale == Scale::Log && low <= 0.0 {
            return Err(ParameterRangeError::Logarithm(low));
        }
        match step {
            Some(step) if !(step > 0.0 && step <= width) => Err(ParameterRangeError::Step { step, width }),
            _ => Ok(Self { low, high, scale, step }),
        }
    }

    /// The lowest value.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// No value is higher.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Where steps are of equal size.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The distance of neighbouring values, where they have one.
    pub fn step(&self) -> Option<f64> {
        self.step
    }

    /// Where a value of the range stands on the scale: 0 at the lowest, 1 at the highest.
    pub(super) fn position(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        }
    }

    /// The inverse of [`ParameterRange::position`]; below 0 and above 1 it leads out of the range.
    pub(super) fn value(&self, position: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.low + position * (self.high - self.low),
            Scale::Log => self.low * (self.high / self.low).powf(position),
        }
    }

    /// The nearest value of the range. Without a step it has four significant digits: no model tells more apart, and
    /// people read it.
    pub(super) fn nearest(&self, value: f64) -> f64 {
        let within = value.clamp(self.low, self.high);
        let Some(step) = self.step else { return rounded(within, 4).clamp(self.low, self.high) };
        // A range of 0.1 steps to 0.3 has its end, though 0.3 / 0.1 is a little less than 3.
        let most = ((self.high - self.low) / step + 1e-9).floor();
        let steps = ((within - self.low) / step).round().min(most);
        rounded(self.low + steps * step, 12).clamp(self.low, self.high)
    }
}

/// A number with so many significant digits.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

impl TryFrom<Written> for ParameterRange {
    type Error = ParameterRangeError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Self::new(written.low, written.high, written.scale, written.step)
    }
}

impl From<ParameterRange> for Written {
    fn from(range: ParameterRange) -> Self {
        Self { low: range.low, high: range.high, scale: range.scale, step: range.step }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn linear(low: f64, high: f64, step: Option<f64>) -> ParameterRange {
        ParameterRange::new(low, high, Scale::Linear, step).unwrap()
    }

    #[test]
    fn steps_give_plain_numbers_up_to_the_end() {
        let range = linear(0.0, 0.3, Some(0.1));
        assert_eq!(
            [0.14, 0.16, 0.26, 9.0, -1.0].map(|value| range.nearest(value)),
            [0.1, 0.2, 0.3, 0.3, 0.0]
        );
        let odd = linear(0.0, 1.0, Some(0.4));
        assert_eq!(odd.nearest(1.0), 0.8);
        assert_eq!(linear(0.0, 1.0, None).nearest(0.123_456), 0.1235);
    }

    #[test]
    fn refuses_ranges_without_values() {
        let new = ParameterRange::new;
        assert!(matches!(new(1.0, 1.0, Scale::Linear, None), Err(ParameterRangeError::Limits { .. })));
        assert!(matches!(new(f64::NAN, 1.0, Scale::Linear, None), Err(ParameterRangeError::Limits { .. })));
        assert_eq!(new(0.0, 1.0, Scale::Log, None), Err(ParameterRangeError::Logarithm(0.0)));
        for step in [0.0, -1.0, 2.0, f64::NAN] {
            let refused = new(0.0, 1.0, Scale::Linear, Some(step));
            assert!(matches!(refused, Err(ParameterRangeError::Step { .. })), "{step}");
        }
        let error = serde_json::from_str::<ParameterRange>(r#"{"low": 2, "high": 1}"#).unwrap_err();
        assert!(error.to_string().contains("not from 2 to 1"), "{error}");
    }

    #[test]
    fn files_need_the_limits_alone() {
        let range: ParameterRange = serde_json::from_str(r#"{"low": 0.1, "high": 1}"#).unwrap();
        assert_eq!(range, linear(0.1, 1.0, None));
        let json = r#"{"low":1.0,"high":64.0,"scale":"log","step":0.5}"#;
        let range: ParameterRange = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&range).unwrap(), json);
    }

    proptest! {
        #[test]
        fn values_stay_inside_and_rounding_is_final(
            low in 0.001..10.0_f64,
            width in 0.01..100.0_f64,
            is_log in any::<bool>(),
            step in prop::option::of(0.001..1.0_f64),
            value in -200.0..200.0_f64,
        ) {
            let scale = if is_log { Scale::Log } else { Scale::Linear };
            let range = ParameterRange::new(low, low + width, scale, step.map(|share| share * width)).unwrap();
            let near = range.nearest(value);
            prop_assert!((low..=low + width).contains(&near));
            prop_assert_eq!(range.nearest(near), near);
            prop_assert!((range.value(range.position(near)) - near).abs() < 1e-9 * (1.0 + near.abs()));
        }
    }
}
