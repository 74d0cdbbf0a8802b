//! How a simulation goes.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::landscape::{Landscape, Shift};
use crate::account::{Budget, CostModel};
use crate::case::{Case, CaseSet};
use crate::diversity::Distance;
use crate::migration::IslandSettings;
use crate::optimizers::{AlgorithmConfig, CustomConfig, Optimizer, OptimizerFactory};
use crate::run::RunSettings;
use crate::variation::rewrite::Rewrite;
use crate::variation::{Operator, Operators, VariationLimits};

/// Weight of an operator that is as good as never drawn beside others.
const SELDOM: f64 = 1e-9;

/// Price of a proposal where nothing else is said, in US dollars.
const PRICE: f64 = 0.01;

/// What makes an optimizer of one's own.
#[derive(Clone)]
pub struct Factory(pub Arc<dyn OptimizerFactory>);

impl fmt::Debug for Factory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Factory").field(&self.0.name()).finish()
    }
}

/// How a simulation goes.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What prompts are worth.
    pub landscape: Landscape,
    /// The algorithm.
    pub algorithm: AlgorithmConfig,
    /// What makes the optimizer where the algorithm is [`AlgorithmConfig::Custom`].
    pub factory: Option<Factory>,
    /// Seed of the run.
    pub seed: u64,
    /// Seed of the latencies: another order of arrival.
    pub latencies: u64,
    /// Calls under way at once, 1 or more.
    pub slots: usize,
    /// What may be spent. A call costs 0.001 dollars, a proposal 0.01; twice as much is reserved.
    pub budget: Budget,
    /// Train cases, and as many validation cases, 1 to 1,000.
    pub cases: u32,
    /// Whether there is a reflection model; otherwise an operator without a model makes the same changes.
    pub reflection: bool,
    /// The reflection models, each with the changes that it makes and the price of a proposal in US dollars; empty:
    /// one that changes prompts as the landscape says, for 0.01.
    pub models: Vec<(Landscape, f64)>,
    /// Median seconds of a proposal, above 0; a measurement takes 0.2.
    pub proposal_seconds: f64,
    /// Probability that an answer is not what the landscape says, 0 to 0.5, anew for each repeat.
    pub noise: f64,
    /// Measurements of a leader on a case in the finals.
    pub repeats: u32,
    /// Probability that a measurement cannot be had, or that the reflection model does not answer, 0 to 1.
    pub failures: f64,
    /// The run is asked to stop after so many results.
    pub stop: Option<u64>,
    /// Every result arrives twice.
    pub duplicates: bool,
    /// The run is thrown away at every checkpoint and goes on from its text form.
    pub restarts: bool,
    /// How the distance between candidates is measured.
    pub distance: Distance,
    /// Its place among islands.
    pub island: IslandSettings,
}

impl Setup {
    /// An undisturbed run with 16 slots on 60 cases, with a reflection model that helps, and so many evaluations.
    pub fn new(algorithm: AlgorithmConfig, evaluations: u64) -> Self {
        Self {
            landscape: Landscape::HELPFUL,
            algorithm,
            factory: None,
            seed: 1,
            latencies: 1,
            slots: 16,
            budget: Budget { evaluations: Some(evaluations), ..Budget::default() },
            cases: 60,
            reflection: true,
            models: vec![],
            proposal_seconds: 0.8,
            noise: 0.0,
            repeats: 1,
            failures: 0.0,
            stop: None,
            duplicates: false,
            restarts: false,
            distance: Distance::default(),
            island: IslandSettings::default(),
        }
    }

    /// A setup of an optimizer of one's own, with these settings.
    pub fn custom(factory: Arc<dyn OptimizerFactory>, settings: Value, evaluations: u64) -> Self {
        let optimizer = factory.name().to_owned();
        let config = CustomConfig { optimizer, settings, ..CustomConfig::default() };
        Self { factory: Some(Factory(factory)), ..Self::new(AlgorithmConfig::Custom(config), evaluations) }
    }

    /// A fresh optimizer.
    pub(super) fn start(&self) -> Box<dyn Optimizer> {
        match (&self.algorithm, &self.factory) {
            (AlgorithmConfig::Custom(config), Some(Factory(factory))) => factory.start(&config.settings),
            (algorithm, _) => algorithm.start(),
        }
    }

    /// An optimizer that goes on from what another said.
    pub(super) fn restore(&self, state: Value) -> serde_json::Result<Box<dyn Optimizer>> {
        match (&self.algorithm, &self.factory) {
            (AlgorithmConfig::Custom(config), Some(Factory(factory))) => {
                factory.restore(&config.settings, state)
            }
            (algorithm, _) => algorithm.restore(state),
        }
    }

    /// The settings of the run.
    pub fn settings(&self) -> RunSettings {
        RunSettings {
            seed: self.seed,
            algorithm: self.algorithm.clone(),
            seeds: vec![self.landscape.seed()],
            reflection: self.prices().into_iter().filter(|_| self.reflection).collect(),
            limits: VariationLimits::default(),
            repeats: self.repeats,
            ranking_cases: self.algorithm.ranking_cases(self.cases as usize, self.budget.evaluations),
            budget: self.budget,
            evaluation_cost: CostModel { dollars_per_call: 0.002, ..CostModel::default() },
            closing_evaluations: 0,
            distance: self.distance,
            embedding_cost: CostModel { dollars_per_call: 0.0002, ..CostModel::default() },
            island: self.island,
        }
    }

    /// Twice the prices of the models.
    fn prices(&self) -> Vec<CostModel> {
        let bound = |dollars: f64| CostModel { dollars_per_call: 2.0 * dollars, ..CostModel::default() };
        match self.models.is_empty() {
            true => vec![bound(PRICE)],
            false => self.models.iter().map(|(_, dollars)| bound(*dollars)).collect(),
        }
    }

    /// What a reflection model does to prompts, and its price.
    pub(super) fn model(&self, model: u32) -> (Landscape, f64) {
        self.models.get(model as usize).copied().unwrap_or((self.landscape, PRICE))
    }

    /// The cases of the run.
    #[expect(clippy::expect_used, reason = "the cases of the two splits differ")]
    pub fn cases(&self) -> CaseSet {
        let answer = |number: u32| if self.landscape.lean > 0.0 && number % 2 == 1 { "no" } else { "yes" };
        let cases = |split: &str| {
            (0..self.cases).map(|number| Case::new(format!("{split} {number}"), answer(number))).collect()
        };
        CaseSet::new(cases("train"), cases("validation")).expect("two splits")
    }

    /// The operators of the run. Where there is a model, the operator that needs none is drawn by those alone that may
    /// not ask.
    pub fn operators(&self) -> Operators {
        let rewrites = vec![(Rewrite::Reflect, 1.0), (Rewrite::ModelCrossover, 1.0)];
        let shift: Arc<dyn Operator> = Arc::new(Shift(self.landscape));
        let weight = if self.reflection { SELDOM } else { 1.0 };
        Operators::new(vec![(shift, weight)], rewrites)
    }
}
