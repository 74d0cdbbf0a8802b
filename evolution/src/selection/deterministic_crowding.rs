//! Deterministic crowding (Mahfoud 1995, Niching Methods for Genetic Algorithms, chapter 6).

use super::ascending;

/// Two parents and their two children.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    /// Fitness of the parents.
    pub parents: [f64; 2],
    /// Fitness of the children.
    pub children: [f64; 2],
    /// How far each parent (rows) is from each child (columns).
    pub distances: [[f64; 2]; 2],
}

impl Family {
    /// For each parent the child that takes its place; `None` where the parent stays. Each child competes with the
    /// parent that it is more like, so that the two distances are least in sum, and must be better: a population
    /// keeps its niches, since only what is similar is replaced. Of equal sums the first child competes with the
    /// first parent.
    pub fn replacements(&self) -> [Option<usize>; 2] {
        let [[straight, crossed], [crossed_back, straight_back]] = self.distances;
        let rivals = if straight + straight_back <= crossed + crossed_back { [0, 1] } else { [1, 0] };
        [0, 1].map(|parent| {
            let child = rivals[parent];
            ascending(self.children[child], self.parents[parent]).is_gt().then_some(child)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_compete_with_the_parent_they_are_like() {
        let alike = [[0.1, 0.9], [0.8, 0.2]];
        let family = Family { parents: [0.5, 0.5], children: [0.6, 0.4], distances: alike };
        assert_eq!(family.replacements(), [Some(0), None]);
        let crossed = [[0.9, 0.1], [0.2, 0.8]];
        assert_eq!(Family { distances: crossed, ..family }.replacements(), [None, Some(0)]);
        // Though better than the first parent, the second child is not better than the one it is like.
        let family = Family { parents: [0.1, 0.9], children: [0.0, 0.8], distances: alike };
        assert_eq!(family.replacements(), [None, None]);
    }

    #[test]
    fn equals_stay_and_no_number_gives_way() {
        let even = [[0.5; 2]; 2];
        let family = Family { parents: [0.5, f64::NAN], children: [0.5, 0.1], distances: even };
        assert_eq!(family.replacements(), [None, Some(1)]);
        assert_eq!(Family { children: [f64::NAN; 2], ..family }.replacements(), [None, None]);
    }
}
