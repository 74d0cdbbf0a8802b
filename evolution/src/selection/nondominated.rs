//! Non-dominated sorting with constraints (Deb, Pratap, Agarwal and Meyarivan 2002, NSGA-II).

/// The front of each candidate: 0 for those that nobody dominates, 1 for those dominated by candidates of front 0
/// alone, and so on.
///
/// Objectives (one row per candidate) are better when higher; one that is not a number, or missing at the end of a
/// row, is worse than any. One candidate dominates another when it is as good in every objective and better in one.
/// Violations say by how much a candidate breaks its constraints: 0 or less is feasible, what is not a number is
/// worst; a missing one is 0. A feasible candidate dominates every infeasible one, and of two infeasible ones the
/// one with less violation dominates (constrained domination, section VI of the paper).
///
/// With up to three objectives a candidate's front is found by two binary searches, since of each front only a
/// staircase in two objectives is needed (the sweep of Kung, Luccio and Preparata 1975): O(n log² n) comparisons,
/// and moves within a staircase, which is seldom long. More objectives take efficient non-dominated sorting with
/// binary search (ENS-BS; Zhang, Tian, Cheng and Jin 2015), quadratic when all candidates are in one front.
pub fn nondominated_ranks(objectives: &[impl AsRef<[f64]>], violations: &[f64]) -> Vec<u32> {
    ranks_of_best(objectives, violations, usize::MAX)
}

/// The same of the first fronts that have at least so many candidates together; others may be [`UNRANKED`].
pub(super) fn ranks_of_best(objectives: &[impl AsRef<[f64]>], violations: &[f64], wanted: usize) -> Vec<u32> {
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
    for (index, rank) in feasible.iter().zip(feasible_ranks(objectives, feasible, wanted)) {
        ranks[*index] = rank;
        fronts = fronts.max(rank.saturating_add(1));
    }
    if feasible.len() >= wanted {
        infeasible.iter().for_each(|index| ranks[*index] = UNRANKED);
        return ranks;
    }
    for alike in infeasible.chunk_by(|one, other| violation(*one) == violation(*other)) {
        alike.iter().for_each(|index| ranks[*index] = fronts);
        fronts += 1;
    }
    ranks
}

/// Fronts of `members` by their objectives alone.
fn feasible_ranks(objectives: &[impl AsRef<[f64]>], members: &[usize], wanted: usize) -> Vec<u32> {
    let rows = || members.iter().map(|index| objectives[*index].as_ref());
    let count = rows().map(<[f64]>::len).max().unwrap_or(0);
    let key_of = |row: &[f64], objective: usize| key(row.get(objective).copied().unwrap_or(f64::NAN));
    if count > 3 {
        let mut fronts = Fronts::new(wanted);
        let keys = rows().map(|row| (0..count).map(|objective| key_of(row, objective)).collect::<Vec<_>>());
        ranks_in_order(keys, |row| rank_by_search(&mut fronts, row))
    } else {
        let mut fronts = Fronts::new(wanted);
        // Where there are fewer objectives, all are alike in those that are missing.
        let key = |row: &[f64], objective| if objective < count { key_of(row, objective) } else { 0 };
        let keys = rows().map(|row| [0, 1, 2].map(|objective| key(row, objective)));
        ranks_in_order(keys, |[_, second, third]| rank_by_staircase(&mut fronts, [*second, *third]))
    }
}

/// A number that is the smaller the better a value is; the same for both zeros, the greatest for what is not a
/// number. It compares faster than a value that may be none.
pub(super) fn key(value: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    let bits = (value + 0.0).to_bits();
    match value {
        _ if value.is_nan() => u64::MAX,
        _ if bits & SIGN == 0 => !(bits | SIGN),
        _ => bits,
    }
}

/// Has rows ranked one after the other in lexicographic order, in which no row is dominated by a later one; equal
/// ones once.
fn ranks_in_order<R: AsRef<[u64]>>(
    rows: impl Iterator<Item = R>,
    mut rank: impl FnMut(&R) -> u32,
) -> Vec<u32> {
    let rows: Vec<R> = rows.collect();
    let row = |(_, index): &(u64, u32)| &rows[*index as usize];
    // Most rows differ in the first number: the whole is compared only where they do not.
    let heads = rows.iter().map(|row| row.as_ref()[0]);
    let mut order: Vec<(u64, u32)> = heads.zip(0..).collect();
    order.sort_unstable_by_key(|(head, _)| *head);
    let mut ranks = vec![0; rows.len()];
    for same_head in order.chunk_by_mut(|one, other| one.0 == other.0) {
        same_head.sort_unstable_by(|one, other| row(one).as_ref().cmp(row(other).as_ref()));
        for alike in same_head.chunk_by(|one, other| row(one).as_ref() == row(other).as_ref()) {
            let rank = rank(row(&alike[0]));
            alike.iter().for_each(|(_, index)| ranks[*index as usize] = rank);
        }
    }
    ranks
}

