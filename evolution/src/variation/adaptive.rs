//! Adaptive operator selection: what paid off is drawn more often.
//!
//! The rule is probability matching (Goldberg 1990; Thierens, GECCO 2005) on top of the operators' own weights: an
//! operator's share grows with the reward it brought in comparison with what as many trials of the average operator
//! bring. Adaptive pursuit, which gives all to the best, is not used: a run has a few hundred trials, in which the
//! weights that were set with care know more than who happens to lead. For the same reason the comparison is
//! shrunk towards 1 as observed and expected counts are in epidemiology (Clayton and Kaldor, Biometrics 1987).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is left of a trial's weight after each further one: the last 200 or so count.
const MEMORY: f64 = 0.995;
/// How many rewards of usual size an operator is taken to have met its expectation with before its first trial.
const PRIOR: f64 = 2.0;
/// Answers that could be used which an operator is taken to have brought before its first.
const USABLE: f64 = 2.0;
/// Rewards of usual size that a trial is taken to bring while none was seen.
const HOPED: f64 = 0.25;
/// The lowest factor: no operator dies, so that one whose time comes later is found.
const LEAST: f64 = 0.25;
/// The highest factor.
const MOST: f64 = 4.0;
/// Trials that count less are forgotten.
const FORGOTTEN: f64 = 1e-6;

/// What each operator brought lately. Without any credit it changes no weight.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorCredits {
    operators: BTreeMap<String, Credit>,
    /// Of all operators.
    total: Credit,
    /// The sum of squared rewards.
    squares: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credit {
    /// The sum of rewards.
    reward: f64,
    trials: f64,
    /// Answers that could not be used.
    #[serde(default)]
    refused: f64,
}

impl OperatorCredits {
    /// Enters a trial of an operator: how much better its child was than its parent or than the best, in any unit;
    /// what is not a finite number above 0 counts as 0.
    ///
    /// The order of trials counts a little: a search that shall not depend on the order of arrival enters them in
    /// an order of its own.
    pub fn credit(&mut self, operator: &str, reward: f64) {
        let reward = if reward.is_finite() { reward.max(0.0) } else { 0.0 };
        self.age();
        self.squares += reward * reward;
        for credit in [self.operators.entry(operator.to_owned()).or_default(), &mut self.total] {
            credit.reward += reward;
            credit.trials += 1.0;
        }
    }

    /// Enters an answer that no child could be made of. It is no trial: beside operators that are seldom drawn one that
    /// always fails would be the average.
    pub fn refuse(&mut self, operator: &str) {
        self.age();
        self.operators.entry(operator.to_owned()).or_default().refused += 1.0;
    }

    fn age(&mut self) {
        for known in self.operators.values_mut().chain([&mut self.total]) {
            known.reward *= MEMORY;
            known.trials *= MEMORY;
            known.refused *= MEMORY;
        }
        self.operators.retain(|_, known| known.trials + known.refused > FORGOTTEN);
        self.squares *= MEMORY;
    }

    /// By what to multiply an operator's weight: 1 for one that was not tried. What its children brought makes it 1/4 to
    /// 4, and of that it has the share of its answers that could be used. While nothing was rewarded there is nobody to
    /// compare with, and yet each trial tells that its operator is no way out, so that the untried have their turn.
    pub fn factor(&self, operator: &str) -> f64 {
        let Some(credit) = self.operators.get(operator) else { return 1.0 };
        let used = credit.trials + USABLE;
        self.matched(credit) * used / (used + credit.refused)
    }

    fn matched(&self, credit: &Credit) -> f64 {
        // Large rewards make the usual size, so that many tiny ones cannot outweigh them by their number.
        let usual = self.squares / self.total.reward;
        let (found, expected) = if usual > 0.0 && usual.is_finite() {
            (credit.reward / usual, credit.trials * self.total.reward / self.total.trials / usual)
        } else {
            (0.0, credit.trials * HOPED)
        };
        ((found + PRIOR) / (expected + PRIOR)).clamp(LEAST, MOST)
    }

