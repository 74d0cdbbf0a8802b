//! The cells of CVT-MAP-Elites (Vassiliades, Chatzilygeroudis and Mouret 2018, arXiv 1610.05729): a centroidal
//! Voronoi tessellation.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::kd_tree::{KdTree, squared_distance};
use super::{Axis, AxisError};
use crate::rng::stream;

/// Random places per cell from which the centroids are computed.
const SAMPLES_PER_CELL: usize = 20;
/// Random places at least.
const FEWEST_SAMPLES: usize = 10_000;
/// Rounds of Lloyd's algorithm at most.
const MOST_ROUNDS: usize = 30;
/// Rounds end when no centroid moved further than this (squared; the box has sides of 1).
const SETTLED: f64 = 1e-12;

/// A box of behaviours divided into as many cells of about the same size as asked, however many axes there are:
/// each cell is what is nearest to its centroid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Cvt {
    axes: Vec<Axis>,
    centroids: KdTree,
}

/// What is stored of it.
#[derive(Serialize, Deserialize)]
struct Parts {
    axes: Vec<Axis>,
    centroids: Vec<Vec<f64>>,
}

impl Cvt {
    /// Divides the box of the axes into so many cells, by Lloyd's algorithm on random places. The same seed gives
    /// the same cells. Takes time in proportion to the cells: about a third of a second for a thousand on four axes.
    ///
    /// # Errors
    /// When there is no axis, one has no range, or there would be no cell or 2³² and more.
    pub fn new(axes: Vec<Axis>, cells: usize, seed: u64) -> Result<Self, AxisError> {
        Axis::check(&axes)?;
        Axis::check_cells(cells as u128)?;
        let mut rng = stream(seed, "centroids", cells as u64);
        let count = (cells * SAMPLES_PER_CELL).max(FEWEST_SAMPLES);
        let samples: Vec<Vec<f64>> =
            (0..count).map(|_| axes.iter().map(|_| rng.random::<f64>()).collect()).collect();
        let mut centroids = KdTree::new(samples[..cells].to_vec());
        for _ in 0..MOST_ROUNDS {
            let moved = means(&centroids, &samples);
            let is_settled =
                moved.iter().zip(centroids.points()).all(|(new, old)| squared_distance(new, old) <= SETTLED);
            centroids = KdTree::new(moved);
            if is_settled {
                break;
            }
        }
        Ok(Self { axes, centroids })
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.centroids.points().len()
    }

    /// The axes.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The centroid of each cell, 0 to 1 on each axis.
    pub fn centroids(&self) -> &[Vec<f64>] {
        self.centroids.points()
    }

    /// The cell of a behaviour (one value per axis; missing ones are not numbers). `None` when a value is not a
    /// number.
    pub fn cell_of(&self, behaviour: &[f64]) -> Option<usize> {
        let value = |index: usize| behaviour.get(index).copied().unwrap_or(f64::NAN);
        let place: Option<Vec<f64>> =
            self.axes.iter().enumerate().map(|(index, axis)| axis.position(value(index))).collect();
        self.centroids.nearest(&place?)
    }
}

/// One round of Lloyd's algorithm (1982): the mean of the samples nearest to each centroid; itself where it has
/// none.
fn means(centroids: &KdTree, samples: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut sums = vec![(vec![0.0; samples[0].len()], 0.0); centroids.points().len()];
    for sample in samples {
        let Some(cell) = centroids.nearest(sample) else { continue };
        let (sum, count) = &mut sums[cell];
        sum.iter_mut().zip(sample).for_each(|(sum, coordinate)| *sum += coordinate);
        *count += 1.0;
    }
    let mean = |(sum, old): ((Vec<f64>, f64), &Vec<f64>)| match sum {
        (_, 0.0) => old.clone(),
        (sum, count) => sum.into_iter().map(|sum| sum / count).collect(),
    };
    sums.into_iter().zip(centroids.points()).map(mean).collect()
}

impl TryFrom<Parts> for Cvt {
    type Error = AxisError;

    fn try_from(Parts { axes, centroids }: Parts) -> Result<Self, Self::Error> {
        Axis::check(&axes)?;
        Axis::check_cells(centroids.len() as u128)?;
        match centroids.iter().find(|centroid| centroid.len() != axes.len()) {
            Some(centroid) => Err(AxisError::Centroid { found: centroid.len(), axes: axes.len() }),
            None => Ok(Self { axes, centroids: KdTree::new(centroids) }),
        }
    }
}

impl From<Cvt> for Parts {
    fn from(cvt: Cvt) -> Self {
        Self { axes: cvt.axes, centroids: cvt.centroids.points().to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cvt(cells: usize) -> Cvt {
        Cvt::new(vec![Axis::new("length", 0.0, 100.0), Axis::new("tokens", -1.0, 1.0)], cells, 7).unwrap()
    }

    #[test]
    fn cells_are_of_about_the_same_size() {
        let cvt = cvt(20);
        let mut rng = stream(1, "test", 0);
        let mut hits = [0; 20];
        for _ in 0..10_000 {
            let behaviour = [rng.random_range(0.0..100.0), rng.random_range(-1.0..1.0)];
            hits[cvt.cell_of(&behaviour).unwrap()] += 1;
        }
        // Where Lloyd's algorithm starts, at random places, cells have 30 to 1,374 hits.
        assert!(hits.iter().all(|hits| (350..=650).contains(hits)), "{hits:?}");
    }

    #[test]
    fn a_centroid_is_in_its_cell_and_a_seed_repeats() {
        let cvt = cvt(30);
        for (cell, centroid) in cvt.centroids().iter().enumerate() {
            assert_eq!(cvt.cell_of(&[centroid[0] * 100.0, centroid[1] * 2.0 - 1.0]), Some(cell));
        }
        assert_eq!(cvt, self::cvt(30));
        assert_eq!(cvt.cell_of(&[f64::NAN, 0.0]), None);
    }

    #[test]
    fn survives_json_and_refuses_what_does_not_fit() {
        let json = serde_json::to_value(cvt(5)).unwrap();
        assert_eq!(serde_json::from_value::<Cvt>(json.clone()).unwrap(), cvt(5));
        let mut broken = json;
        broken["centroids"][3] = serde_json::json!([0.5]);
        let error = serde_json::from_value::<Cvt>(broken).unwrap_err().to_string();
        assert!(error.contains("1 coordinates on 2 axes"), "{error}");
        assert!(matches!(Cvt::new(vec![Axis::new("x", 0.0, 1.0)], 0, 1), Err(AxisError::Cells { .. })));
    }
}
