//! Which arm is measured on which case, and what a result changes.

use super::Bandit;
use super::arm::Arm;
use crate::candidate::CandidateId;
use crate::case::Split;
use crate::context::Context;
use crate::finals::PROBE;
use crate::ledger::Outcome;
use crate::piece::Piece;
use crate::rng::RunRng;

/// Measurements of one arm under way at once while there is something to breed: its next results may show that the
/// others are not worth their price.
const MOST_AT_ONCE: usize = 16;
/// The same while there are so few arms that slots would idle: what is known of the first ones helps to judge all.
const MOST_AT_THE_START: (usize, usize) = (32, 4);
/// The same at the end, when there are few arms left to choose from.
const MOST_AT_THE_END: usize = 64;
/// Of a budget, this part of the measurements may be under way at once, and never fewer than these. On 32 slots it binds
/// up to about 2,000 evaluations: what a small budget gives out before anything is known costs it more than slots that
/// wait.
const UNDER_WAY: (usize, usize) = (60, 4);
/// Of the children that the budget is good for, the part whose evaluations may be made before they come, and never fewer
/// than so many: with less, slots would wait for models that are not slow. Those that came to nothing count as if they
/// had come, so that a poor model is not asked without end.
const LEAD: (f64, f64) = (12.0, 2.0);
/// Of the evaluations for each child, the part with which a newborn goes before all others: until something is known
/// of it, proposals are made from what was best before it.
const NEWBORN: f64 = 0.4;
/// How far a draw of an arm to measure strays from what is believed, in standard deviations: Thompson sampling proper.
const CURIOSITY: f64 = 1.0;
/// The case that tells most is looked for among the first of the ranked ones, at most so many.
const CHOSEN_FROM: usize = 1_000;
/// Results after which the operator that made an arm is rewarded.
const CREDITED: usize = 8;

impl Bandit {
    /// Measurements of arms under way.
    pub(super) fn under_way(&self) -> usize {
        self.arms.iter().map(Arm::in_flight).sum()
    }

    /// So many of them at most.
    pub(super) fn most_under_way(context: &Context<'_>) -> usize {
        let (parts, least) = UNDER_WAY;
        let most = context.account.expected_evaluations();
        most.map_or(usize::MAX, |most| (most as usize / parts).max(least))
    }

    /// The measurement that is worth most now.
    pub(super) fn measurement(&mut self, context: &Context<'_>) -> Option<Piece> {
        let cases = context.order.len();
        let may_breed = self.may_breed(context);
        let mut rng = self.draw(context);
        let newborn = if may_breed { self.newborn(context) } else { None };
        let at = match newborn {
            Some(at) => at,
            None if may_breed && self.is_ahead(context) => return None,
            None => self.contender(may_breed, &mut rng, context)?,
        };
        let place = self.place(at, context);
        let arm = &mut self.arms[at];
        let (case, repeat) = (context.order[place], (arm.asked.len() / cases) as u32);
        arm.asked.push(place as u32);
        Some(Piece { candidate: arm.id, split: Split::Validation, case, repeat })
    }

    /// Whether children are under way, and so much was measured already that the next evaluations are theirs. Slots wait
    /// for a slow model: what they would spend meanwhile on those there already would be missing when its answers come.
    fn is_ahead(&self, context: &Context<'_>) -> bool {
        let (parts, least) = LEAD;
        let come = (self.born + self.refused) as f64 + (self.children(context) / parts).max(least);
        !self.proposals.is_empty() && context.account.evaluations() as f64 >= come * self.pace(context)
    }

    /// The newest arm of which hardly anything is known.
    fn newborn(&self, context: &Context<'_>) -> Option<usize> {
        let enough = ((NEWBORN * self.pace(context)).ceil() as usize).min(context.order.len());
        self.newborns(enough).next()
    }

    /// The arm of whom one more result may decide most.
    fn contender(&self, may_breed: bool, rng: &mut RunRng, context: &Context<'_>) -> Option<usize> {
        // Whoever is believed the best is measured on all ranked cases first: what is said of it in the end is measured.
        let pool = context.ranked().len();
        if !may_breed
            && let Some(best) = Self::best(&self.beliefs, &self.arms, 1)
            && self.arms[best].asked.len() < pool
        {
            return Some(best);
        }
        let (repeats, most) = match may_breed {
            true if self.arms.len() < MOST_AT_THE_START.1 => (1, MOST_AT_THE_START.0),
            true => (1, MOST_AT_ONCE),
            false => (self.repeats(context), MOST_AT_THE_END),
        };
        let all = context.order.len() * repeats;
        self.thompson(CURIOSITY, rng, |arm| arm.asked.len() < all && arm.in_flight() < most)
    }

