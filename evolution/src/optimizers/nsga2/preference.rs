//! Which of a front is chosen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::optimizers::objective::Objective;
use crate::optimizers::property::Property;
use crate::selection::nondominated_ranks;

/// Which candidate of the front is chosen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// The best score.
    #[default]
    Score,
    /// The one furthest beyond the plane through the ends of the front: there, a little more of one objective costs
    /// much of another (Das 1999, Structural Optimization 18).
    Knee,
    /// The greatest sum of objectives, each with its weight of 0 or more, after each was scaled to 0 for the worst on
    /// the front and 1 for the best. An objective that is not named weighs nothing.
    Weights(BTreeMap<Property, f64>),
}

impl Preference {
    pub(super) fn validate(&self, objectives: &[Objective]) -> Result<(), String> {
        let Self::Weights(weights) = self else { return Ok(()) };
        for (property, weight) in weights {
            let name = property.as_str();
            if objectives.iter().all(|objective| objective.property != *property) {
                return Err(format!("`prefer` weighs `{name}`, which is not among `objectives`"));
            }
            if !(0.0..=f64::MAX).contains(weight) {
                return Err(format!("`prefer.weights.{name}` is {weight}, and must be 0 or more"));
            }
        }
        if weights.values().any(|weight| *weight > 0.0) {
            Ok(())
        } else {
            Err("`prefer.weights` must weigh one or more objectives above 0".into())
        }
    }

    /// The weight of each objective; `None` where the score alone decides.
    pub(super) fn weights(&self, objectives: &[Objective]) -> Option<Vec<f64>> {
        match self {
            Self::Score => None,
            // On scaled objectives the ends of a front are the unit vectors, and the plane through them is where the
            // objectives add up to 1.
            Self::Knee => Some(vec![1.0; objectives.len()]),
            Self::Weights(weights) => {
                let weight = |it: &Objective| weights.get(&it.property).copied().unwrap_or(0.0);
                Some(objectives.iter().map(weight).collect())
            }
        }
    }
}

/// Worst and best gain of a front in one objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Extent(f64, f64);

impl Extent {
    /// 0 for the worst and 1 for the best; 0 where all are alike, and for what is not known.
    fn scale(self, gain: f64) -> f64 {
        if self.1 > self.0 && !gain.is_nan() { (gain - self.0) / (self.1 - self.0) } else { 0.0 }
    }
}

/// How far the first front reaches in each objective; empty where nobody was measured.
pub(super) fn extents(gains: &[Vec<f64>], violations: &[f64]) -> Vec<Extent> {
    let ranks = nondominated_ranks(gains, violations);
    let front = || gains.iter().zip(&ranks).filter(|(_, rank)| **rank == 0).map(|(row, _)| row);
    let objectives = front().next().map_or(0, Vec::len);
    let extent = |objective: usize| {
        let finite = || front().map(|row| row[objective]).filter(|gain| gain.is_finite());
        Some(Extent(finite().reduce(f64::min)?, finite().reduce(f64::max)?))
    };
    (0..objectives).map_while(extent).collect()
}

/// The position of the candidate to choose: among those that nobody dominates, the greatest weighted sum of scaled
/// gains, or without weights the best score; the earlier of equals. `None` when there is no candidate that was measured.
pub(super) fn preferred(
    gains: &[Vec<f64>],
    violations: &[f64],
    scores: &[f64],
    weights: Option<&[f64]>,
    extents: &[Extent],
) -> Option<usize> {
    let worth = |at: usize| match weights {
        None => scores[at],
        Some(weights) => {
            let scaled = extents.iter().zip(&gains[at]).map(|(extent, gain)| extent.scale(*gain));
            scaled.zip(weights).map(|(gain, weight)| gain * weight).sum()
        }
    };
    let ranks = nondominated_ranks(gains, violations);
    let front = (0..gains.len()).filter(|at| ranks[*at] == 0 && !scores[*at].is_nan());
    let valued = front.map(|at| (at, worth(at)));
    valued.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::optimizers::objective::Goal;

    const BOTH: [Objective; 2] = [
        Objective { property: Property::Score, goal: Goal::Maximise },
        Objective { property: Property::Length, goal: Goal::Minimise },
    ];

    fn choice(gains: &[Vec<f64>], violations: &[f64], prefer: &Preference) -> Option<usize> {
        let scores: Vec<f64> = gains.iter().map(|row| row[0]).collect();
        let weights = prefer.weights(&BOTH);
        preferred(gains, violations, &scores, weights.as_deref(), &extents(gains, violations))
    }

    fn weighing(score: f64, length: f64) -> Preference {
        Preference::Weights(BTreeMap::from([(Property::Score, score), (Property::Length, length)]))
    }

    /// The last is dominated.
    fn front() -> Vec<Vec<f64>> {
        vec![vec![0.9, -900.0], vec![0.85, -200.0], vec![0.3, -100.0], vec![0.8, -210.0]]
    }

    #[test]
    fn score_knee_and_weights_choose_differently() {
        let none = [0.0; 4];
        assert_eq!(choice(&front(), &none, &Preference::Score), Some(0));
        assert_eq!(choice(&front(), &none, &Preference::Knee), Some(1));
        assert_eq!(choice(&front(), &none, &weighing(1.0, 0.0)), Some(0));
        assert_eq!(choice(&front(), &none, &weighing(0.0, 1.0)), Some(2));
        let unknown = [vec![0.9, f64::NAN], vec![0.3, -100.0], vec![0.8, -200.0]];
        assert_eq!(choice(&unknown, &none[1..], &weighing(0.5, 1.0)), Some(1), "what is not known is worst");
        assert_eq!(choice(&[], &[], &Preference::Knee), None);
        assert_eq!(choice(&[vec![f64::NAN; 2]], &[f64::NAN], &Preference::Score), None);
    }

    #[test]
    fn who_breaks_constraints_is_chosen_only_among_such() {
        assert_eq!(choice(&front(), &[1.0, 0.0, 0.0, 0.0], &Preference::Score), Some(1));
        assert_eq!(choice(&front(), &[1.0, 0.5, 2.0, 0.4], &Preference::Score), Some(3));
    }

    #[test]
    fn weights_must_be_of_objectives() {
        assert!(weighing(1.0, 0.5).validate(&BOTH).is_ok());
        assert!(weighing(0.0, 0.0).validate(&BOTH).is_err());
        assert!(weighing(1.0, -1.0).validate(&BOTH).is_err());
        assert!(weighing(1.0, 1.0).validate(&BOTH[..1]).unwrap_err().contains("`length`"));
    }

    proptest! {
        #[test]
        fn nobody_dominates_the_chosen(
            gains in prop::collection::vec(prop::collection::vec(0..5_u8, 2), 1..12),
            (score, length) in (0.1..1.0_f64, 0.1..1.0_f64),
        ) {
            let gains: Vec<Vec<f64>> = gains.iter().map(|row| row.iter().map(|g| f64::from(*g)).collect()).collect();
            let none = vec![0.0; gains.len()];
            for prefer in [Preference::Score, Preference::Knee, weighing(score, length)] {
                let chosen = &gains[choice(&gains, &none, &prefer).unwrap()];
                let dominates = |row: &Vec<f64>| row != chosen && row.iter().zip(chosen).all(|(a, b)| a >= b);
                prop_assert!(!gains.iter().any(dominates));
            }
        }
    }
}
