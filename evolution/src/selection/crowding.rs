//! Crowding distance and the crowded comparison (Deb, Pratap, Agarwal and Meyarivan 2002, NSGA-II).

use std::cmp::Ordering;

use super::ascending;
use super::nondominated::nondominated_ranks;

/// Where a candidate stands in a population with several objectives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrowdedRank {
    /// Its front, 0 for the best.
    pub rank: u32,
    /// How much room it has on its front, 0 or more; infinite for one that is first or last in an objective.
    pub distance: f64,
}

impl CrowdedRank {
    /// The crowded comparison, less is better: the lower front, and on the same front more room.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| other.distance.total_cmp(&self.distance))
    }
}

/// Where each candidate stands; for what objectives and violations mean see [`nondominated_ranks`].
pub fn crowded_ranks(objectives: &[impl AsRef<[f64]>], violations: &[f64]) -> Vec<CrowdedRank> {
    let ranks = nondominated_ranks(objectives, violations);
    let distances = crowding_distances(objectives, &ranks);
    ranks.into_iter().zip(distances).map(|(rank, distance)| CrowdedRank { rank, distance }).collect()
}

/// The positions of the `keep` candidates that survive, best first by the crowded comparison; among equals the
/// earlier comes first. For what objectives and violations mean see [`nondominated_ranks`].
pub fn nsga2_survivors(objectives: &[impl AsRef<[f64]>], violations: &[f64], keep: usize) -> Vec<usize> {
    let standings = crowded_ranks(objectives, violations);
    let mut order: Vec<usize> = (0..standings.len()).collect();
    order.sort_by(|one, other| standings[*one].compare(&standings[*other]));
    order.truncate(keep);
    order
}

/// How much room each candidate has on its front: the sum over the objectives of the gap between its two neighbours
/// there, as a part of the front's extent. Who is first or last in an objective has infinite room; of several with
/// the same value it is the earlier that counts as first and the later as last. A gap to a value that is not finite
/// counts as the whole extent.
pub fn crowding_distances(objectives: &[impl AsRef<[f64]>], ranks: &[u32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_by_key(|index| ranks[*index]);
    let mut distances = vec![0.0; ranks.len()];
    for front in order.chunk_by(|one, other| ranks[*one] == ranks[*other]) {
        let count = front.iter().map(|index| objectives[*index].as_ref().len()).max().unwrap_or(0);
        for objective in 0..count {
            let value = |index: &usize| objectives[*index].as_ref().get(objective).copied();
            let mut line: Vec<(f64, usize)> =
                front.iter().map(|index| (value(index).unwrap_or(f64::NAN), *index)).collect();
            line.sort_by(|one, other| ascending(one.0, other.0));
            make_room(&line, &mut distances);
        }
    }
    distances
}

/// Adds the room that the members of a front have in one objective, in whose order they stand.
fn make_room(line: &[(f64, usize)], distances: &mut [f64]) {
    let (Some((_, first)), Some((_, last))) = (line.first(), line.last()) else { return };
    distances[*first] = f64::INFINITY;
    distances[*last] = f64::INFINITY;
    let finite = || line.iter().map(|(value, _)| *value).filter(|value| value.is_finite());
    let (Some(low), Some(high)) = (finite().next(), finite().next_back()) else { return };
    for neighbours in line.windows(3) {
        let [(below, _), (_, index), (above, _)] = neighbours else { continue };
        if ascending(*below, *above).is_lt() {
            let part = (above - below) / (high - low);
            distances[*index] += if part.is_finite() { part } else { 1.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_on_a_line_by_hand() {
        let objectives = [[0.0, 4.0], [1.0, 3.0], [3.0, 1.0], [4.0, 0.0], [0.5, 0.5]];
        let standings = crowded_ranks(&objectives, &[]);
        assert_eq!(standings.iter().map(|standing| standing.rank).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
        let room: Vec<f64> = standings.iter().map(|standing| standing.distance).collect();
        assert_eq!(room, [f64::INFINITY, 1.5, 1.5, f64::INFINITY, f64::INFINITY]);
    }

    #[test]
    fn the_crowded_leave_first_and_the_infeasible_before_them() {
        let objectives = [[0.0, 9.0], [5.0, 4.0], [5.1, 3.9], [5.2, 3.8], [9.0, 0.0], [20.0, 20.0]];
        let violations = [0.0, 0.0, 0.0, 0.0, 0.0, 0.1];
        assert_eq!(nsga2_survivors(&objectives, &violations, 4), [0, 4, 1, 3]);
        assert_eq!(nsga2_survivors(&objectives, &violations, 9), [0, 4, 1, 3, 2, 5]);
    }

    #[test]
    fn without_extent_nobody_but_the_ends_has_room() {
        let same = [[1.0]; 4];
        assert_eq!(crowding_distances(&same, &[0; 4]), [f64::INFINITY, 0.0, 0.0, f64::INFINITY]);
        let odd = [[f64::NAN], [f64::NEG_INFINITY], [1.0], [2.0], [f64::INFINITY]];
        assert_eq!(crowding_distances(&odd, &[0; 5])[1..4], [1.0, 1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn no_survivor_is_dominated_by_one_who_left(
            objectives in prop::collection::vec(prop::array::uniform3((0_u8..9).prop_map(f64::from)), 1..60),
            keep in 0_usize..60,
        ) {
            let survivors = nsga2_survivors(&objectives, &[], keep);
            prop_assert_eq!(survivors.len(), keep.min(objectives.len()));
            let gone = (0..objectives.len()).filter(|index| !survivors.contains(index));
            for gone in gone {
                for own in &survivors {
                    let (one, other) = (objectives[gone], objectives[*own]);
                    let is_as_good = one.iter().zip(&other).all(|(one, other)| one >= other);
                    prop_assert!(!is_as_good || one == other, "{other:?} stays and {one:?} leaves");
                }
            }
        }

        #[test]
        fn room_is_never_nan(rows in prop::collection::vec(prop::array::uniform2(any::<f64>()), 0..30)) {
            prop_assert!(crowded_ranks(&rows, &[]).iter().all(|standing| standing.distance >= 0.0));
        }
    }
}
