//! The choice among several reflection models: who brings most improvement for its price is asked most.
//!
//! The rule is an upper confidence bound (UCB1-Tuned: Auer, Cesa-Bianchi and Fischer 2002, section 4) on the mean
//! improvement, divided by the mean price, as in fractional KUBE for arms that cost different amounts (Tran-Thanh et
//! al., AAAI 2012). What differs: improvements have no scale that is known before, so that the variance is that
//! over all models; what came long ago counts less, for improvements become rarer as a search goes on (discounted UCB: Garivier
//! and Moulines 2011); and questions under way count as asked, so that many at once do not all go to one model (Liu et
//! al., ICLR 2020).

use serde::{Deserialize, Serialize};

use crate::account::CostModel;

/// What is left of a trial's weight after each further one: the last hundred or so count.
const MEMORY: f64 = 0.99;

/// What a model brought, for reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelTally {
    /// Answers that came.
    pub proposals: u64,
    /// Candidates that came of them.
    pub used: u64,
    /// By how much these scored more than the best of their parents, added up over those that did.
    pub improvement: f64,
    /// US dollars that the job paid for the answers, where the price is known.
    pub dollars: f64,
}

impl std::ops::AddAssign for ModelTally {
    fn add_assign(&mut self, other: Self) {
        self.proposals += other.proposals;
        self.used += other.used;
        self.improvement += other.improvement;
        self.dollars += other.dollars;
    }
}

/// A model that a proposal is left to, and what its answers took so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Place of the model among those of the job, from 0.
    pub model: u32,
    /// Questions that are answered, or will never be.
    answers: u32,
    /// What the answers cost in US dollars, whoever paid for them.
    dollars: f64,
}

impl Asked {
    /// Takes note of an answer, and what it cost whoever paid for it; 0 for one that will not come.
    pub fn heard(&mut self, price: f64) {
        self.answers += 1;
        self.dollars += price;
    }
}

/// What each reflection model brought lately, and whom to ask next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelCredits {
    models: Vec<Credit>,
    /// Whether improvements compare by dollars: not where a price is nothing or not known.
    per_dollar: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Credit {
    under_way: u32,
    trials: f64,
    reward: f64,
    squares: f64,
    dollars: f64,
    tally: ModelTally,
}

impl ModelCredits {
    /// Nothing is known of models with these upper bounds on the price of a proposal.
    pub(crate) fn new(prices: &[CostModel]) -> Self {
        let per_dollar = prices.iter().all(|price| price.dollars_per_call > 0.0);
        Self { models: vec![Credit::default(); prices.len()], per_dollar }
    }

    /// The model to leave the next proposal to. It is under way until [`close`](Self::close).
    ///
    /// A search that shall not depend on the order of arrival opens and closes proposals in an order of its own.
    pub fn ask(&mut self) -> Asked {
        let bounds: Vec<f64> = (0..self.models.len()).map(|at| self.bound(at)).collect();
        let best = (0..bounds.len()).reduce(|best, at| {
            let fewer = self.models[at].asked().total_cmp(&self.models[best].asked()).reverse();
            if bounds[at].total_cmp(&bounds[best]).then(fewer).is_gt() { at } else { best }
        });
        let model = best.unwrap_or(0);
        if let Some(credit) = self.models.get_mut(model) {
            credit.under_way += 1;
        }
        Asked { model: model as u32, answers: 0, dollars: 0.0 }
    }

    /// Enters what came of a proposal: by how much its child scored more than the best of its parents (what is not
    /// above 0 counts as 0), and the US dollars that the child's evaluations cost. One that was never asked for is
    /// forgotten.
    pub fn close(&mut self, asked: &Asked, improvement: f64, evaluations: f64) {
        let at = asked.model as usize;
        let Some(credit) = self.models.get_mut(at) else { return };
        credit.under_way = credit.under_way.saturating_sub(1);
        if asked.answers == 0 {
            return;
        }
        let reward = if improvement.is_finite() { improvement.max(0.0) } else { 0.0 };
        for known in &mut self.models {
            for sum in [&mut known.trials, &mut known.reward, &mut known.squares, &mut known.dollars] {
                *sum *= MEMORY;
            }
        }
        let credit = &mut self.models[at];
        credit.trials += 1.0;
        credit.reward += reward;
        credit.squares += reward * reward;
        credit.dollars += asked.dollars + evaluations;
        credit.tally.improvement += reward;
    }

    /// Counts an answer that came, and what the job paid for it.
    pub(crate) fn answered(&mut self, model: u32, dollars: f64) {
        if let Some(credit) = self.models.get_mut(model as usize) {
            credit.tally.proposals += 1;
            credit.tally.dollars += dollars;
        }
    }

    /// Counts a candidate that came of a proposal.
    pub fn used(&mut self, asked: &Asked) {
        if let Some(credit) = self.models.get_mut(asked.model as usize) {
            credit.tally.used += 1;
        }
    }

    /// What each model brought, in the order of the job.
    pub fn tallies(&self) -> impl Iterator<Item = ModelTally> {
        self.models.iter().map(|credit| credit.tally)
    }