    /// The probabilities with which operators of such weights are drawn; they add up to 1, unless no weight is
    /// above 0.
    pub fn probabilities<'a>(
        &self,
        weights: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> BTreeMap<String, f64> {
        let weigh = |(name, weight): (&str, f64)| (name.to_owned(), weight * self.factor(name));
        let mut shares: BTreeMap<String, f64> = weights.into_iter().map(weigh).collect();
        let total: f64 = shares.values().sum();
        if total > 0.0 {
            shares.values_mut().for_each(|share| *share /= total);
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::RngExt;

    use super::*;
    use crate::rng::stream;

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn weights() -> [(&'static str, f64); 5] {
        NAMES.map(|name| (name, 20.0))
    }

    /// Draws 300 operators by their probabilities; `best` succeeds in 30 % of its trials, others in 5 %. The share of
    /// its draws among the last 150.
    fn share_of_best(credits: &mut OperatorCredits, best: &str, seed: u64) -> f64 {
        let mut rng = stream(seed, "test", 0);
        let mut drawn_of_best = 0;
        for trial in 0..300 {
            let mut at = rng.random_range(0.0..1.0);
            let shares = credits.probabilities(weights());
            let drawn = shares.iter().find(|(_, share)| {
                at -= **share;
                at < 0.0
            });
            let name = drawn.map_or("e", |(name, _)| name);
            let succeeds = rng.random_bool(if name == best { 0.3 } else { 0.05 });
            drawn_of_best += u32::from(name == best && trial >= 150);
            credits.credit(name, if succeeds { 0.1 } else { 0.0 });
        }
        f64::from(drawn_of_best) / 150.0
    }

    #[test]
    fn the_best_is_drawn_more_often_and_the_next_best_after_it() {
        let shares: Vec<(f64, f64)> = (0..10)
            .map(|seed| {
                let mut credits = OperatorCredits::default();
                (share_of_best(&mut credits, "b", seed), share_of_best(&mut credits, "d", seed + 100))
            })
            .collect();
        let mean = |part: fn(&(f64, f64)) -> f64| shares.iter().map(part).sum::<f64>() / 10.0;
        // A fifth without credits.
        assert!(mean(|pair| pair.0) > 0.35, "{shares:?}");
        assert!(mean(|pair| pair.1) > 0.35, "what was learnt before is forgotten: {shares:?}");
    }

    #[test]
    fn a_single_success_proves_little() {
        let mut credits = OperatorCredits::default();
        (0..100).for_each(|_| credits.credit("a", 0.0));
        credits.credit("b", 0.02);
        assert!((1.2..1.6).contains(&credits.factor("b")), "{}", credits.factor("b"));
        assert!((0.6..0.8).contains(&credits.factor("a")), "{}", credits.factor("a"));
        assert_eq!(credits.factor("c"), 1.0);
    }

    #[test]
    fn whose_answers_cannot_be_used_is_asked_seldom() {
        let mut credits = OperatorCredits::default();
        credits.credit("b", 0.1);
        (0..6).for_each(|_| credits.refuse("a"));
        assert!((0.24..0.26).contains(&credits.factor("a")), "{}", credits.factor("a"));
        assert_eq!(credits.factor("c"), 1.0);
        // Nobody else gains by it.
        assert!((0.9..=1.0).contains(&credits.factor("b")), "{}", credits.factor("b"));
        (0..100).for_each(|_| credits.refuse("a"));
        assert!((0.01..0.05).contains(&credits.factor("a")), "{}", credits.factor("a"));
        (0..300).for_each(|_| credits.credit("a", 0.1));
        assert!(credits.factor("a") > 0.85, "it is forgotten: {}", credits.factor("a"));
    }

    #[test]
    fn while_nothing_helps_the_untried_have_their_turn() {
        let mut credits = OperatorCredits::default();
        (0..8).for_each(|_| credits.credit("a", 0.0));
        credits.credit("b", 0.0);
        assert!((0.45..0.55).contains(&credits.factor("a")), "{}", credits.factor("a"));
        assert!((0.85..0.95).contains(&credits.factor("b")), "{}", credits.factor("b"));
        assert_eq!(credits.factor("c"), 1.0);
        (0..100).for_each(|_| credits.credit("a", 0.0));
        assert_eq!(credits.factor("a"), LEAST);
    }

    #[test]
    fn the_unit_does_not_matter() {
        let (mut cents, mut dollars) = (OperatorCredits::default(), OperatorCredits::default());
        for (name, reward) in [("a", 3.0), ("b", 0.0), ("a", 1.0), ("b", 2.0), ("a", f64::NAN), ("b", -1.0)] {
            cents.credit(name, reward);
            dollars.credit(name, reward / 100.0);
        }
        assert!((cents.factor("a") - dollars.factor("a")).abs() < 1e-12);
        assert!(cents.factor("a") > 1.0 && cents.factor("b") < 1.0);
    }

    proptest! {
        #[test]
        fn nobody_dies_and_the_text_form_is_exact(
            trials in prop::collection::vec((0_usize..5, 0.0..1.0_f64), 0..400),
        ) {
            let mut credits = OperatorCredits::default();
            trials.iter().for_each(|(name, reward)| credits.credit(NAMES[*name], reward.powi(4)));
            let shares = credits.probabilities(weights());
            prop_assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(shares.values().all(|share| *share >= 0.2 * LEAST / MOST));
            let json = serde_json::to_string(&credits).unwrap();
            prop_assert_eq!(serde_json::from_str::<OperatorCredits>(&json).unwrap(), credits);
        }
    }
}
