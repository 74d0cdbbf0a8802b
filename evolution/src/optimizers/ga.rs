//! A genetic algorithm: selection of parents, crossover and mutation, elitism (Holland 1975; for prompts: EvoPrompt,
//! ICLR 2024, section 3.2, whose roulette, ten members and two parents for each child are settings here).

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::generational::{Cohort, Conception, Newcomer, Rivals, Rules, Scheme};
use super::mating::{best_first, mate};
use crate::candidate::CandidateId;
use crate::race::{RaceConfig, RaceTest};
use crate::rng::RunRng;
use crate::selection::{roulette, tournament};

/// How a parent is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParentSelection {
    /// The best of some that are drawn alike.
    #[default]
    Tournament,
    /// In proportion to fitness.
    Roulette,
}

/// Settings of the genetic algorithm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GaConfig {
    /// Candidates in the population, 2 or more.
    pub population: usize,
    /// The best so many stay whatever their children are, fewer than the population.
    pub elites: usize,
    /// How a parent is drawn.
    pub selection: ParentSelection,
    /// Candidates of which the best becomes a parent, 1 or more: more presses harder.
    pub tournament: usize,
    /// Probability that a child has two parents, 0 to 1.
    pub crossover: f64,
    /// How a child's measurement is broken off early: by `bayes` unless told otherwise.
    #[serde(deserialize_with = "RaceConfig::bayes_unless_given")]
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals, 0 to 0.9.
    pub finals: f64,
}

impl Default for GaConfig {
    fn default() -> Self {
        Self {
            population: 8,
            elites: 2,
            selection: ParentSelection::Tournament,
            tournament: 3,
            crossover: 0.4,
            race: RaceConfig::of(RaceTest::Bayes),
            ranking_cases: None,
            finals: 0.15,
        }
    }
}

impl GaConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.population < 2 || self.elites >= self.population || self.tournament == 0 {
            return Err(
                "`population` must be 2 or more, `elites` fewer than that, `tournament` 1 or more".into()
            );
        }
        for (key, value) in [("crossover", self.crossover), ("finals", self.finals)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("`{key}` is {value}, and must be from 0 to 1"));
            }
        }
        self.race.validate()
    }

    /// As many as let about four generations be paid for; at least 12, below which ranks are mostly chance.
    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| cases_for_generations(self.population, evaluations))
    }
}

/// Ranking cases with which about four generations of this size can be paid for, at least 12.
pub(super) fn cases_for_generations(population: usize, evaluations: Option<u64>) -> Option<usize> {
    let generations = 4;
    evaluations.map(|most| (most as usize / (population * generations)).max(12))
}

/// Draws for a second parent that differs from the first.
const ATTEMPTS: usize = 8;

/// The genetic algorithm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ga {
    config: GaConfig,
}

impl Ga {
    pub(super) fn new(config: GaConfig) -> Self {
        Self { config }
    }

    fn draw(&self, cohort: &Cohort<'_>, rng: &mut RunRng) -> CandidateId {
        let position = match self.config.selection {
            ParentSelection::Tournament => tournament(cohort.fitness, self.config.tournament, rng),
            ParentSelection::Roulette => roulette(cohort.fitness, rng),
        };
        cohort.population[position]
    }
}

impl Scheme for Ga {
    fn rules(&self) -> Rules {
        Rules { race: self.config.race, finals: self.config.finals }
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        // The first generation fills the population up.
        let stays = if cohort.generation == 0 { cohort.population.len() } else { self.config.elites };
        self.config.population.saturating_sub(stays)
    }

    fn conceive(&self, _: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let crossed = cohort.population.len() > 1 && rng.random_bool(self.config.crossover);
        let mut parents = vec![self.draw(cohort, rng)];
        if crossed {
            // After a few draws the next in rank.
            let other = (0..ATTEMPTS).map(|_| self.draw(cohort, rng)).find(|id| *id != parents[0]);
            let next = cohort.population[usize::from(cohort.population[0] == parents[0])];
            parents.push(other.unwrap_or(next));
        }
        mate(parents, cohort, rng)
    }

    fn rivals(&self, _: &Conception, cohort: &Cohort<'_>) -> Rivals {
        Rivals::last_of(cohort.population, self.config.population)
    }

    /// The best of parents and children stay; of equals the older.
    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        let mut population = best_first(cohort.with(newcomers));
        population.truncate(self.config.population);
        population
    }
}
