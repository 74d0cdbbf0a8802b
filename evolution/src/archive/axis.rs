//! One dimension of behaviour.

use serde::{Deserialize, Serialize};

/// One dimension of behaviour, such as the length of a prompt, and the range that matters in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What it measures.
    pub name: String,
    /// Lower end of the range. What lies below counts as this.
    pub low: f64,
    /// Upper end of the range, above `low`. What lies above counts as this.
    pub high: f64,
}

/// Axes that span no space of behaviour.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AxisError {
    /// There is none.
    #[error("an archive needs at least one axis of behaviour")]
    None,
    /// The range of one is empty or not finite.
    #[error("axis `{name}` goes from {low} to {high}: `low` must be below `high`, and both finite")]
    Range {
        /// Name of the axis.
        name: String,
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
    /// There would be no cell, or more than can be counted.
    #[error("an archive of {cells} cells cannot be: it needs from 1 to {most}")]
    Cells {
        /// How many there would be.
        cells: u128,
        /// How many there may be.
        most: u128,
    },
    /// The centroids of a stored archive do not fit its axes.
    #[error("a centroid has {found} coordinates on {axes} axes")]
    Centroid {
        /// Coordinates of the centroid.
        found: usize,
        /// How many there should be.
        axes: usize,
    },
}

impl Axis {
    /// An axis of a name and a range.
    pub fn new(name: impl Into<String>, low: f64, high: f64) -> Self {
        Self { name: name.into(), low, high }
    }

    /// Where a value lies in the range, 0 at the lower end and 1 at the upper; `None` for what is not a number.
    pub fn position(&self, value: f64) -> Option<f64> {
        (!value.is_nan()).then(|| ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0))
    }

    /// Whether axes span a space.
    pub(super) fn check<'a>(axes: impl IntoIterator<Item = &'a Self>) -> Result<(), AxisError> {
        let mut axes = axes.into_iter().peekable();
        if axes.peek().is_none() {
            return Err(AxisError::None);
        }
        match axes.find(|axis| axis.low >= axis.high || !(axis.high - axis.low).is_finite()) {
            Some(Self { name, low, high }) => {
                Err(AxisError::Range { name: name.clone(), low: *low, high: *high })
            }
            None => Ok(()),
        }
    }

    /// Whether there may be so many cells.
    pub(super) fn check_cells(cells: u128) -> Result<(), AxisError> {
        let most = u128::from(u32::MAX);
        if (1..=most).contains(&cells) { Ok(()) } else { Err(AxisError::Cells { cells, most }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_clamped_to_the_range() {
        let axis = Axis::new("length", 10.0, 30.0);
        assert_eq!(
            [5.0, 10.0, 15.0, 99.0].map(|value| axis.position(value)),
            [0.0, 0.0, 0.25, 1.0].map(Some)
        );
        assert_eq!(axis.position(f64::INFINITY), Some(1.0));
        assert_eq!(axis.position(f64::NAN), None);
    }

    #[test]
    fn ranges_must_be_finite_and_not_empty() {
        assert_eq!(Axis::check([]), Err(AxisError::None));
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(matches!(Axis::check([&Axis::new("x", low, high)]), Err(AxisError::Range { .. })));
        }
        assert_eq!(Axis::check([&Axis::new("x", -1.0, 1.0)]), Ok(()));
    }
}
