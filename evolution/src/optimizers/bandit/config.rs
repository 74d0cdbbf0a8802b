//! How the bandit is set up.

use serde::{Deserialize, Serialize};

/// Settings of [`Bandit`](super::Bandit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BanditConfig {
    /// Questions to the reflection model under way at once, 1 or more. More bring children of older knowledge.
    pub in_flight: usize,
    /// Evaluations for each child, 1 or more; absent: 4 where there is no reflection model and children are free,
    /// else 0.92 times the root of the evaluations that may be spent, from 6 to 60. Fewer look at more candidates,
    /// and know less of each; where questions cost little, fewer reach more.
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
            in_flight: 6,
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
        let counts = [self.in_flight, self.parent_cases, self.minibatch, self.minibatch_uses, self.window];
        if counts.contains(&0) || self.ranking_cases == Some(0) {
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

    /// Evaluations for each child, when so many may be made in all.
    pub(in crate::optimizers) fn pace(&self, evaluations: Option<u64>, reflection: bool) -> f64 {
        let by_budget = || match reflection {
            true => evaluations.map_or(60.0, |most| (0.92 * (most as f64).sqrt()).clamp(6.0, 60.0)),
            false => 4.0,
        };
        self.evaluations_per_child.unwrap_or_else(by_budget)
    }
}
