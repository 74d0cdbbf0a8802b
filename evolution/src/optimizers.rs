//! Strategies that decide what is worth doing next.

pub mod bandit;
pub mod best_of_n;
pub mod capo;
pub mod de;
pub mod ga;
mod generational;
pub mod gepa;
mod leaders;
pub mod map_elites;
mod mating;
mod minibatch;
pub mod novelty;
pub mod nsga2;
pub mod promptbreeder;
pub mod property;
pub mod random;
mod readability;
mod seeding;

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::context::Context;
use crate::evaluation::Failure;
use crate::event::{FinishReason, Saved};
use crate::piece::{Answer, Piece, ProposalId, ProposalOrder};

pub use bandit::{Bandit, BanditConfig};
use best_of_n::BestOfN;
pub use best_of_n::BestOfNConfig;
use capo::Capo;
pub use capo::CapoConfig;
use de::De;
pub use de::DeConfig;
use ga::Ga;
pub use ga::{GaConfig, ParentSelection};
use generational::Generational;
pub use gepa::{Gepa, GepaConfig};
use map_elites::MapElites;
pub use map_elites::{BehaviourAxis, Division, EliteSelection, MapElitesConfig};
use novelty::NoveltySearch;
pub use novelty::NoveltySearchConfig;
use nsga2::Nsga2;
pub use nsga2::{Constraints, Nsga2Config, Preference};
use promptbreeder::Promptbreeder;
pub use promptbreeder::PromptbreederConfig;
pub use property::Property;
use random::Random;
pub use random::RandomConfig;

/// A piece of work that an optimizer wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Measure a tracked candidate.
    Measure(Piece),
    /// Ask the reflection model.
    Ask(ProposalOrder),
}

/// What an optimizer is told.
#[derive(Debug)]
pub enum Told {
    /// A measurement is in the ledger, or its failure is.
    Measured(Piece),
    /// The reflection model answered.
    Answered(ProposalId, Answer),
    /// The reflection model will not answer.
    Unanswered(ProposalId, Failure),
    /// Migrants of another island came.
    Immigrated,
    /// The budget pays for no more: close with what there is.
    BudgetEnded,
    /// Somebody asked the run to stop: close with what there is.
    Stopped,
}

/// A strategy by ask and tell. It holds no scores of its own: those are in the ledger.
///
/// The order in which results are told must not change what it decides; it may look only at results it has asked
/// for and been told of.
pub trait Optimizer: Send + Sync {
    /// Up to `slots` pieces of work, those worth most first. Less means that nothing more is worth doing until
    /// something is told.
    fn ask(&mut self, slots: usize, context: &mut Context<'_>) -> Vec<Work>;

    /// Takes note of what happened.
    fn tell(&mut self, told: Told, context: &mut Context<'_>);

    /// The candidates that make up the population now.
    fn population(&self) -> &[CandidateId];

    /// Generations, or windows of a steady state, completed.
    fn generation(&self) -> u32;

    /// Evaluations that were not needed because a candidate fell early.
    fn saved(&self) -> Saved;

    /// Why it is over, once it is.
    fn finished(&self) -> Option<FinishReason>;

    /// The candidate it would choose now.
    fn choice(&self, context: &Context<'_>) -> Option<CandidateId>;

    /// Its state, for a checkpoint.
    fn save(&self) -> serde_json::Value;
}

/// An algorithm and its settings, as a user names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AlgorithmConfig {
    /// Every candidate an arm of a growing tree, measured by Thompson sampling.
    Bandit(BanditConfig),
    /// Variants of the first seed, of which the best wins.
    BestOfN(BestOfNConfig),
    /// Crossover and paraphrase by the model, races, and a price on length (arXiv 2504.16005).
    Capo(CapoConfig),
    /// Differential evolution (arXiv 2309.08532).
    De(DeConfig),
    /// A genetic algorithm in generations.
    Ga(GaConfig),
    /// Reflective mutation with instance-wise Pareto selection (arXiv 2507.19457).
    Gepa(GepaConfig),
    /// The best of every kind (arXiv 1504.04909).
    MapElites(MapElitesConfig),
    /// Novelty search with a minimal criterion.
    Novelty(NoveltySearchConfig),
    /// A front over several objectives, with constraints (NSGA-II).
    Nsga2(Nsga2Config),
    /// Mutation prompts that are bred along with the prompts (arXiv 2309.16797).
    Promptbreeder(PromptbreederConfig),
    /// Random operators on the seeds: the baseline.
    Random(RandomConfig),
}

impl AlgorithmConfig {
    /// Names of all algorithms.
    pub const NAMES: [&'static str; 11] = [
        "bandit",
        "best-of-n",
        "capo",
        "de",
        "ga",
        "gepa",
        "map-elites",
        "novelty",
        "nsga2",
        "promptbreeder",
        "random",
    ];

    /// The name a user writes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bandit(_) => "bandit",
            Self::BestOfN(_) => "best-of-n",
            Self::Capo(_) => "capo",
            Self::De(_) => "de",
            Self::Ga(_) => "ga",
            Self::Gepa(_) => "gepa",
            Self::MapElites(_) => "map-elites",
            Self::Novelty(_) => "novelty",
            Self::Nsga2(_) => "nsga2",
            Self::Promptbreeder(_) => "promptbreeder",
            Self::Random(_) => "random",
        }
    }

