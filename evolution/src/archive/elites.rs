//! The best of every kind (MAP-Elites; Mouret and Clune 2015, arXiv 1504.04909).

use std::collections::BTreeMap;

use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

use super::{Axis, Cvt, Grid};
use crate::candidate::CandidateId;
use crate::rng::RunRng;

/// How behaviours are told apart: the cells, of which each keeps one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Niches {
    /// A grid.
    Grid(Grid),
    /// A centroidal Voronoi tessellation.
    Cvt(Cvt),
}

impl Niches {
    /// How many cells there are.
    pub fn cells(&self) -> usize {
        match self {
            Self::Grid(grid) => grid.cells(),
            Self::Cvt(cvt) => cvt.cells(),
        }
    }

    /// The axes of behaviour.
    pub fn axes(&self) -> Vec<&Axis> {
        match self {
            Self::Grid(grid) => grid.axes().collect(),
            Self::Cvt(cvt) => cvt.axes().iter().collect(),
        }
    }

    /// The cell of a behaviour, one value per axis; `None` when a value is missing or not a number.
    pub fn cell_of(&self, behaviour: &[f64]) -> Option<usize> {
        match self {
            Self::Grid(grid) => grid.cell_of(behaviour),
            Self::Cvt(cvt) => cvt.cell_of(behaviour),
        }
    }
}

/// A candidate in an archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Elite {
    /// Which candidate.
    pub id: CandidateId,
    /// How good it is, better when higher.
    pub fitness: f64,
    /// How it behaves: one value per axis.
    pub behaviour: Vec<f64>,
}

/// What became of a candidate that was put to an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// It is the first in its cell.
    New {
        /// The cell.
        cell: usize,
    },
    /// It is better than the elite of its cell, and stands there now.
    Replaced {
        /// The cell.
        cell: usize,
        /// Who stood there.
        id: CandidateId,
    },
    /// It is the elite of its cell already, and its fitness and behaviour are renewed.
    Renewed {
        /// The cell.
        cell: usize,
    },
    /// It is not better than the elite of its cell.
    Rejected {
        /// The cell.
        cell: usize,
        /// Who stands there.
        by: CandidateId,
    },
    /// It has no cell: its fitness or a value of its behaviour is not a finite number, or is missing.
    Unplaced,
}

/// The best candidate found in every cell of a space of behaviours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "State", into = "State")]
pub struct EliteArchive {
    niches: Niches,
    /// In the order in which their cells were first reached.
    elites: Vec<Elite>,
    /// Where in `elites` that of a cell is.
    places: BTreeMap<usize, usize>,
}

/// What is stored of it.
#[derive(Serialize, Deserialize)]
struct State {
    niches: Niches,
    elites: Vec<Elite>,
}

impl EliteArchive {
    /// An empty one.
    pub fn new(niches: Niches) -> Self {
        Self { niches, elites: vec![], places: BTreeMap::new() }
    }

    /// Puts a candidate to the archive: it stays when its cell is empty or it is better than who stands there.
    ///
    /// An elite that was measured anew is put to it again, better or not. Should it behave differently then, take it
    /// out of its old cell first.
    pub fn insert(&mut self, elite: Elite) -> Insertion {
        let is_number = elite.fitness.is_finite() && elite.behaviour.iter().all(|value| value.is_finite());
        let Some(cell) = self.niches.cell_of(&elite.behaviour).filter(|_| is_number) else {
            return Insertion::Unplaced;
        };
        let Some(place) = self.places.get(&cell) else {
            self.places.insert(cell, self.elites.len());
            self.elites.push(elite);
            return Insertion::New { cell };
        };
        let stands = &mut self.elites[*place];
        let id = stands.id;
        if id == elite.id {
            *stands = elite;
            Insertion::Renewed { cell }
        } else if elite.fitness > stands.fitness {
            *stands = elite;
            Insertion::Replaced { cell, id }
        } else {
            Insertion::Rejected { cell, by: id }
        }
    }

    /// Takes out the elite of a cell.
    pub fn remove(&mut self, cell: usize) -> Option<Elite> {
        let place = self.places.remove(&cell)?;
        self.places.values_mut().filter(|other| **other > place).for_each(|other| *other -= 1);
        Some(self.elites.remove(place))
    }

    /// The elite of a cell.
    pub fn elite(&self, cell: usize) -> Option<&Elite> {
        self.places.get(&cell).map(|place| &self.elites[*place])
    }

    /// All elites, in the order in which their cells were first reached.
    pub fn elites(&self) -> &[Elite] {
        &self.elites
    }

    /// A parent: every elite is as likely as any other. `None` when there is none.
    pub fn sample(&self, rng: &mut RunRng) -> Option<&Elite> {
        self.elites.choose(rng)
    }

    /// The best of all, the first to come among equals.
    pub fn best(&self) -> Option<&Elite> {
        self.elites.iter().reduce(|best, other| if other.fitness > best.fitness { other } else { best })
    }

