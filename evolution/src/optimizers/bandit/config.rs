//! How the bandit is set up.

use serde::{Deserialize, Serialize};

/// Evaluations for each child where children are free.
const FREE: f64 = 4.0;
/// Evaluations for each child at most.
const DEAREST: f64 = 60.0;

/// Settings of [`Bandit`](super::Bandit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BanditConfig {
    /// Questions to the reflection model under way at once, 1 or more; absent: an eighth of the children that the budget
    /// is good for, from 6 to 24. More bring children of older knowledge, fewer may bring them too late.
    pub in_flight: Option<usize>,
    /// Evaluations for each child, 1 or more. Fewer look at more candidates, and know less of each. Absent: 4 where
    /// there is no reflection model and children are free; else 0.92 times the root of the evaluations that may be
    /// made, from 6 to 60, or 5 times the root of what a question costs in evaluations, from 4 to 60, where prices
    /// are known and that is less, or where the evaluations are not limited.
    pub evaluations_per_child: Option<f64>,
    /// How far the draw of a parent strays from what is believed, in standard deviations, 0 to 2: 1 is Thompson sampling
    /// proper, less is greedier.
    pub exploration: f64,
    /// Cases on which an arm must have been measured before it can be a parent, 1 or more; never more than half the
    /// evaluations for each child.
    pub parent_cases: usize,
    /// Train cases whose answers the reflection model is shown, 1 or more.
    pub minibatch: usize,
    /// Proposals for which a parent keeps its minibatch, 1 or more.
    pub minibatch_uses: usize,
    /// Probability that a child has two parents where operators for two are at hand, 0 to 1.
    pub crossover: f64,
    /// Part of the evaluations at the end that brings no new candidates, 0 to 0.9.
    pub finals: f64,
    /// Validation cases that the search ranks on and chooses from what to ask, 1 or more; absent: a twentieth of the
    /// evaluations, at least 24. It measures the best on all.
    pub ranking_cases: Option<usize>,
    /// Children after which a window is complete: progress is reported and the state made durable.
    pub window: usize,
}

impl Default for BanditConfig {
    fn default() -> Self {
        Self {
            in_flight: None,
            evaluations_per_child: None,
            exploration: 0.25,
            parent_cases: 6,
            minibatch: 4,
            minibatch_uses: 4,
            crossover: 0.2,
            finals: 0.1,
            ranking_cases: None,
            window: 8,
        }
    }
}

impl BanditConfig {
    pub(in crate::optimizers) fn validate(&self) -> Result<(), String> {
        let counts = [self.parent_cases, self.minibatch, self.minibatch_uses, self.window];
        let optional = [self.in_flight, self.ranking_cases];
        if counts.contains(&0) || optional.contains(&Some(0)) {
            return Err("`in_flight`, `parent_cases`, `minibatch`, `minibatch_uses`, `ranking_cases` and \
                        `window` must be 1 or more"
                .into());
        }
        if let Some(each) = self.evaluations_per_child
            && !(1.0..=1e6).contains(&each)
        {
            return Err(format!("`evaluations_per_child` is {each}, and must be from 1 to 1,000,000"));
        }
        if !(0.0..=2.0).contains(&self.exploration) {
            return Err(format!("`exploration` is {}, and must be from 0 to 2", self.exploration));
        }
        if !(0.0..=1.0).contains(&self.crossover) {
            return Err(format!("`crossover` is {}, and must be from 0 to 1", self.crossover));
        }
        if !(0.0..=0.9).contains(&self.finals) {
            return Err(format!("`finals` is {}, and must be from 0 to 0.9", self.finals));
        }
        Ok(())
    }

    /// A twentieth of the evaluations, at least 24: enough to choose from, and few enough for the best to be measured on
    /// all of them.
    pub(in crate::optimizers) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| evaluations.map(|most| (most as usize / 20).max(24)))
    }

    /// Questions under way at once, when so many children are to come.
    pub(super) fn in_flight(&self, children: f64) -> usize {
        self.in_flight.unwrap_or_else(|| ((children / 8.0) as usize).clamp(6, 24))
    }

    /// Evaluations for each child, when so many may be made in all, and a question to the reflection model costs as
    /// much as so many of them; `None` where that is not known.
    ///
    /// The root of the price: for the same money, in simulations with questions as dear as 3, 10 and 30 evaluations,
    /// 5 to 8, 12 to 20 and 20 evaluations for each reach most.
    pub(in crate::optimizers) fn pace(&self, evaluations: Option<u64>, question: Option<f64>) -> f64 {
        let by_number = evaluations.map(|most| (0.92 * (most as f64).sqrt()).clamp(6.0, DEAREST));
        let by_price = question.map(|price| (5.0 * price.sqrt()).clamp(FREE, DEAREST));
        let least = by_number.into_iter().chain(by_price).fold(DEAREST, f64::min);
        self.evaluations_per_child.unwrap_or(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dear_questions_are_asked_more_seldom() {
        let tenths = |pace: f64| (pace * 10.0).round() / 10.0;
        let pace = |evaluations, question| tenths(BanditConfig::default().pace(evaluations, question));
        assert_eq!(pace(Some(10_000), None), 60.0);
        assert_eq!(pace(Some(400), None), 18.4);
        assert_eq!(pace(Some(20), None), 6.0);
        assert_eq!(pace(None, Some(9.0)), 15.0);
        assert_eq!(pace(None, Some(0.0)), 4.0);
        assert_eq!(pace(None, Some(1e6)), 60.0);
        assert_eq!(pace(None, None), 60.0);
        // Whoever limits the evaluations alone does not mind what questions cost.
        assert_eq!(pace(Some(400), Some(9.0)), 15.0);
        assert_eq!(pace(Some(400), Some(100.0)), 18.4);
        let set = BanditConfig { evaluations_per_child: Some(9.0), ..BanditConfig::default() };
        assert_eq!(set.pace(Some(400), Some(4.0)), 9.0);
    }
}