    /// What is wrong with the settings, with the key.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Self::Bandit(config) => config.validate(),
            Self::BestOfN(config) => config.validate(),
            Self::Capo(config) => config.validate(),
            Self::De(config) => config.validate(),
            Self::Ga(config) => config.validate(),
            Self::Gepa(config) => config.validate(),
            Self::MapElites(config) => config.validate(),
            Self::Novelty(config) => config.validate(),
            Self::Nsga2(config) => config.validate(),
            Self::Promptbreeder(config) => config.validate(),
            Self::Random(config) => config.validate(),
        }
    }

    /// Whether it can do nothing without a reflection model.
    pub fn needs_reflection(&self) -> bool {
        matches!(self, Self::Promptbreeder(_))
    }

    /// How many validation cases the search ranks on, of so many, when so many evaluations may be spent.
    pub fn ranking_cases(&self, validation: usize, evaluations: Option<u64>) -> usize {
        let wanted = match self {
            Self::Bandit(config) => config.ranking_cases(evaluations),
            Self::BestOfN(config) => config.ranking_cases(evaluations),
            Self::Capo(config) => config.ranking_cases(evaluations),
            Self::De(config) => config.ranking_cases(evaluations),
            Self::Ga(config) => config.ranking_cases(evaluations),
            Self::Gepa(config) => config.ranking_cases(evaluations),
            Self::MapElites(config) => config.ranking_cases(evaluations),
            Self::Novelty(config) => config.ranking_cases(evaluations),
            Self::Nsga2(config) => config.ranking_cases(evaluations),
            Self::Promptbreeder(config) => config.ranking_cases(evaluations),
            Self::Random(config) => config.ranking_cases(evaluations),
        };
        wanted.unwrap_or(validation).clamp(1, validation)
    }

    pub(crate) fn start(&self) -> Box<dyn Optimizer> {
        match self {
            Self::Bandit(config) => Box::new(Bandit::new(config.clone())),
            Self::BestOfN(config) => Box::new(Generational::new(BestOfN::new(config.clone()))),
            Self::Capo(config) => Box::new(Generational::new(Capo::new(config.clone()))),
            Self::De(config) => Box::new(Generational::new(De::new(config.clone()))),
            Self::Ga(config) => Box::new(Generational::new(Ga::new(config.clone()))),
            Self::Gepa(config) => Box::new(Gepa::new(config.clone())),
            Self::MapElites(config) => Box::new(Generational::new(MapElites::new(config.clone()))),
            Self::Novelty(config) => Box::new(Generational::new(NoveltySearch::new(config.clone()))),
            Self::Nsga2(config) => Box::new(Generational::new(Nsga2::new(config.clone()))),
            Self::Promptbreeder(config) => Box::new(Generational::new(Promptbreeder::new(config.clone()))),
            Self::Random(config) => Box::new(Generational::new(Random::new(config.clone()))),
        }
    }

    pub(crate) fn restore(&self, state: serde_json::Value) -> serde_json::Result<Box<dyn Optimizer>> {
        Ok(match self {
            Self::Bandit(_) => Box::new(serde_json::from_value::<Bandit>(state)?),
            Self::BestOfN(_) => Box::new(serde_json::from_value::<Generational<BestOfN>>(state)?),
            Self::Capo(_) => Box::new(serde_json::from_value::<Generational<Capo>>(state)?),
            Self::De(_) => Box::new(serde_json::from_value::<Generational<De>>(state)?),
            Self::Ga(_) => Box::new(serde_json::from_value::<Generational<Ga>>(state)?),
            Self::Gepa(_) => Box::new(serde_json::from_value::<Gepa>(state)?),
            Self::MapElites(_) => Box::new(serde_json::from_value::<Generational<MapElites>>(state)?),
            Self::Novelty(_) => Box::new(serde_json::from_value::<Generational<NoveltySearch>>(state)?),
            Self::Nsga2(_) => Box::new(serde_json::from_value::<Generational<Nsga2>>(state)?),
            Self::Promptbreeder(_) => Box::new(serde_json::from_value::<Generational<Promptbreeder>>(state)?),
            Self::Random(_) => Box::new(serde_json::from_value::<Generational<Random>>(state)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> AlgorithmConfig {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_name_is_an_algorithm_whose_defaults_are_in_range() {
        for name in AlgorithmConfig::NAMES {
            let config = read(&format!(r#"{{"name": "{name}"}}"#));
            assert_eq!(config.name(), name);
            assert_eq!(config.validate(), Ok(()), "{name}");
            assert_eq!(read(&serde_json::to_string(&config).unwrap()), config);
            assert!((1..=50).contains(&config.ranking_cases(50, Some(1_000))), "{name}");
        }
        assert!(AlgorithmConfig::NAMES.is_sorted());
    }

    #[test]
    fn settings_with_parts_are_read_and_written() {
        let config = read(
            r#"{"name": "nsga2", "objectives": ["score", "length"], "constraints": {"max_length": 900},
                "prefer": {"weights": {"score": 2, "length": 0.5}}}"#,
        );
        let AlgorithmConfig::Nsga2(nsga2) = &config else { panic!("{config:?}") };
        assert_eq!(nsga2.constraints.max_length, Some(900.0));
        assert!(matches!(&nsga2.prefer, Preference::Weights(weights) if weights[&Property::Score] == 2.0));
        assert_eq!(read(&serde_json::to_string(&config).unwrap()), config);

        let config = read(
            r#"{"name": "map-elites", "archive": {"cvt": {"cells": 30}}, "selection": "curiosity",
                "axes": [{"name": "output_tokens", "low": 0, "high": 400}]}"#,
        );
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(read(&serde_json::to_string(&config).unwrap()), config);
    }
}
