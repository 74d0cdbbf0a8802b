//! Strategies that decide what is worth doing next.

pub mod auto;
pub mod bandit;
pub mod best_of_n;
pub mod capo;
mod cases;
pub mod custom;
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
pub mod objective;
pub mod promptbreeder;
pub mod property;
pub mod random;
mod readability;
mod seeding;
#[cfg(any(test, feature = "testing"))]
pub mod suite;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::context::Context;
use crate::evaluation::Failure;
use crate::event::{FinishReason, Saved};
use crate::ledger::Ledger;
use crate::piece::{Answer, Piece, ProposalId, ProposalOrder};

pub use bandit::{Bandit, BanditConfig};
use best_of_n::BestOfN;
pub use best_of_n::BestOfNConfig;
use capo::Capo;
pub use capo::CapoConfig;
use custom::Absent;
pub use custom::{CustomConfig, OptimizerFactory};
use de::De;
pub use de::DeConfig;
use ga::Ga;
pub use ga::{GaConfig, ParentSelection, Replacement};
use generational::Generational;
pub use gepa::{Gepa, GepaConfig};
use map_elites::MapElites;
pub use map_elites::{BehaviourAxis, Division, EliteSelection, MapElitesConfig};
use novelty::NoveltySearch;
pub use novelty::NoveltySearchConfig;
use nsga2::Nsga2;
pub use nsga2::{Bounds, Constraints, Nsga2Config, Preference};
pub use objective::{Goal, Objective};
use promptbreeder::Promptbreeder;
pub use promptbreeder::PromptbreederConfig;
pub use property::Property;
use random::Random;
pub use random::RandomConfig;

