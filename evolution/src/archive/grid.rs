//! The cells of MAP-Elites (Mouret and Clune 2015, arXiv 1504.04909): a grid.

use serde::{Deserialize, Serialize};

use super::{Axis, AxisError};

/// A box of behaviours in which every axis is cut into parts of equal size. Each combination of parts is a cell, so
/// that their number is the product over all axes: for more than three or four axes take [`super::Cvt`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Grid {
    axes: Vec<(Axis, u32)>,
    cells: usize,
}

/// What is stored of it.
#[derive(Serialize, Deserialize)]
struct Parts(Vec<(Axis, u32)>);

impl Grid {
    /// A grid of axes, each with the number of its parts.
    ///
    /// # Errors
    /// When there is no axis, one has no range, or there would be no cell or 2³² and more.
    pub fn new(axes: Vec<(Axis, u32)>) -> Result<Self, AxisError> {
        Axis::check(axes.iter().map(|(axis, _)| axis))?;
        let cells = axes.iter().fold(1_u128, |cells, (_, parts)| cells.saturating_mul(u128::from(*parts)));
        Axis::check_cells(cells)?;
        Ok(Self { axes, cells: cells as usize })
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The axes.
    pub fn axes(&self) -> impl ExactSizeIterator<Item = &Axis> {
        self.axes.iter().map(|(axis, _)| axis)
    }

    /// The cell of a behaviour (one value per axis; missing ones are not numbers): the last axis counts fastest.
    /// `None` when a value is not a number.
    pub fn cell_of(&self, behaviour: &[f64]) -> Option<usize> {
        self.axes.iter().enumerate().try_fold(0, |cell, (index, (axis, parts))| {
            let position = axis.position(behaviour.get(index).copied().unwrap_or(f64::NAN))?;
            let part = ((position * f64::from(*parts)) as u32).min(parts - 1);
            Some(cell * *parts as usize + part as usize)
        })
    }
}

impl TryFrom<Parts> for Grid {
    type Error = AxisError;

    fn try_from(parts: Parts) -> Result<Self, Self::Error> {
        Self::new(parts.0)
    }
}

impl From<Grid> for Parts {
    fn from(grid: Grid) -> Self {
        Self(grid.axes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grid() -> Grid {
        Grid::new(vec![(Axis::new("length", 0.0, 100.0), 4), (Axis::new("tokens", -1.0, 1.0), 3)]).unwrap()
    }

    #[test]
    fn cells_by_hand() {
        let grid = grid();
        assert_eq!(grid.cells(), 12);
        for (behaviour, cell) in [([0.0, -1.0], 0), ([24.9, 0.0], 1), ([25.0, -9.0], 3), ([1e9, 1.0], 11)] {
            assert_eq!(grid.cell_of(&behaviour), Some(cell), "{behaviour:?}");
        }
        assert_eq!(grid.cell_of(&[1.0, f64::NAN]), None);
        assert_eq!(grid.cell_of(&[1.0]), None);
    }

    #[test]
    fn refuses_what_cannot_be_counted_and_survives_json() {
        let many = |parts| vec![(Axis::new("x", 0.0, 1.0), parts); 3];
        assert!(matches!(Grid::new(many(0)), Err(AxisError::Cells { cells: 0, .. })));
        assert!(matches!(Grid::new(many(u32::MAX)), Err(AxisError::Cells { .. })));
        let json = serde_json::to_string(&grid()).unwrap();
        assert_eq!(serde_json::from_str::<Grid>(&json).unwrap(), grid());
        let broken = json.replace("100.0", "-100.0");
        assert!(serde_json::from_str::<Grid>(&broken).unwrap_err().to_string().contains("`length`"));
    }

    proptest! {
        #[test]
        fn every_number_has_a_cell(x in prop::num::f64::NORMAL, y in prop::num::f64::ANY) {
            let cell = grid().cell_of(&[x, y]);
            prop_assert_eq!(cell.is_none(), y.is_nan());
            prop_assert!(cell.is_none_or(|cell| cell < 12));
        }
    }
}
