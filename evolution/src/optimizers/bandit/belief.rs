//! What is believed of the arms: a posterior of each one's abilities, from all results together.
//!
//! The chance that an arm gets a case right is `logistic(ability + ease)`: the model of Rasch (1960), by which tests
//! compare people who were asked different questions. So an arm that has met the hard cases only is not thought worse,
//! and one that gets everything right is not thought to be done. Scores between 0 and 1 are taken as they are
//! (quasi-likelihood with a dispersion, McCullagh and Nelder 1989). A child's prior is its parent's posterior, moved and
//! widened by what proposals of this run have done to their parents so far (empirical Bayes, Efron and Morris 1973).
//! Posteriors are normal round their mode (Laplace).
//!
//! Where two or three answers are expected again and again, an arm has one ability for each. How much it favours an
//! answer is no ability, but may decide more results than ability does (Green and Swets 1966, on telling the two apart):
//! an arm that always gives one answer would look good wherever the others get the cases with that answer wrong.

use serde::{Deserialize, Serialize};

use super::arm::Arm;
use crate::statistics::logistic;

/// Mean and variance of an arm's ability, or of a case's ease; on the scale of log-odds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Belief {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// Prior of an arm that has no parent.
const ROOT: Belief = Belief { mean: 0.0, variance: 1.5 };
/// Prior of a case.
const CASE: Belief = Belief { mean: 0.0, variance: 1.5 };
/// With more expected answers than this there is one ability for all: too little would be known of each.
const MOST_APART: usize = 3;
/// How many results of the expected dispersion, 1, there are before there are any.
const DISPERSION: f64 = 20.0;
/// The dispersion is never taken for less: where all results came out as expected, the next may not.
const LEAST_DISPERSION: f64 = 0.05;
/// The dispersion is never taken for more: what is odder is the model's fault, not the arms'.
const MOST_DISPERSION: f64 = 1.5;
/// Mean square step from parent to child before there are any, and what it is never taken for more than.
const STEP: (f64, f64) = (0.15, 1.0);
/// The same where there are several expected answers: what makes one of them likelier moves the abilities far apart.
const STEP_OF_EACH: (f64, f64) = (1.0, 4.0);
/// What the mean square step is never taken for less than.
const LEAST_STEP: f64 = 0.01;
/// How many steps count for as much as those that are assumed: of their mean square, and of their mean, which is 0.
const ASSUMED: (f64, f64) = (6.0, 6.0);
/// Results, and what they tell, from which a child's step is learnt.
const LEARNT: (usize, f64) = (4, 0.3);
/// Rounds of the fit: each takes arms for given cases, then cases for given arms.
const ROUNDS: usize = 2;
/// Newton's steps for each arm in a round.
const STEPS_OF_NEWTON: usize = 2;
/// No step of a fit goes further: far from the mode the curve says little.
const STRIDE: f64 = 1.0;
/// What no chance is below, nor above one less it, when results are compared with it.
const SURE: f64 = 0.02;

/// The state of the model; a fit begins where the one before ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Beliefs {
    /// Which of the expected answers the case at each place of the order has, where they come again and again.
    strata: Vec<usize>,
    /// Part of the cases that ask for each ability.
    shares: Vec<f64>,
    /// Of each arm its abilities.
    abilities: Vec<Vec<Belief>>,
    /// Of each arm what they come to.
    arms: Vec<Belief>,
    /// How much easier each case is than the mean, by its place in the order.
    ease: Vec<Belief>,
    /// Variance of results, relative to that of coins with their chances.
    dispersion: f64,
    /// Results in the last fit.
    fitted: usize,
}

impl Beliefs {
    /// Before anything is known; of cases with these expected answers, by place in the order.
    pub(super) fn new(strata: Vec<usize>) -> Self {
        let answers = strata.iter().max().map_or(1, |last| last + 1);
        let abilities = if answers > MOST_APART { 1 } else { answers };
        let mut counts = vec![0_u32; abilities];
        strata.iter().for_each(|stratum| counts[(*stratum).min(abilities - 1)] += 1);
        let shares = counts.into_iter().map(|count| f64::from(count) / strata.len().max(1) as f64).collect();
        let ease = vec![CASE; strata.len()];
        Self { strata, shares, abilities: vec![], arms: vec![], ease, dispersion: 1.0, fitted: 0 }
    }

    /// Which of the expected answers the case at each place of the order has, where they come again and again.
    pub(super) fn strata(&self) -> &[usize] {
        &self.strata
    }