/// A piece of work that an optimizer wants done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
/// It may look only at results it has asked for and been told of. Most algorithms decide the same in whatever order
/// results are told ([`AlgorithmConfig::is_order_free`]).
pub trait Optimizer: Send + Sync {
    /// Up to `slots` pieces of work, those worth most first. Less means that nothing more is worth doing until
    /// something is told.
    fn ask(&mut self, slots: usize, context: &mut Context<'_>) -> Vec<Work>;

    /// Takes note of what happened.
    fn tell(&mut self, told: Told, context: &mut Context<'_>);

    /// The candidates that make up the population now.
    fn population(&self) -> &[CandidateId];

    /// Score of a member of the population on the cases that the search ranks on: as measured there, unless the
    /// optimizer has an estimate where it does not measure everybody on all of them.
    fn score(&self, id: CandidateId, context: &Context<'_>) -> Option<f64> {
        context.ledger.mean_on(id, context.ranked())
    }

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

/// Reads the settings of an algorithm that is named, in whatever form they are written.
pub trait ReadSettings {
    /// Why they cannot be read.
    type Error;

    /// The settings of the algorithm.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn read<T: DeserializeOwned>(self) -> Result<T, Self::Error>;
}

/// All algorithms: the variant, its settings, the name a user writes, and the optimizer.
macro_rules! algorithms {
    ($($(#[$doc:meta])* $variant:ident($config:ty), $name:literal, $optimizer:ty, $start:expr;)*) => {
        /// An algorithm and its settings, as a user names it.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "name")]
        #[non_exhaustive]
        pub enum AlgorithmConfig {
            $($(#[$doc])* #[serde(rename = $name)] $variant($config),)*
            /// An optimizer that the embedding program brings.
            #[serde(rename = "custom")]
            Custom(CustomConfig),
        }

        impl AlgorithmConfig {
            /// Names of all algorithms but `custom`, in alphabetical order.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name a user writes.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Custom(_) => "custom",
                }
            }

            /// The algorithm with this name, its settings read by `reader`; `None` when there is none.
            pub fn read<R: ReadSettings>(name: &str, reader: R) -> Option<Result<Self, R::Error>> {
                match name {
                    $($name => Some(reader.read().map(Self::$variant)),)*
                    "custom" => Some(reader.read().map(Self::Custom)),
                    _ => None,
                }
            }

            /// What is wrong with the settings, with the key.
            ///
            /// # Errors
            /// The first setting that is out of its range.
            pub fn validate(&self) -> Result<(), String> {
                match self {
                    $(Self::$variant(config) => config.validate(),)*
                    Self::Custom(config) => config.validate(),
                }
            }

            fn wanted_cases(&self, evaluations: Option<u64>) -> Option<usize> {
                match self {
                    $(Self::$variant(config) => config.ranking_cases(evaluations),)*
                    Self::Custom(config) => config.ranking_cases,
                }
            }

            pub(crate) fn start(&self) -> Box<dyn Optimizer> {
                match self {
                    $(Self::$variant(config) => Box::new(<$optimizer>::new($start(config.clone()))),)*
                    Self::Custom(_) => Box::new(Absent),
                }
            }

            pub(crate) fn restore(&self, state: serde_json::Value) -> serde_json::Result<Box<dyn Optimizer>> {
                Ok(match self {
                    $(Self::$variant(_) => Box::new(serde_json::from_value::<$optimizer>(state)?),)*
                    Self::Custom(_) => Box::new(Absent),
                })
            }
        }
    };
}

algorithms! {
    /// Every candidate an arm of a growing tree, measured by Thompson sampling.
    Bandit(BanditConfig), "bandit", Bandit, std::convert::identity;
    /// Variants of the first seed, of which the best wins.
    BestOfN(BestOfNConfig), "best-of-n", Generational<BestOfN>, BestOfN::new;
    /// Crossover and paraphrase by the model, races, and a price on length (arXiv 2504.16005).
    Capo(CapoConfig), "capo", Generational<Capo>, Capo::new;
    /// Differential evolution (arXiv 2309.08532).
    De(DeConfig), "de", Generational<De>, De::new;
    /// A genetic algorithm in generations.
    Ga(GaConfig), "ga", Generational<Ga>, Ga::new;
    /// Reflective mutation with instance-wise Pareto selection (arXiv 2507.19457).
    Gepa(GepaConfig), "gepa", Gepa, std::convert::identity;
    /// The best of every kind (arXiv 1504.04909).
    MapElites(MapElitesConfig), "map-elites", Generational<MapElites>, MapElites::new;
    /// Novelty search with a minimal criterion.
    Novelty(NoveltySearchConfig), "novelty", Generational<NoveltySearch>, NoveltySearch::new;
    /// A front over several objectives, with constraints (NSGA-II).
    Nsga2(Nsga2Config), "nsga2", Generational<Nsga2>, Nsga2::new;
    /// Mutation prompts that are bred along with the prompts (arXiv 2309.16797).
    Promptbreeder(PromptbreederConfig), "promptbreeder", Generational<Promptbreeder>, Promptbreeder::new;
    /// Random operators on the seeds: the baseline.
    Random(RandomConfig), "random", Generational<Random>, Random::new;
}

impl AlgorithmConfig {
    /// Whether it can do nothing without a reflection model.
    pub fn needs_reflection(&self) -> bool {
        matches!(self, Self::Promptbreeder(_))
    }

    /// Whether the order in which results arrive changes nothing of what it decides.
    pub fn is_order_free(&self) -> bool {
        !matches!(self, Self::Bandit(_) | Self::Custom(_))
    }

    /// What it looks at beside the scores that every algorithm does: objectives and what is constrained, or the axes of
    /// an archive.
    pub fn properties(&self) -> Vec<Property> {
        match self {
            Self::Nsga2(config) => config.properties(),
            Self::MapElites(config) => config.properties(),
            Self::Custom(config) => config.properties(),
            _ => vec![],
        }
    }

    /// The names of what it looks at that the evaluator must give.
    pub fn named(&self) -> Vec<String> {
        self.properties().iter().filter_map(|property| property.named().map(str::to_owned)).collect()
    }

    /// The values of what it looks at, by name, for a candidate that was measured on each of these validation cases; as
    /// far as they are known.
    pub fn values(&self, ledger: &Ledger, id: CandidateId, cases: &[u32]) -> BTreeMap<String, f64> {
        let properties = self.properties();
        if properties.is_empty() {
            return BTreeMap::new();
        }
        let Some((candidate, means)) = ledger.candidate(id).zip(ledger.means_on(id, cases)) else {
            return BTreeMap::new();
        };
        let values = properties.iter().map(|it| (it.as_str().to_owned(), it.of(candidate, &means)));
        values.filter(|(_, value)| value.is_finite()).collect()
    }

    /// What it makes better, where that is more than the score.
    pub fn objectives(&self) -> &[Objective] {
        match self {
            Self::Nsga2(config) => &config.objectives,
            _ => &[],
        }
    }

    /// Questions to the reflection model that a search of so many evaluations makes at most, about, when each costs as
    /// much as so many of them; `None` where that is not known.
    pub fn proposals(&self, evaluations: u64, question: Option<f64>) -> u64 {
        let each = match self {
            Self::Bandit(config) => config.pace(Some(evaluations), question) as u64,
            Self::Gepa(config) => config.minibatch as u64,
            Self::Ga(config) if config.race.enabled => config.race.first_look as u64,
            _ => 1,
        };
        evaluations / each.max(1)
    }

    /// How many validation cases the search ranks on, of so many, when so many evaluations may be spent.
    pub fn ranking_cases(&self, validation: usize, evaluations: Option<u64>) -> usize {
        self.wanted_cases(evaluations).unwrap_or(validation).clamp(1, validation)
    }

    /// On how many of so many ranked cases each seed is measured, about, before the search goes on without it.
    pub fn seed_cases(&self, ranked: usize) -> usize {
        match self {
            Self::Bandit(config) => config.parent_cases.min(ranked),
            _ => ranked,
        }
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
            assert_eq!(config.name(), *name);
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
