//! Non-dominated sorting with constraints (Deb, Pratap, Agarwal and Meyarivan 2002, NSGA-II).

use super::ascending;

/// The front of each candidate: 0 for those that nobody dominates, 1 for those dominated by candidates of front 0
/// alone, and so on.
///
/// Objectives (one row per candidate) are better when higher; one that is not a number, or missing at the end of a
/// row, is worse than any. One candidate dominates another when it is as good in every objective and better in one.
/// Violations say by how much a candidate breaks its constraints: 0 or less is feasible, what is not a number is
/// worst; a missing one is 0. A feasible candidate dominates every infeasible one, and of two infeasible ones the
/// one with less violation dominates (constrained domination, section VI of the paper).
///
/// Up to three objectives take O(n log² n) in any case: fronts are lengths of longest chains, found by divide and
/// conquer with a Fenwick tree (the idea of Jensen 2003). More take efficient non-dominated sorting with binary
/// search (ENS-BS; Zhang, Tian, Cheng and Jin 2015), quadratic when all candidates are in one front.
pub fn nondominated_ranks(objectives: &[impl AsRef<[f64]>], violations: &[f64]) -> Vec<u32> {
    let violation = |index: usize| match violations.get(index) {
        Some(violation) if violation.is_nan() => f64::INFINITY,
        Some(violation) if *violation > 0.0 => *violation,
        _ => 0.0,
    };
    let mut order: Vec<usize> = (0..objectives.len()).collect();
    order.sort_by(|one, other| violation(*one).total_cmp(&violation(*other)));
    let (feasible, infeasible) = order.split_at(order.partition_point(|index| violation(*index) == 0.0));

    let mut ranks = vec![0; objectives.len()];
    let mut fronts = 0;
    for (index, rank) in feasible.iter().zip(feasible_ranks(objectives, feasible)) {
        ranks[*index] = rank;
        fronts = fronts.max(rank + 1);
    }
    for alike in infeasible.chunk_by(|one, other| violation(*one) == violation(*other)) {
        alike.iter().for_each(|index| ranks[*index] = fronts);
        fronts += 1;
    }
    ranks
}

/// Fronts of `members` by their objectives alone.
fn feasible_ranks(objectives: &[impl AsRef<[f64]>], members: &[usize]) -> Vec<u32> {
    let count = members.iter().map(|index| objectives[*index].as_ref().len()).max().unwrap_or(0);
    let columns = (0..count).map(|objective| {
        let value = |index: &usize| objectives[*index].as_ref().get(objective).copied().unwrap_or(f64::NAN);
        places(&members.iter().map(value).collect::<Vec<_>>())
    });
    if count <= 3 {
        // Where there are fewer objectives, all are alike in those that are missing.
        let mut rows = vec![[0; 3]; members.len()];
        for (objective, places) in columns.enumerate() {
            rows.iter_mut().zip(places).for_each(|(row, place)| row[objective] = place);
        }
        ranks_of_distinct(&rows, chain_lengths)
    } else {
        let mut rows = vec![Vec::with_capacity(count); members.len()];
        for places in columns {
            rows.iter_mut().zip(places).for_each(|(row, place)| row.push(place));
        }
        ranks_of_distinct(&rows, fronts_by_search)
    }
}

/// The place of each value among the distinct ones, 0 for the best: integers compare faster than numbers that may
/// be none, and can index a tree.
fn places(values: &[f64]) -> Vec<u32> {
    let mut order: Vec<(f64, u32)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|one, other| ascending(other.0, one.0));
    let mut places = vec![0; values.len()];
    for (place, alike) in order.chunk_by(|one, other| ascending(one.0, other.0).is_eq()).enumerate() {
        alike.iter().for_each(|(_, index)| places[*index as usize] = place as u32);
    }
    places
}

/// Sorts rows lexicographically, so that no row is dominated by a later one, has the distinct ones ranked, and
/// gives equal rows the same rank.
fn ranks_of_distinct<R: Ord + Clone>(rows: &[R], rank: impl Fn(&[R]) -> Vec<u32>) -> Vec<u32> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_unstable_by(|one, other| rows[*one].cmp(&rows[*other]));
    let groups = || order.chunk_by(|one, other| rows[*one] == rows[*other]);
    let distinct: Vec<R> = groups().map(|alike| rows[alike[0]].clone()).collect();
    let mut ranks = vec![0; rows.len()];
    for (alike, rank) in groups().zip(rank(&distinct)) {
        alike.iter().for_each(|index| ranks[*index] = rank);
    }
    ranks
}

/// Below this many rows a comparison of all pairs is faster than to divide further.
const SMALL: usize = 32;

/// For each of distinct rows in lexicographic order the length of the longest chain of rows that ends in it.
fn chain_lengths(rows: &[[u32; 3]]) -> Vec<u32> {
    let mut by_second: Vec<u32> = (0..rows.len() as u32).collect();
    by_second.sort_unstable_by_key(|index| rows[*index as usize][1]);
    let places = rows.iter().map(|row| row[2] as usize + 1).max().unwrap_or(0);
    let mut ranks = vec![0; rows.len()];
    lengthen(rows, &mut ranks, 0, &by_second, &mut PrefixMaximum(vec![0; places]));
    ranks
}

