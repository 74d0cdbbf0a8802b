//! What is believed of the arms: a posterior of each one's mean score, from all results together.
//!
//! A result is taken as `arm + case + noise`. Cases differ in difficulty, and arms are measured on beginnings of
//! one order of cases: what a case's difficulty explains is taken off before arms are compared, so that an arm that
//! has met the hard cases only is not thought worse (two-way additive model with shrinkage; the same idea as pairing
//! by common random numbers). A child's prior is its parent's posterior, moved and widened by what proposals of
//! this run have done to their parents so far (empirical Bayes, Efron and Morris 1973).

use serde::{Deserialize, Serialize};

use super::arm::Arm;

/// Mean and variance of an arm's true mean score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Belief {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// Prior of an arm that has no parent.
const ROOT: Belief = Belief { mean: 0.5, variance: 0.0625 };
/// Variance of one result round its arm and case before there are any, and how many results that counts for.
const NOISE: (f64, f64) = (0.2, 20.0);
/// Mean square step from parent to child before there are any, and how many children that counts for.
const STEP: (f64, f64) = (0.006, 6.0);
/// How many children without a step the mean step starts with.
const STILL: f64 = 6.0;
/// How many results without difficulty each case starts with.
const EVEN: f64 = 3.0;
/// Rounds of the fit: each takes arms for given cases, then cases for given arms.
const ROUNDS: usize = 2;

/// The state of the model; a fit begins where the one before ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Beliefs {
    arms: Vec<Belief>,
    /// How much easier each case is than the mean, by its place in the order.
    ease: Vec<f64>,
    /// Results in the last fit.
    fitted: usize,
}

impl Beliefs {
    pub(super) fn of(&self, arm: usize) -> Belief {
        self.arms.get(arm).copied().unwrap_or(ROOT)
    }

    /// Fits anew when arms were added or enough was measured since.
    pub(super) fn fit(&mut self, arms: &[Arm], cases: usize) {
        let results = arms.iter().map(|arm| arm.results.len()).sum::<usize>();
        if self.arms.len() == arms.len() && results < self.fitted + 1 + self.fitted / 200 {
            return;
        }
        self.fitted = results;
        self.ease.resize(cases, 0.0);
        let noise = self.noise(arms);
        let (step, spread) = self.step(arms, noise);
        for _ in 0..ROUNDS {
            self.fit_arms(arms, noise, step, spread);
            self.fit_cases(arms);
        }
    }

    /// Parents come before their children, so one pass is enough.
    fn fit_arms(&mut self, arms: &[Arm], noise: f64, step: f64, spread: f64) {
        self.arms.resize(arms.len(), ROOT);
        for (at, arm) in arms.iter().enumerate() {
            let prior = match arm.parent {
                None => ROOT,
                Some(parent) => {
                    let parent = self.arms[parent];
                    Belief { mean: parent.mean + step, variance: parent.variance + spread }
                }
            };
            let sum: f64 = arm.results.iter().map(|&(case, score)| score - self.ease[case as usize]).sum();
            let precision = 1.0 / prior.variance + arm.results.len() as f64 / noise;
            self.arms[at] = Belief {
                mean: (prior.mean / prior.variance + sum / noise) / precision,
                variance: 1.0 / precision,
            };
        }
    }

    fn fit_cases(&mut self, arms: &[Arm]) {
        let mut sums = vec![(0.0, 0.0); self.ease.len()];
        for (arm, belief) in arms.iter().zip(&self.arms) {
            for &(case, score) in &arm.results {
                sums[case as usize].0 += score - belief.mean;
                sums[case as usize].1 += 1.0;
            }
        }
        let shrunk = |(sum, count): (f64, f64)| sum / (count + EVEN);
        self.ease = sums.into_iter().map(shrunk).collect();
        // What all cases have in common belongs to the arms.
        let mean = self.ease.iter().sum::<f64>() / self.ease.len().max(1) as f64;
        self.ease.iter_mut().for_each(|ease| *ease -= mean);
    }

    /// Variance of a result round its arm and case.
    fn noise(&self, arms: &[Arm]) -> f64 {
        let (mut sum, mut count) = (NOISE.0 * NOISE.1, NOISE.1);
        for (arm, belief) in arms.iter().zip(&self.arms) {
            for &(case, score) in &arm.results {
                sum += (score - belief.mean - self.ease[case as usize]).powi(2);
                count += 1.0;
            }
        }
        (sum / count).max(0.005)
    }

    /// Mean and variance of what a proposal does to its parent.
    fn step(&self, arms: &[Arm], noise: f64) -> (f64, f64) {
        let mut steps: Vec<(f64, f64)> = vec![];
        for arm in arms {
            let (Some(parent), count) = (arm.parent, arm.results.len() as f64) else { continue };
            if count < 4.0 {
                continue;
            }
            let mean = arm.results.iter().map(|&(case, score)| score - self.ease[case as usize]).sum::<f64>()
                / count;
            let parent = self.of(parent);
            steps.push((mean - parent.mean, noise / count + parent.variance));
        }
        // Each weighs by how well it is known.
        let weight = |error: f64| STEP.0 / (STEP.0 + error);
        let total: f64 = steps.iter().map(|(_, error)| weight(*error)).sum();
        let mean = steps.iter().map(|(step, error)| step * weight(*error)).sum::<f64>() / (total + STILL);
        let excess = steps.iter().map(|(step, error)| weight(*error) * ((step - mean).powi(2) - error));
        let spread = (excess.sum::<f64>() + STEP.0 * STEP.1) / (total + STEP.1);
        (mean, spread.clamp(0.0005, 0.06))
    }
}
