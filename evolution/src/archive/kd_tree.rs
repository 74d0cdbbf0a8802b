//! Nearest neighbours in few dimensions.

/// A balanced k-d tree (Bentley 1975; Friedman, Bentley and Finkel 1977), in place: the middle of every range of
/// `order` is its root, the halves its sides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KdTree {
    points: Vec<Vec<f64>>,
    order: Vec<u32>,
}

impl KdTree {
    /// Of points with finite coordinates, all of the same number of dimensions, of which there is at least one.
    pub(super) fn new(points: Vec<Vec<f64>>) -> Self {
        let mut order: Vec<u32> = (0..points.len() as u32).collect();
        arrange(&points, &mut order, 0);
        Self { points, order }
    }

    pub(super) fn points(&self) -> &[Vec<f64>] {
        &self.points
    }

    /// The number of the point nearest to a place, the lowest of several; `None` when there is no point.
    pub(super) fn nearest(&self, place: &[f64]) -> Option<usize> {
        let mut best = (f64::INFINITY, u32::MAX);
        self.search(&self.order, 0, place, &mut best);
        (best.1 != u32::MAX).then_some(best.1 as usize)
    }

    fn search(&self, range: &[u32], dimension: usize, place: &[f64], best: &mut (f64, u32)) {
        let (before, [root, after @ ..]) = range.split_at(range.len() / 2) else { return };
        let point = &self.points[*root as usize];
        let distance = squared_distance(point, place);
        if distance < best.0 || (distance == best.0 && *root < best.1) {
            *best = (distance, *root);
        }
        let beyond = place[dimension] - point[dimension];
        let (near, far) = if beyond < 0.0 { (before, after) } else { (after, before) };
        let next = (dimension + 1) % place.len();
        self.search(near, next, place, best);
        // As far as the best is not too far: the lowest of several nearest may be there.
        if beyond * beyond <= best.0 {
            self.search(far, next, place, best);
        }
    }
}

fn arrange(points: &[Vec<f64>], range: &mut [u32], dimension: usize) {
    if range.len() < 2 {
        return;
    }
    let coordinate = |index: &u32| points[*index as usize][dimension];
    let middle = range.len() / 2;
    let (before, root, after) =
        range.select_nth_unstable_by(middle, |one, other| coordinate(one).total_cmp(&coordinate(other)));
    let next = (dimension + 1) % points[*root as usize].len();
    arrange(points, before, next);
    arrange(points, after, next);
}

pub(super) fn squared_distance(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| (one - other) * (one - other)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_the_lowest_of_the_nearest(
            points in prop::collection::vec(prop::collection::vec((0_u8..6).prop_map(f64::from), 3), 0..60),
            place in prop::collection::vec(-1.0..7.0, 3),
        ) {
            let distance = |index: &usize| squared_distance(&points[*index], &place);
            let nearest =
                (0..points.len()).min_by(|one, other| distance(one).total_cmp(&distance(other)));
            prop_assert_eq!(KdTree::new(points.clone()).nearest(&place), nearest);
        }
    }
}