/// Completes the ranks of the rows from `start` on that `by_second` lists, in ascending order of their second
/// place. What earlier rows add is in the ranks already.
fn lengthen(
    rows: &[[u32; 3]],
    ranks: &mut [u32],
    start: usize,
    by_second: &[u32],
    longest: &mut PrefixMaximum,
) {
    let end = start + by_second.len();
    if by_second.len() <= SMALL {
        for row in start..end {
            for earlier in start..row {
                if rows[earlier][1] <= rows[row][1] && rows[earlier][2] <= rows[row][2] {
                    ranks[row] = ranks[row].max(ranks[earlier] + 1);
                }
            }
        }
        return;
    }
    let middle = start + by_second.len() / 2;
    let (first, second): (Vec<u32>, Vec<u32>) = by_second.iter().partition(|row| (**row as usize) < middle);
    lengthen(rows, ranks, start, &first, longest);
    let mut passed = 0;
    for &row in &second {
        let [_, bound, third] = rows[row as usize];
        while passed < first.len() && rows[first[passed] as usize][1] <= bound {
            let dominator = first[passed] as usize;
            longest.raise(rows[dominator][2] as usize, ranks[dominator] + 1);
            passed += 1;
        }
        let rank = &mut ranks[row as usize];
        *rank = (*rank).max(longest.up_to(third as usize));
    }
    first[..passed].iter().for_each(|row| longest.forget(rows[*row as usize][2] as usize));
    lengthen(rows, ranks, middle, &second, longest);
}

/// A Fenwick tree (Fenwick 1994) of maxima over the beginnings of a sequence of numbers that only grow.
struct PrefixMaximum(Vec<u32>);

impl PrefixMaximum {
    fn raise(&mut self, mut place: usize, value: u32) {
        while let Some(maximum) = self.0.get_mut(place) {
            *maximum = value.max(*maximum);
            place |= place + 1;
        }
    }

    fn up_to(&self, place: usize) -> u32 {
        let (mut next, mut maximum) = (place + 1, 0);
        while next > 0 {
            maximum = maximum.max(self.0[next - 1]);
            next &= next - 1;
        }
        maximum
    }

    /// Back to 0, with all that stands for it.
    fn forget(&mut self, mut place: usize) {
        while let Some(maximum) = self.0.get_mut(place) {
            *maximum = 0;
            place |= place + 1;
        }
    }
}

/// ENS-BS on distinct rows in lexicographic order: a row belongs to the first front that has nobody who dominates
/// it. Whoever is dominated by someone of a front is dominated by someone of each front before, so that it can be
/// searched for by halves.
fn fronts_by_search(rows: &[Vec<u32>]) -> Vec<u32> {
    let mut fronts: Vec<Vec<&Vec<u32>>> = vec![];
    let mut ranks = Vec::with_capacity(rows.len());
    for row in rows {
        let dominates = |other: &Vec<u32>| other.iter().zip(row).all(|(other, own)| other <= own);
        // The last to come are the most like it, and the most likely to dominate it.
        let rank = fronts.partition_point(|front| front.iter().rev().any(|other| dominates(other)));
        match fronts.get_mut(rank) {
            Some(front) => front.push(row),
            None => fronts.push(vec![row]),
        }
        ranks.push(rank as u32);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dominates(one: &[f64], other: &[f64]) -> bool {
        one.iter().zip(other).all(|(one, other)| one >= other)
            && one.iter().zip(other).any(|(one, other)| one > other)
    }

    /// The definition: fronts are peeled off one after the other.
    fn reference(objectives: &[Vec<f64>], violations: &[f64]) -> Vec<u32> {
        let beats = |one: usize, other: usize| match (violations[one], violations[other]) {
            (0.0, 0.0) => dominates(&objectives[one], &objectives[other]),
            (one, other) => one < other,
        };
        let mut ranks = vec![0; objectives.len()];
        let mut left: Vec<usize> = (0..objectives.len()).collect();
        for rank in 0.. {
            if left.is_empty() {
                break;
            }
            let (front, rest): (Vec<_>, Vec<_>) =
                left.iter().partition(|own| !left.iter().any(|other| beats(*other, **own)));
            front.iter().for_each(|index: &usize| ranks[*index] = rank);
            left = rest;
        }
        ranks
    }

    fn populations() -> impl Strategy<Value = (Vec<Vec<f64>>, Vec<f64>)> {
        // Few distinct values make many equals, more of them long fronts.
        let spread = prop::sample::select(vec![2_u32, 6, 1_000]);
        (0_usize..6, 0_usize..120, spread).prop_flat_map(|(objectives, size, spread)| {
            let row = prop::collection::vec((0..spread).prop_map(f64::from), objectives);
            let violation = prop_oneof![3 => Just(0.0), 1 => prop::sample::select(vec![0.5, 1.0, 7.0])];
            (prop::collection::vec(row, size), prop::collection::vec(violation, size))
        })
    }

    proptest! {
        #[test]
        fn is_the_definition((objectives, violations) in populations()) {
            prop_assert_eq!(nondominated_ranks(&objectives, &violations), reference(&objectives, &violations));
        }
    }

    #[test]
    fn what_is_no_number_is_worst() {
        let rows = [vec![f64::NAN, 1.0], vec![f64::NEG_INFINITY, 1.0], vec![-0.0], vec![0.0, f64::NAN]];
        assert_eq!(nondominated_ranks(&rows, &[]), [1, 0, 0, 0]);
        assert_eq!(nondominated_ranks(&[[0.0], [0.0], [1.0]], &[f64::NAN, 9.0, -1.0]), [2, 1, 0]);
        assert!(nondominated_ranks(&[[0.0; 3]; 0], &[]).is_empty());
    }
}