/// The rank of a candidate that is on none of the fronts wanted.
pub(super) const UNRANKED: u32 = u32::MAX;

/// The fronts so far, the best first, as far as they are wanted.
struct Fronts<F> {
    fronts: Vec<F>,
    sizes: Vec<usize>,
    /// How many rows are on all fronts but the last.
    before_last: usize,
    wanted: usize,
    /// Whether later fronts were given up.
    is_closed: bool,
}

impl<F: Default> Fronts<F> {
    fn new(wanted: usize) -> Self {
        Self { fronts: vec![], sizes: vec![], before_last: 0, wanted, is_closed: false }
    }

    /// Has the next row join the first front that has nobody who dominates it. Whoever is dominated by someone of a
    /// front is dominated by someone of each front before, so that it can be searched for by halves.
    fn join(&mut self, dominates: impl Fn(&F) -> bool, add: impl FnOnce(&mut F)) -> u32 {
        let rank = self.fronts.partition_point(dominates);
        if rank == self.fronts.len() {
            if self.is_closed {
                return UNRANKED;
            }
            self.before_last += self.sizes.last().unwrap_or(&0);
            self.fronts.push(F::default());
            self.sizes.push(0);
        }
        add(&mut self.fronts[rank]);
        self.sizes[rank] += 1;
        self.before_last += usize::from(rank + 1 < self.fronts.len());
        // Fronts only grow: once those before the last have enough, nobody else of it is wanted.
        while self.before_last >= self.wanted && self.fronts.len() > 1 {
            self.is_closed = true;
            self.fronts.pop();
            self.sizes.pop();
            self.before_last -= self.sizes.last().unwrap_or(&0);
        }
        rank as u32
    }
}

/// Of all rows of a front so far, those best in the second and third objective: in ascending order of the one and
/// therefore in descending order of the other.
type Staircase = Vec<[u64; 2]>;

fn rank_by_staircase(fronts: &mut Fronts<Staircase>, [second, third]: [u64; 2]) -> u32 {
    let dominates = |stairs: &Staircase| {
        let not_worse = stairs.partition_point(|stair| stair[0] <= second);
        not_worse > 0 && stairs[not_worse - 1][1] <= third
    };
    fronts.join(dominates, |stairs| {
        let start = stairs.partition_point(|stair| stair[0] < second);
        let passed = stairs[start..].iter().take_while(|stair| stair[1] >= third).count();
        if passed == 0 {
            stairs.insert(start, [second, third]);
        } else {
            stairs[start] = [second, third];
            stairs.drain(start + 1..start + passed);
        }
    })
}

fn rank_by_search(fronts: &mut Fronts<Vec<Vec<u64>>>, row: &[u64]) -> u32 {
    let dominates = |other: &Vec<u64>| other.iter().zip(row).all(|(other, own)| other <= own);
    // The last to come are the most like it, and the most likely to dominate it.
    fronts.join(|front| front.iter().rev().any(dominates), |front| front.push(row.to_vec()))
}

/// The positions of the members of each front.
pub(super) fn fronts(ranks: &[u32]) -> Vec<Vec<usize>> {
    let ranked = || ranks.iter().enumerate().filter(|(_, rank)| **rank != UNRANKED);
    let count = ranked().map(|(_, rank)| *rank as usize + 1).max().unwrap_or(0);
    let mut fronts = vec![vec![]; count];
    ranked().for_each(|(index, rank)| fronts[*rank as usize].push(index));
    fronts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::selection::ascending;

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
            let ranks = nondominated_ranks(&objectives, &violations);
            prop_assert_eq!(&ranks, &reference(&objectives, &violations));
            for wanted in [0, 1, ranks.len() / 3, ranks.len()] {
                let whole = fronts(&ranks);
                let best = fronts(&ranks_of_best(&objectives, &violations, wanted));
                let mut left = wanted;
                for front in 0..whole.len() {
                    if left == 0 {
                        break;
                    }
                    prop_assert_eq!(&best[front], &whole[front], "of {} wanted", wanted);
                    left = left.saturating_sub(whole[front].len());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn keys_descend_as_values_ascend(one in prop::num::f64::ANY, other in prop::num::f64::ANY) {
            prop_assert_eq!(key(one).cmp(&key(other)), ascending(other, one));
        }
    }

    #[test]
    fn what_is_no_number_is_worst() {
        assert_eq!(key(0.0), key(-0.0));
        assert!(key(f64::NEG_INFINITY) < key(f64::NAN) && key(f64::INFINITY) < key(f64::MAX));
        let rows = [vec![f64::NAN, 1.0], vec![f64::NEG_INFINITY, 1.0], vec![-0.0], vec![0.0, f64::NAN]];
        assert_eq!(nondominated_ranks(&rows, &[]), [1, 0, 0, 0]);
        assert_eq!(nondominated_ranks(&[[0.0], [0.0], [1.0]], &[f64::NAN, 9.0, -1.0]), [2, 1, 0]);
        assert!(nondominated_ranks(&[[0.0; 3]; 0], &[]).is_empty());
    }
}