    /// How behaviours are told apart.
    pub fn niches(&self) -> &Niches {
        &self.niches
    }

    /// The part of the cells that have an elite, 0 to 1.
    pub fn coverage(&self) -> f64 {
        self.elites.len() as f64 / self.niches.cells() as f64
    }

    /// The QD-score (Pugh, Soros and Stanley 2016): by how much each elite is better than `worst`, the lowest
    /// fitness there can be, summed over all cells. It grows with every new cell and with every better elite.
    pub fn qd_score(&self, worst: f64) -> f64 {
        self.elites.iter().map(|elite| elite.fitness - worst).sum()
    }
}

impl From<State> for EliteArchive {
    fn from(State { niches, elites }: State) -> Self {
        let mut archive = Self::new(niches);
        for elite in elites {
            archive.insert(elite);
        }
        archive
    }
}

impl From<EliteArchive> for State {
    fn from(EliteArchive { niches, elites, .. }: EliteArchive) -> Self {
        Self { niches, elites }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::digest::Digest;
    use crate::rng::stream;

    fn niches() -> Niches {
        Niches::Grid(Grid::new(vec![(Axis::new("x", 0.0, 1.0), 4), (Axis::new("y", 0.0, 1.0), 2)]).unwrap())
    }

    fn elite(number: u64, fitness: f64, x: f64) -> Elite {
        Elite { id: Digest::of_fields([&number.to_le_bytes()[..]]), fitness, behaviour: vec![x, 0.0] }
    }

    #[test]
    fn only_who_is_better_replaces() {
        let mut archive = EliteArchive::new(niches());
        let (first, equal, better) = (elite(1, 0.5, 0.3), elite(2, 0.5, 0.4), elite(3, 0.7, 0.49));
        assert_eq!(archive.insert(first.clone()), Insertion::New { cell: 2 });
        assert_eq!(archive.insert(equal), Insertion::Rejected { cell: 2, by: first.id });
        assert_eq!(archive.insert(better.clone()), Insertion::Replaced { cell: 2, id: first.id });
        let sobered = Elite { fitness: 0.6, ..better.clone() };
        assert_eq!(archive.insert(sobered.clone()), Insertion::Renewed { cell: 2 });
        assert_eq!(archive.elite(2), Some(&sobered));
        assert_eq!(archive.insert(elite(4, f64::NAN, 0.9)), Insertion::Unplaced);
        assert_eq!(archive.insert(elite(4, 0.1, f64::NAN)), Insertion::Unplaced);
        assert_eq!(archive.insert(elite(5, 0.2, 0.9)), Insertion::New { cell: 6 });
        assert_eq!((archive.coverage(), archive.qd_score(-1.0)), (0.25, 2.8));
        assert_eq!(archive.best(), Some(&sobered));
    }

    #[test]
    fn parents_are_drawn_alike_and_those_taken_out_no_more() {
        let mut archive = EliteArchive::new(niches());
        assert_eq!(archive.sample(&mut stream(0, "test", 0)), None);
        for number in 0..4 {
            archive.insert(elite(number, 1.0, number as f64 / 4.0));
        }
        assert_eq!(archive.remove(2), Some(elite(1, 1.0, 0.25)));
        assert_eq!((archive.remove(2), archive.elite(2)), (None, None));
        assert_eq!(archive.elite(4), Some(&elite(2, 1.0, 0.5)));
        let mut wins = BTreeMap::new();
        for seed in 0..900 {
            let drawn = archive.sample(&mut stream(seed, "test", 0)).unwrap();
            *wins.entry(drawn.id).or_insert(0) += 1;
        }
        assert!(wins.len() == 3 && wins.values().all(|wins| (240..=360).contains(wins)), "{wins:?}");
    }

    proptest! {
        #[test]
        fn every_cell_keeps_its_best_and_survives_json(
            offers in prop::collection::vec((0_u64..40, -1.0..1.0, -0.5..1.5), 0..80),
        ) {
            let mut archive = EliteArchive::new(niches());
            let mut best: BTreeMap<usize, f64> = BTreeMap::new();
            for (number, (_, fitness, x)) in offers.iter().enumerate() {
                archive.insert(elite(number as u64, *fitness, *x));
                let cell = archive.niches().cell_of(&[*x, 0.0]).unwrap();
                best.entry(cell).and_modify(|best| *best = best.max(*fitness)).or_insert(*fitness);
            }
            for (cell, fitness) in &best {
                prop_assert_eq!(archive.elite(*cell).map(|elite| elite.fitness), Some(*fitness));
            }
            let ids: BTreeSet<_> = archive.elites().iter().map(|elite| elite.id).collect();
            prop_assert_eq!(ids.len(), best.len());
            let json = serde_json::to_string(&archive).unwrap();
            prop_assert_eq!(serde_json::from_str::<EliteArchive>(&json).unwrap(), archive);
        }
    }
}