    /// Which ability the case at a place asks for: that with its expected answer, or the only one.
    fn asks_for(&self, place: usize) -> usize {
        self.strata[place].min(self.shares.len() - 1)
    }

    /// The ability of an arm with all cases together.
    pub(super) fn of(&self, arm: usize) -> Belief {
        self.arms.get(arm).copied().unwrap_or(ROOT)
    }

    /// The ability of an arm with the case at a place, before how easy that is.
    fn ability(&self, arm: usize, place: usize) -> f64 {
        self.abilities.get(arm).map_or(ROOT.mean, |abilities| abilities[self.asks_for(place)].mean)
    }

    /// The score that is expected of an arm on the case at a place.
    pub(super) fn expected(&self, arm: usize, place: usize) -> f64 {
        logistic(self.ability(arm, place) + self.ease[place].mean)
    }

    /// How little an arm's result on the case at a place would tell about its ability: the variance of what would be
    /// concluded from that one result, which grows where the result is hardly in doubt (Lord 1980, on choosing the
    /// question that tells most) and where the case itself is hardly known.
    pub(super) fn doubt(&self, arm: usize, place: usize) -> f64 {
        let chance = self.expected(arm, place);
        self.dispersion / (chance * (1.0 - chance)) + self.ease[place].variance
    }

    /// Fits anew when arms were added or enough was measured since, and says whether it did.
    pub(super) fn fit(&mut self, arms: &[Arm]) -> bool {
        let results = arms.iter().map(|arm| arm.results.len()).sum::<usize>();
        if self.arms.len() == arms.len() && results < self.fitted + 1 + self.fitted / 200 {
            return false;
        }
        self.fitted = results;
        self.dispersion = self.observed_dispersion(arms);
        let (step, spread) = self.step(arms);
        for _ in 0..ROUNDS {
            self.fit_arms(arms, step, spread);
            self.fit_cases(arms);
        }
        self.arms = self.abilities.iter().map(|abilities| self.together(abilities)).collect();
        true
    }

    /// Parents come before their children, so one pass is enough.
    fn fit_arms(&mut self, arms: &[Arm], step: f64, spread: f64) {
        let mut fitted: Vec<Vec<Belief>> = Vec::with_capacity(arms.len());
        for (at, arm) in arms.iter().enumerate() {
            let one = |ability: usize| {
                let prior = arm.parent.map_or(ROOT, |parent| {
                    let Belief { mean, variance } = fitted[parent][ability];
                    Belief { mean: mean + step, variance: variance + spread }
                });
                let start = self.abilities.get(at).map_or(prior, |known| known[ability]);
                (0..STEPS_OF_NEWTON).fold(start, |belief, _| {
                    self.nearer(prior, belief.mean, self.seen(arm, ability, belief.mean))
                })
            };
            fitted.push((0..self.shares.len()).map(one).collect());
        }
        self.abilities = fitted;
    }

    /// The ability with all cases together, whose chance is the mean of those with each expected answer.
    fn together(&self, abilities: &[Belief]) -> Belief {
        if let [one] = abilities {
            return *one;
        }
        let chances = abilities.iter().map(|ability| logistic(ability.mean));
        let weighed: Vec<(f64, f64)> = self.shares.iter().copied().zip(chances).collect();
        let chance = weighed.iter().map(|(share, chance)| share * chance).sum::<f64>();
        let chance = chance.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        // How much the whole moves with each (delta method).
        let slope = |(share, part): &(f64, f64)| share * part * (1.0 - part) / (chance * (1.0 - chance));
        let variance =
            weighed.iter().zip(abilities).map(|(part, ability)| slope(part).powi(2) * ability.variance);
        Belief { mean: (chance / (1.0 - chance)).ln(), variance: variance.sum() }
    }

    /// One step of Newton's from a mean towards the mode, given what results are more than expected there, and how much
    /// they tell.
    fn nearer(&self, prior: Belief, mean: f64, (residual, information): (f64, f64)) -> Belief {
        let precision = 1.0 / prior.variance + information / self.dispersion;
        let slope = (prior.mean - mean) / prior.variance + residual / self.dispersion;
        Belief { mean: mean + (slope / precision).clamp(-STRIDE, STRIDE), variance: 1.0 / precision }
    }

    /// An arm's results on the cases that ask for one of the abilities.
    fn results<'a>(&'a self, arm: &'a Arm, ability: usize) -> impl Iterator<Item = &'a (u32, f64)> {
        arm.results.iter().filter(move |(place, _)| self.asks_for(*place as usize) == ability)
    }