    /// Upper confidence bound on the improvement for each dollar, or for each proposal where prices do not compare.
    fn bound(&self, at: usize) -> f64 {
        let credit = &self.models[at];
        if credit.asked() == 0.0 {
            return f64::INFINITY;
        }
        let sum = |part: fn(&Credit) -> f64| self.models.iter().map(part).sum::<f64>();
        let trials = sum(|credit| credit.trials);
        if trials == 0.0 {
            return 0.0;
        }
        // Of who has not answered yet the same is expected as of all others.
        let mean = |part: fn(&Credit) -> f64| match credit.trials > 0.0 {
            true => part(credit) / credit.trials,
            false => sum(part) / trials,
        };
        let average = sum(|credit| credit.reward) / trials;
        let variance = (sum(|credit| credit.squares) / trials - average * average).max(0.0);
        let asked = sum(Credit::asked).max(1.0);
        let bound = mean(|credit| credit.reward) + (variance * asked.ln() / credit.asked()).sqrt();
        // Who has only failed so far has cost nothing.
        let prices = [mean(|credit| credit.dollars), sum(|credit| credit.dollars) / trials];
        let price = prices.into_iter().find(|price| self.per_dollar && *price > 0.0);
        bound / price.unwrap_or(1.0)
    }
}

impl Credit {
    fn asked(&self) -> f64 {
        self.trials + f64::from(self.under_way)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::RngExt;

    use super::*;
    use crate::rng::{RunRng, stream};

    fn credits(prices: &[f64]) -> ModelCredits {
        let cost = |dollars: &f64| CostModel { dollars_per_call: *dollars, ..CostModel::default() };
        ModelCredits::new(&prices.iter().map(cost).collect::<Vec<_>>())
    }

    /// Share of the questions that each model is asked, of 200 of which eight are under way at once.
    fn shares(prices: &[f64], rewards: impl Fn(usize, &mut RunRng) -> f64, seed: u64) -> Vec<f64> {
        let (mut credits, mut rng) = (credits(prices), stream(seed, "test", 0));
        let (mut under_way, mut counts) = (std::collections::VecDeque::new(), vec![0.0; prices.len()]);
        for _ in 0..200 {
            let asked = credits.ask();
            counts[asked.model as usize] += 1.0 / 200.0;
            under_way.push_back(asked);
            if under_way.len() == 8 {
                let mut asked = under_way.pop_front().unwrap();
                let model = asked.model as usize;
                asked.heard(prices[model]);
                credits.close(&asked, rewards(model, &mut rng), 0.0);
            }
        }
        counts
    }

    fn luck(probability: f64, rng: &mut RunRng) -> f64 {
        if rng.random_bool(probability) { rng.random_range(0.0..0.1) } else { 0.0 }
    }

    #[test]
    fn who_helps_more_for_its_price_is_asked_most() {
        let mean = |shares: &dyn Fn(u64) -> Vec<f64>, model: usize| {
            (0..20).map(|seed| shares(seed)[model]).sum::<f64>() / 20.0
        };
        // The same price, three times the improvement.
        let better = mean(&|seed| shares(&[0.01, 0.01], |at, rng| luck([0.2, 0.6][at], rng), seed), 1);
        assert!(better > 0.7, "{better}");
        // Half as good for a tenth of the price.
        let cheaper = mean(&|seed| shares(&[0.1, 0.01], |at, rng| luck([0.6, 0.3][at], rng), seed), 1);
        assert!(cheaper > 0.8, "{cheaper}");
        // The price of one is not known: by proposal the first is better.
        let unknown = mean(&|seed| shares(&[0.1, 0.0], |at, rng| luck([0.6, 0.2][at], rng), seed), 0);
        assert!(unknown > 0.7, "{unknown}");
        // Nobody helps: all are asked alike.
        let nothing = shares(&[0.1, 0.01, 0.1], |_, _| 0.0, 1);
        assert!(nothing.iter().all(|share| (share - 1.0 / 3.0).abs() < 0.01), "{nothing:?}");
    }

    #[test]
    fn questions_under_way_are_spread_and_those_never_asked_do_not_count() {
        let mut known = credits(&[1.0, 1.0]);
        let asked: Vec<Asked> = (0..4).map(|_| known.ask()).collect();
        assert_eq!(asked.iter().map(|asked| asked.model).collect::<Vec<_>>(), [0, 1, 0, 1]);
        asked.iter().for_each(|asked| known.close(asked, 1.0, 1.0));
        assert_eq!(known, credits(&[1.0, 1.0]));
    }

    proptest! {
        #[test]
        fn one_model_is_asked_always_and_the_text_form_is_exact(
            trials in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), 0..100), models in 1..4_usize,
        ) {
            let mut credits = credits(&vec![0.5; models]);
            for (reward, price) in trials {
                let mut asked = credits.ask();
                prop_assert!((asked.model as usize) < models);
                asked.heard(price);
                credits.answered(asked.model, price);
                credits.close(&asked, reward, 0.1);
            }
            let json = serde_json::to_string(&credits).unwrap();
            prop_assert_eq!(serde_json::from_str::<ModelCredits>(&json).unwrap(), credits);
        }
    }
}
