//! Merging two lineages (arXiv 2507.19457, appendix D).

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::proposal::{Proposal, Stage};
use super::window::LOOK;
use super::{Gepa, MERGE_GATE};
use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::ledger::Outcome;
use crate::rng::{RunRng, stream};
use crate::selection::ParetoFronts;

/// Part of the proposals that are merges while there is something to merge.
const SHARE: f64 = 0.2;
/// How many pairs are looked at before a merge is given up.
const ATTEMPTS: usize = 10;

impl Gepa {
    /// Opens a merge, if it is its turn and a pair can be found.
    pub(super) fn open_merge(&mut self, context: &Context<'_>) -> Option<Proposal> {
        let mut rng = stream(context.seed, "merge", self.next);
        let turn = self.config.merge && self.merges < self.config.max_merges && rng.random_bool(SHARE);
        if !turn || self.pool.population().len() < 3 {
            return None;
        }
        for _ in 0..ATTEMPTS {
            let Some((a, b, child)) = self.draw_pair(&mut rng, context) else { continue };
            self.merges += 1;
            self.merged.push((a, b));
            let mut proposal = Proposal::new(self.next, vec![a, b], self.generation_of_next());
            proposal.batch = gate_cases(a, b, &mut rng, context);
            proposal.operator = "merge".into();
            proposal.child = Some(child);
            proposal.stage = Stage::MergeGate;
            let first_look = self.config.race.looks(context.ranked().len())[0];
            proposal.reserved = (proposal.batch.len() + first_look) as u64;
            proposal.due = self.clock + LOOK;
            return Some(proposal);
        }
        None
    }

    /// Two non-dominated candidates, neither an ancestor of the other, with a common ancestor no better than either.
    fn draw_pair(
        &self,
        rng: &mut RunRng,
        context: &Context<'_>,
    ) -> Option<(CandidateId, CandidateId, Candidate)> {
        let pool = self.pool.population();
        let scores: Vec<Vec<f64>> = pool
            .iter()
            .map(|id| context.ledger.scores_on(*id, context.ranked()).unwrap_or_default())
            .collect();
        let fronts = ParetoFronts::new(&scores);
        let (a, b) = (pool[fronts.sample(rng)], pool[fronts.sample(rng)]);
        let (of_a, of_b) = (context.ledger.ancestors(a), context.ledger.ancestors(b));
        if a == b || of_a.contains(&b) || of_b.contains(&a) {
            return None;
        }
        if self.merged.contains(&(a, b)) || self.merged.contains(&(b, a)) {
            return None;
        }
        let mean = |id| context.ledger.mean_on(id, context.ranked());
        let worse = mean(a)?.min(mean(b)?);
        // In the order of birth: sets have none, and the draw must not depend on it.
        let common: Vec<CandidateId> = pool
            .iter()
            .copied()
            .filter(|id| of_a.contains(id) && of_b.contains(id))
            .filter(|id| mean(*id).is_some_and(|score| score <= worse))
            .collect();
        let ancestor = context.ledger.candidate(*common.choose(rng)?)?;
        let (first, second) = (context.ledger.candidate(a)?, context.ledger.candidate(b)?);
        let child = combine(ancestor, first, second, mean(a)? >= mean(b)?)?;
        (child.id() != a && child.id() != b).then_some((a, b, child))
    }

    /// The child passes when its sum on the gate's cases is no less than that of the better parent.
    pub(super) fn merge_gate(&mut self, at: usize, context: &Context<'_>) -> Stage {
        let proposal = &mut self.window[at];
        let Some(child) = proposal.child.as_ref().map(Candidate::id) else { return Stage::Decided(None) };
        let sum = |id| Some(context.ledger.scores_on(id, &proposal.batch)?.iter().sum::<f64>());
        let (Some(child), Some(a), Some(b)) =
            (sum(child), sum(proposal.parents[0]), sum(proposal.parents[1]))
        else {
            return Stage::Decided(Some(Outcome::Unmeasurable));
        };
        if child >= a.max(b) {
            return Stage::Racing(0);
        }
        proposal.saved.gate = (context.ranked().len() - proposal.batch.len()) as u64;
        Stage::Decided(Some(Outcome::Rejected))
    }
}

/// Cases of the gate: in turn one that the first parent does better on, one that the second does, and one where
/// they are level.
fn gate_cases(a: CandidateId, b: CandidateId, rng: &mut RunRng, context: &Context<'_>) -> Vec<u32> {
    use rand::seq::SliceRandom;

    let mut groups: [Vec<u32>; 3] = Default::default();
    let mut cases = context.ranked().to_vec();
    cases.shuffle(rng);
    for case in cases {
        let score = |id| context.ledger.mean_on(id, &[case]).unwrap_or(0.0);
        let group = match score(a).total_cmp(&score(b)) {
            std::cmp::Ordering::Greater => 0,
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => 2,
        };
        groups[group].push(case);
    }
    let most = MERGE_GATE.min(context.ranked().len());
    let mut chosen = vec![];
    while chosen.len() < most {
        chosen.extend(groups.iter_mut().filter_map(Vec::pop));
    }
    chosen.truncate(most);
    chosen
}

/// Each part (component, placement, examples) from the side that changed it since the ancestor; where both did, from
/// the better side.
fn combine(
    ancestor: &Candidate,
    first: &Candidate,
    second: &Candidate,
    first_is_better: bool,
) -> Option<Candidate> {
    let from_first = |in_ancestor_and_first: bool, in_ancestor_and_second: bool| match (
        in_ancestor_and_first,
        in_ancestor_and_second,
    ) {
        (true, false) => false,
        (false, true) => true,
        _ => first_is_better,
    };
    let mut child = if first_is_better { first.clone() } else { second.clone() };
    for (name, text) in ancestor.components() {
        let (a, b) = (first.component(name), second.component(name));
        let taken = if from_first(a == text, b == text) { a } else { b };
        child = child.with_component(name, taken).ok()?;
    }
    let placement = |c: &Candidate| c.placement() == ancestor.placement();
    let side = if from_first(placement(first), placement(second)) { first } else { second };
    child = child.with_placement(side.placement());
    let shots = |c: &Candidate| c.shots() == ancestor.shots();
    let side = if from_first(shots(first), shots(second)) { first } else { second };
    Some(child.with_shots(side.shots().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::{Placement, Shot};

    #[test]
    fn takes_each_part_from_the_side_that_changed_it() {
        let ancestor = Candidate::from_instruction("old").unwrap();
        let first = ancestor.with_component("instruction", "new").unwrap();
        let shot = Shot { input: "i".into(), output: "o".into() };
        let second = ancestor.with_placement(Placement::User).with_shots(vec![shot]);
        for better in [true, false] {
            let child = combine(&ancestor, &first, &second, better).unwrap();
            assert_eq!(child.component("instruction"), "new");
            assert_eq!((child.placement(), child.shots().len()), (Placement::User, 1));
        }
        let third = ancestor.with_component("instruction", "other").unwrap();
        assert_eq!(combine(&ancestor, &first, &third, true).unwrap(), first);
        assert_eq!(combine(&ancestor, &first, &third, false).unwrap(), third);
    }
}
