//! The operator that moves the instruction.

use rand::seq::IndexedRandom;

use super::child::first_new;
use super::{Operator, VariationContext};
use crate::candidate::{Candidate, Placement};
use crate::rng::RunRng;

/// Moves the instruction to another turn. Small models often heed one of the places only.
#[derive(Debug, Clone, Copy, Default)]
pub struct MovePlacement;

impl Operator for MovePlacement {
    fn name(&self) -> &str {
        "move_placement"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        // Without examples there is one user turn, so that two of the places are one.
        let is_same = |place: Placement| {
            let both_user = place != Placement::System && parent.placement() != Placement::System;
            place == parent.placement() || (parent.shots().is_empty() && both_user)
        };
        let others: Vec<_> = Placement::ALL.into_iter().filter(|place| !is_same(*place)).collect();
        first_new(parents, &context.limits, || Some(parent.with_placement(*others.choose(rng)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::candidate::Shot;
    use crate::rng::stream;
    use crate::variation::VariationLimits;

    fn places(parent: &Candidate) -> BTreeSet<Placement> {
        let context =
            VariationContext { train: &vec![].into(), difficulty: &[], limits: VariationLimits::default() };
        let child = |seed| MovePlacement.vary(&[parent], &context, &mut stream(seed, "test", 0)).unwrap();
        (0..20).map(|seed| child(seed).placement()).collect()
    }

    #[test]
    fn moves_only_where_the_model_sees_a_difference() {
        let bare = Candidate::from_instruction("x").unwrap();
        assert_eq!(places(&bare), BTreeSet::from([Placement::User, Placement::FirstUser]));
        assert_eq!(places(&bare.with_placement(Placement::User)), BTreeSet::from([Placement::System]));
        let taught = bare.with_shots(vec![Shot { input: "a".into(), output: "b".into() }]);
        let wanted = BTreeSet::from([Placement::System, Placement::FirstUser]);
        assert_eq!(places(&taught.with_placement(Placement::User)), wanted);
    }
}
