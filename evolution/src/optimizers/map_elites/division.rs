//! How a space of behaviours is divided.

use serde::{Deserialize, Serialize};

use crate::archive::{Axis, AxisError, Cvt, Grid, Niches};
use crate::optimizers::property::Property;

/// A dimension of behaviour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BehaviourAxis {
    /// What it measures: a built-in property, or what the evaluator names.
    pub name: Property,
    /// Lower end of the range that matters; what lies below counts as this.
    pub low: f64,
    /// Upper end, above `low`; what lies above counts as this.
    pub high: f64,
    /// Parts of equal size that a grid cuts it into, 1 or more; a tessellation does not look at it.
    #[serde(default = "cells")]
    pub cells: u32,
}

/// Parts of an axis where none are named.
fn cells() -> u32 {
    5
}

/// How a space of behaviours is divided into cells, each of which keeps one candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Division {
    /// Every axis is cut into parts; each combination of parts is a cell (the paper's experiments have 128 to 262,144
    /// of them, for evaluations that cost nothing; a search that can pay for a hundred candidates fills about ten).
    #[default]
    Grid,
    /// So many cells of about the same size, however many axes there are.
    Cvt {
        /// How many, from 1 to 4,096.
        cells: usize,
    },
}

/// Cells of a tessellation at most: computing more takes longer than a second.
const MOST_CELLS: usize = 4_096;

impl Division {
    pub(super) fn check(self, axes: &[BehaviourAxis]) -> Result<(), String> {
        let mut names: Vec<&Property> = axes.iter().map(|axis| &axis.name).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() < axes.len() {
            return Err("`axes` must name no property twice".into());
        }
        match self {
            Self::Cvt { cells } if !(1..=MOST_CELLS).contains(&cells) => {
                Err(format!("`archive.cvt.cells` is {cells}, and must be from 1 to {MOST_CELLS}"))
            }
            // Whether the axes span a space does not depend on how it is divided.
            _ => grid(axes).map(drop).map_err(|error| format!("`axes`: {error}")),
        }
    }

    /// The cells. The same seed gives the same.
    ///
    /// # Errors
    /// When the axes span no space or there is no cell.
    pub(super) fn niches(self, axes: &[BehaviourAxis], seed: u64) -> Result<Niches, AxisError> {
        match self {
            Self::Grid => grid(axes).map(Niches::Grid),
            Self::Cvt { cells } => {
                Cvt::new(axes.iter().map(|axis| axis.range()).collect(), cells, seed).map(Niches::Cvt)
            }
        }
    }
}

impl BehaviourAxis {
    fn range(&self) -> Axis {
        Axis::new(self.name.as_str(), self.low, self.high)
    }
}

fn grid(axes: &[BehaviourAxis]) -> Result<Grid, AxisError> {
    Grid::new(axes.iter().map(|axis| (axis.range(), axis.cells)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: BehaviourAxis = BehaviourAxis { name: Property::Length, low: 0.0, high: 100.0, cells: 4 };
    const SHOTS: BehaviourAxis = BehaviourAxis { name: Property::Shots, low: 0.0, high: 9.0, cells: 3 };

    #[test]
    fn a_grid_multiplies_and_a_tessellation_counts() {
        let cells = |division: Division| division.niches(&[LENGTH, SHOTS], 1).unwrap().cells();
        assert_eq!((cells(Division::Grid), cells(Division::Cvt { cells: 7 })), (12, 7));
    }

    #[test]
    fn refuses_what_spans_no_space() {
        let check = |axes: &[BehaviourAxis]| Division::Grid.check(axes);
        assert!(check(&[LENGTH, SHOTS]).is_ok());
        assert!(check(&[]).is_err());
        assert!(check(&[LENGTH, LENGTH]).unwrap_err().contains("twice"));
        assert!(check(&[BehaviourAxis { high: -1.0, ..SHOTS }]).unwrap_err().contains("`shots`"));
        assert!(check(&[BehaviourAxis { cells: 0, ..SHOTS }]).is_err());
        assert!(Division::Cvt { cells: 5_000 }.check(&[LENGTH]).unwrap_err().contains("5000"));
    }

    #[test]
    fn is_written_as_in_a_job_file() {
        let read = |text| serde_json::from_str::<Division>(text).unwrap();
        assert_eq!(read("\"grid\""), Division::Grid);
        assert_eq!(read("{\"cvt\": {\"cells\": 64}}"), Division::Cvt { cells: 64 });
        let axis: BehaviourAxis = serde_json::from_str(r#"{"name": "shots", "low": 0, "high": 9}"#).unwrap();
        assert_eq!(axis, BehaviourAxis { cells: 5, ..SHOTS });
    }
}