    /// What these are more than expected of an arm of this mean, in sum, and how much they tell about it.
    fn seen(&self, arm: &Arm, ability: usize, mean: f64) -> (f64, f64) {
        self.results(arm, ability).fold((0.0, 0.0), |seen, result| self.with(seen, mean, result))
    }

    /// The same with one more result of somebody of this ability.
    fn with(&self, (residual, information): (f64, f64), ability: f64, result: &(u32, f64)) -> (f64, f64) {
        let &(place, score) = result;
        let chance = logistic(ability + self.ease[place as usize].mean);
        (residual + score - chance, information + chance * (1.0 - chance))
    }

    fn fit_cases(&mut self, arms: &[Arm]) {
        let mut sums = vec![(0.0, 0.0); self.ease.len()];
        for (at, arm) in arms.iter().enumerate() {
            for result in &arm.results {
                let place = result.0 as usize;
                sums[place] = self.with(sums[place], self.ability(at, place), result);
            }
        }
        let fitted = self.ease.iter().zip(sums).map(|(ease, seen)| self.nearer(CASE, ease.mean, seen));
        self.ease = fitted.collect();
        // What all cases that ask for one ability have in common belongs to the arms.
        let mut means = vec![0.0; self.shares.len()];
        for (place, ease) in self.ease.iter().enumerate() {
            let ability = self.asks_for(place);
            means[ability] += ease.mean / (self.shares[ability] * self.ease.len() as f64);
        }
        for place in 0..self.ease.len() {
            self.ease[place].mean -= means[self.asks_for(place)];
        }
    }

    fn observed_dispersion(&self, arms: &[Arm]) -> f64 {
        let (mut sum, mut count) = (DISPERSION, DISPERSION);
        for (at, arm) in arms.iter().enumerate() {
            for &(place, score) in &arm.results {
                let chance = self.expected(at, place as usize).clamp(SURE, 1.0 - SURE);
                sum += (score - chance).powi(2) / (chance * (1.0 - chance));
                count += 1.0;
            }
        }
        (sum / count).clamp(LEAST_DISPERSION, MOST_DISPERSION)
    }

