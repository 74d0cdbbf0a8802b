//! Crowding distance and the crowded comparison (Deb, Pratap, Agarwal and Meyarivan 2002, NSGA-II).

use std::cmp::Ordering;

use super::nondominated::{fronts, key, nondominated_ranks, ranks_of_best};

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
    let mut survivors = Vec::with_capacity(keep.min(objectives.len()));
    for front in fronts(&ranks_of_best(objectives, violations, keep)) {
        if survivors.len() >= keep {
            break;
        }
        let room = room_on(objectives, &front);
        let mut order: Vec<(u64, usize)> = room.into_iter().map(key).zip(front).collect();
        order.sort_by_key(|(room, _)| *room);
        survivors.extend(order.into_iter().map(|(_, index)| index));
    }
    survivors.truncate(keep);
    survivors
}

/// How much room each candidate has on its front: the sum over the objectives of the gap between its two neighbours
/// there, as a part of the front's extent. Who is first or last in an objective has infinite room; of several with
/// the same value the earlier comes first. A gap to a value that is not finite counts as the whole extent.
pub fn crowding_distances(objectives: &[impl AsRef<[f64]>], ranks: &[u32]) -> Vec<f64> {
    let mut distances = vec![0.0; ranks.len()];
    for front in fronts(ranks) {
        let room = room_on(objectives, &front);
        front.into_iter().zip(room).for_each(|(index, room)| distances[index] = room);
    }
    distances
}

/// The room of each member of a front.
fn room_on(objectives: &[impl AsRef<[f64]>], front: &[usize]) -> Vec<f64> {
    let rows = || front.iter().map(|index| objectives[*index].as_ref());
    let count = rows().map(<[f64]>::len).max().unwrap_or(0);
    let mut room = vec![0.0; front.len()];
    let mut line: Vec<(u64, u32, f64)> = Vec::with_capacity(front.len());
    for objective in 0..count {
        let values = rows().map(|row| row.get(objective).copied().unwrap_or(f64::NAN));
        line.clear();
        line.extend(values.zip(0..).map(|(value, place)| (key(value), place, value)));
        line.sort_by_key(|(key, ..)| *key);
        let (Some((_, first, _)), Some((_, last, _))) = (line.first(), line.last()) else { continue };
        room[*first as usize] = f64::INFINITY;
        room[*last as usize] = f64::INFINITY;
        let mut finite = line.iter().map(|(_, _, value)| *value).filter(|value| value.is_finite());
        let Some(best) = finite.next() else { continue };
        let extent = best - finite.next_back().unwrap_or(best);
        for neighbours in line.windows(3) {
            let [better, (_, place, _), worse] = neighbours else { continue };
            if better.0 < worse.0 {
                let part = (better.2 - worse.2) / extent;
                room[*place as usize] += if part.is_finite() { part } else { 1.0 };
            }
        }
    }
    room
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
            let standings = crowded_ranks(&objectives, &[]);
            let order = |index: &usize, other: &usize| standings[*index].compare(&standings[*other]);
            prop_assert!(survivors.is_sorted_by(|one, other| order(one, other).then(one.cmp(other)).is_lt()));
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