    /// The place of the case to ask an arm about next, among those it was not asked about: first of the ranked ones, so
    /// that the best are compared on the same in the end, then as they stand in the shared order.
    ///
    /// Expected answers take turns, in the proportions of the ranked cases. What tells one ability from another tells
    /// nothing about an arm that gives the same answer to everything: asked about the cases that others get wrong, it
    /// would be right on all. Among the cases with the answer whose turn it is, it is the one that tells most.
    fn place(&self, at: usize, context: &Context<'_>) -> usize {
        let asked = &self.arms[at].asked;
        let cases = context.order.len();
        let pool = &self.beliefs.strata()[..context.ranked().len().min(CHOSEN_FROM)];
        let mut free = vec![true; pool.len()];
        let mut turns = vec![(0_u32, 0_u32); pool.iter().max().map_or(0, |last| last + 1)];
        pool.iter().for_each(|stratum| turns[*stratum].1 += 1);
        for place in asked {
            if let Some(free) = free.get_mut(*place as usize) {
                *free = false;
                turns[pool[*place as usize]].0 += 1;
            }
        }
        let open = (0..pool.len()).filter(|place| free[*place]).map(|place| {
            let (asked, all) = turns[pool[place]];
            // From the middle of each share, so that a rare answer is not asked for among the first.
            ((f64::from(asked) + 0.5) / f64::from(all), self.beliefs.doubt(at, place), place)
        });
        open.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)))
            .map_or(asked.len() % cases, |(_, _, place)| place)
    }

    /// Measurements of an arm on each case at the end: 1 where the first repeats all came out as before.
    fn repeats(&self, context: &Context<'_>) -> usize {
        let cases = context.order.len();
        let again = self.arms.iter().filter(|arm| arm.asked.len() > cases);
        let repeated = again.flat_map(|arm| {
            context.order.iter().map(move |case| context.ledger.repeats(arm.id, *case).collect::<Vec<_>>())
        });
        let repeated: Vec<Vec<f64>> = repeated.filter(|scores| scores.len() > 1).collect();
        let is_noisy = repeated.iter().any(|scores| scores.iter().any(|score| *score != scores[0]));
        if is_noisy || repeated.len() < PROBE { context.settings.repeats as usize } else { 1 }
    }

    pub(super) fn measured(&mut self, piece: &Piece, context: &mut Context<'_>) {
        if piece.split == Split::Train {
            for number in self.minibatches.told(piece) {
                self.reflect(number, context);
            }
            return;
        }
        let Some(&at) = self.positions.get(&piece.candidate) else { return };
        let ranked = context.ranked().len();
        if self.places.len() != context.order.len() {
            self.places = vec![0; context.order.len()];
            (0..).zip(context.order).for_each(|(place, case)| self.places[*case as usize] = place);
        }
        let arm = &mut self.arms[at];
        match context.ledger.result(piece) {
            Some(score) => arm.results.push((self.places[piece.case as usize], score)),
            None => arm.failed += 1,
        }
        let (id, known) = (arm.id, arm.known());
        if known == CREDITED {
            self.credit(at, context);
        }
        let arm = &mut self.arms[at];
        if !arm.ranked && known >= ranked && context.ledger.mean_on(id, context.ranked()).is_some() {
            arm.ranked = true;
            context.settle(id, Outcome::Kept, ranked);
            self.announce(id, context);
        }
    }

    /// Rewards the operator that made an arm, and the model where one did.
    fn credit(&self, at: usize, context: &mut Context<'_>) {
        let Some(born) = context.ledger.born(self.arms[at].id) else { return };
        let (id, birth) = (born.id, born.birth.clone());
        if birth.parents.is_empty() {
            return;
        }
        let reward = self.improvement(at, &birth.parents);
        context.credits.credit(&birth.operator, reward);
        if let Some(writer) = &self.arms[at].writer {
            let order = context.order;
            let cases: Vec<u32> =
                self.arms[at].results.iter().map(|(place, _)| order[*place as usize]).collect();
            context.close_proposal(writer, Some((id, reward)), &cases);
        }
    }

    /// How much more an arm scores, on the cases it was measured on, than is expected of the best of its parents there.
    fn improvement(&self, at: usize, parents: &[CandidateId]) -> f64 {
        let results = &self.arms[at].results;
        let count = results.len().max(1) as f64;
        let parents = parents.iter().filter_map(|id| self.positions.get(id));
        let expected = parents.map(|parent| {
            results.iter().map(|(place, _)| self.beliefs.expected(*parent, *place as usize)).sum::<f64>()
                / count
        });
        let score = results.iter().map(|(_, score)| score).sum::<f64>() / count;
        expected.reduce(f64::max).map_or(0.0, |expected| score - expected)
    }
}