    /// Mean and variance of what a proposal does to its parent.
    fn step(&self, arms: &[Arm]) -> (f64, f64) {
        let (least_results, least_information) = LEARNT;
        let mut steps: Vec<(f64, f64)> = vec![];
        for (at, arm) in arms.iter().enumerate() {
            let (Some(parent), true) = (arm.parent, at < self.abilities.len()) else { continue };
            for ability in 0..self.shares.len() {
                if self.results(arm, ability).count() < least_results {
                    continue;
                }
                let mean = self.abilities[at][ability].mean;
                let (residual, information) = self.seen(arm, ability, mean);
                if information < least_information {
                    continue;
                }
                // The results alone, without the prior: one step of Newton's from the posterior.
                let alone = mean + residual / information;
                let parent = self.abilities[parent][ability];
                steps.push((alone - parent.mean, self.dispersion / information + parent.variance));
            }
        }
        // Each weighs by how well it is known.
        let (start, most) = if self.shares.len() > 1 { STEP_OF_EACH } else { STEP };
        let (squares, still) = ASSUMED;
        let weight = |error: f64| start / (start + error);
        let total: f64 = steps.iter().map(|(_, error)| weight(*error)).sum();
        let mean = steps.iter().map(|(step, error)| step * weight(*error)).sum::<f64>() / (total + still);
        let excess = steps.iter().map(|(step, error)| weight(*error) * ((step - mean).powi(2) - error));
        let spread = (excess.sum::<f64>() + start * squares) / (total + squares);
        (mean, spread.clamp(LEAST_STEP, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    /// An arm with these scores at the places from 0 on.
    fn arm(name: &str, parent: Option<usize>, places: impl Iterator<Item = u32>, score: f64) -> Arm {
        let mut arm = Arm::new(Digest::of_fields([name.as_bytes()]), parent, None);
        arm.results = places.map(|place| (place, score)).collect();
        arm
    }

    /// Fitted until nothing changes any more.
    fn fitted(arms: &[Arm], strata: &[usize]) -> Beliefs {
        let mut beliefs = Beliefs::new(strata.to_vec());
        for _ in 0..50 {
            beliefs.fitted = 0;
            beliefs.fit(arms);
        }
        beliefs
    }

    #[test]
    fn nobody_is_thought_worse_for_having_met_the_hard_cases() {
        // Of eight, all but one get each of the first 16 cases right, and one each of the last 16.
        let mut arms: Vec<Arm> = (0..8).map(|at| arm(&at.to_string(), None, 0..0, 0.0)).collect();
        for place in 0..32 {
            for (at, arm) in arms.iter_mut().enumerate() {
                let is_odd = at == place as usize % 8;
                arm.results.push((place, f64::from(u8::from((place < 16) != is_odd))));
            }
        }
        let few = |name: &str, places: std::ops::Range<u32>, right: u32| {
            let mut arm = arm(name, None, places.clone(), 0.0);
            arm.results.iter_mut().take(right as usize).for_each(|(_, score)| *score = 1.0);
            arm
        };
        // One meets the easy half and gets 14 of 16 right, one the hard half and gets 2: both are about as good as the
        // others. Six of the hard ones are more than 14 of the easy ones.
        arms.extend([few("easy", 0..16, 14), few("hard", 16..32, 2), few("better", 16..32, 6)]);
        let beliefs = fitted(&arms, &[0; 32]);
        let ability = |at: usize| beliefs.of(at).mean;
        assert!((ability(8) - ability(9)).abs() < 1.2, "{:?}", beliefs.arms);
        assert!(ability(10) > ability(8), "{:?}", beliefs.arms);
    }

    #[test]
    fn whoever_always_gives_one_answer_is_not_thought_able() {
        // All but the last favour the answer of the even places, and so get some of the odd ones wrong; it gets all of
        // the odd ones right, by never saying anything else.
        let mut arms: Vec<Arm> = (0..8).map(|at| arm(&at.to_string(), None, 0..0, 0.0)).collect();
        for (at, arm) in arms.iter_mut().enumerate() {
            arm.results.extend((0..24).filter(|place| place % 2 == 0).map(|place| (place, 1.0)));
            let is_right = |place: u32| f64::from(u8::from(place as usize % 8 < at));
            arm.results.extend((0..24).filter(|place| place % 2 == 1).map(|place| (place, is_right(place))));
        }
        let mut constant = arm("constant", None, (0..24).filter(|place| place % 2 == 1), 1.0);
        constant.results.extend((0..24).filter(|place| place % 2 == 0).map(|place| (place, 0.0)));
        arms.push(constant);
        let strata: Vec<usize> = (0..24).map(|place| place % 2).collect();
        let ability = |strata: &[usize], at: usize| fitted(&arms, strata).of(at).mean;
        assert!(ability(&strata, 8) < ability(&strata, 2), "half of all is less than two thirds");
        assert!(ability(&strata, 7) > 1.5 && ability(&strata, 8).abs() < 0.7);
        let four: Vec<usize> = (0..24).map(|place| place % 4).collect();
        assert_eq!(fitted(&arms, &four).shares, [1.0], "too many answers to tell abilities apart");
    }

    #[test]
    fn the_case_that_tells_most_is_the_one_in_doubt() {
        let mut arms: Vec<Arm> = ["a", "b", "c", "d"].map(|name| arm(name, None, 0..10, 1.0)).into();
        for (at, arm) in arms.iter_mut().enumerate() {
            arm.results.extend((10..20).map(|place| (place, f64::from(u8::from(at % 2 == 0)))));
        }
        let beliefs = fitted(&arms, &[0; 21]);
        assert!(beliefs.doubt(0, 15) < beliefs.doubt(0, 5), "all get the fifth right");
        assert!(beliefs.doubt(0, 15) < beliefs.doubt(0, 20), "nothing is known of the last");
    }

    #[test]
    fn a_child_begins_where_its_parent_stands() {
        let arms = [arm("parent", None, 0..30, 1.0), arm("child", Some(0), 0..0, 0.0)];
        let beliefs = fitted(&arms, &[0; 40]);
        let (parent, child) = (beliefs.of(0), beliefs.of(1));
        assert!(parent.mean > 1.0 && (child.mean - parent.mean).abs() < 0.1, "{parent:?} {child:?}");
        assert!(child.variance > parent.variance);
    }

    #[test]
    fn scores_that_hardly_vary_are_told_from_coins() {
        let halves = [arm("parent", None, 0..40, 0.5)];
        let mut coins = [arm("parent", None, 0..40, 0.0)];
        coins[0].results.iter_mut().step_by(2).for_each(|(_, score)| *score = 1.0);
        assert!(fitted(&halves, &[0; 40]).of(0).variance < fitted(&coins, &[0; 40]).of(0).variance / 2.0);
    }
}
