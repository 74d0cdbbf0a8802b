//! A genetic algorithm: selection of parents, crossover and mutation, elitism (Holland 1975; for prompts: EvoPrompt,
//! ICLR 2024, section 3.2, whose roulette, ten members and two parents for each child are settings here).

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::cases::cases_by_root;
use super::generational::{Cohort, Conception, Newcomer, Rivals, Rules, Scheme};
use super::mating::{best_first, mate};
use crate::candidate::CandidateId;
use crate::diversity::{CollapseWatch, Likeness, RestartConfig, SharingConfig, shared_fitness};
use crate::race::{RaceConfig, RaceTest};
use crate::rng::RunRng;
use crate::selection::{Lexicase, epsilon_greedy, roulette, tournament};

/// How a parent is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParentSelection {
    /// The best of some that are drawn alike.
    #[default]
    Tournament,
    /// In proportion to fitness.
    Roulette,
    /// One of the best, or with probability `epsilon` anyone.
    EpsilonGreedy,
    /// Case by case in random order, each keeping those that do about best on it: who is best where others fail
    /// becomes a parent too.
    Lexicase,
}

/// Who makes room for a child.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replacement {
    /// The worst of parents and children.
    #[default]
    Worst,
    /// The parent that it is most like, if it is better: niches are kept (deterministic crowding; Mahfoud 1995,
    /// chapter 6).
    Crowding,
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
    /// For `epsilon-greedy`: how often anyone becomes a parent, 0 to 1.
    pub epsilon: f64,
    /// Probability that a child has two parents, 0 to 1.
    pub crossover: f64,
    /// Who makes room for a child.
    pub replacement: Replacement,
    /// Whether members that are alike share their fitness when parents are drawn, and within what distance.
    pub sharing: Option<SharingConfig>,
    /// Whether a population whose members have become alike begins anew, and when.
    pub restart: Option<RestartConfig>,
    /// Children nearer than this to anybody known are not measured, 0 to 1. By embeddings, which are asked for with the
    /// first measurement, they fall at their first look, and are compared with those born before.
    pub min_distance: f64,
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
            epsilon: 0.2,
            crossover: 0.4,
            replacement: Replacement::Worst,
            sharing: None,
            restart: None,
            min_distance: 0.0,
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
        for (key, value) in [
            ("crossover", self.crossover),
            ("epsilon", self.epsilon),
            ("finals", self.finals),
            ("min_distance", self.min_distance),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("`{key}` is {value}, and must be from 0 to 1"));
            }
        }
        self.sharing.map_or(Ok(()), |sharing| sharing.validate())?;
        self.restart.map_or(Ok(()), |restart| restart.validate())?;
        self.race.validate()
    }

    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| cases_by_root(evaluations))
    }
}

/// Draws for a second parent that differs from the first.
const ATTEMPTS: usize = 8;

/// The genetic algorithm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ga {
    config: GaConfig,
    watch: CollapseWatch,
    /// Whether the next generation comes from the seeds, because the population has collapsed.
    anew: bool,
}

impl Ga {
    pub(super) fn new(config: GaConfig) -> Self {
        Self { config, watch: CollapseWatch::default(), anew: false }
    }

    fn draw(&self, cohort: &Cohort<'_>, rng: &mut RunRng) -> CandidateId {
        let shared = self.config.sharing.map(|sharing| {
            let distance = distances(cohort.population, cohort);
            shared_fitness(cohort.fitness, &sharing, distance)
        });
        let fitness = shared.as_deref().unwrap_or(cohort.fitness);
        let position = match self.config.selection {
            ParentSelection::Tournament => tournament(fitness, self.config.tournament, rng),
            ParentSelection::Roulette => roulette(fitness, rng),
            ParentSelection::EpsilonGreedy => epsilon_greedy(fitness, self.config.epsilon, rng),
            ParentSelection::Lexicase => {
                let (ledger, ranked) = (&cohort.context.ledger, cohort.context.ranked());
                let scores = |id: &CandidateId| -> Vec<Option<f64>> {
                    ranked.iter().map(|case| ledger.score(*id, *case)).collect()
                };
                let rows: Vec<_> = cohort.population.iter().map(scores).collect();
                Lexicase::with_epsilon(&rows).sample(rng)
            }
        };
        cohort.population[position]
    }
}

/// Distances between candidates, by their places.
fn distances(ids: &[CandidateId], cohort: &Cohort<'_>) -> impl Fn(usize, usize) -> f64 + use<> {
    let of = |id: &CandidateId| cohort.candidate(*id).map(|it| cohort.context.likenesses.of(it));
    let all: Vec<Option<Likeness>> = ids.iter().map(of).collect();
    move |one, other| match (&all[one], &all[other]) {
        (Some(one), Some(other)) => one.distance(other),
        _ => 1.0,
    }
}

/// Each child takes the place of the parent that it is most like, if that is still there and worse.
fn crowd(newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
    let mut members: Vec<(CandidateId, f64)> = cohort.with(&[]).collect();
    for newcomer in newcomers {
        let likenesses = cohort.context.likenesses;
        let Some(child) = cohort.candidate(newcomer.id).map(|it| likenesses.of(it)) else { continue };
        let parents = newcomer.conception.as_ref().map_or(&[][..], |conception| &conception.parents);
        let far =
            |id: &CandidateId| cohort.candidate(*id).map_or(1.0, |it| child.distance(&likenesses.of(it)));
        let there = (0..members.len()).filter(|at| parents.is_empty() || parents.contains(&members[*at].0));
        let nearest = there.min_by(|a, b| far(&members[*a].0).total_cmp(&far(&members[*b].0)));
        if let Some(at) = nearest.filter(|at| newcomer.fitness > members[*at].1) {
            members[at] = (newcomer.id, newcomer.fitness);
        }
    }
    best_first(members)
}

impl Scheme for Ga {
    fn rules(&self) -> Rules {
        Rules { min_distance: self.config.min_distance, ..Rules::new(self.config.race, self.config.finals) }
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        // The first generation fills the population up, and so does that after a collapse.
        let there = cohort.population.len();
        let stays = if there < self.config.population { there } else { self.config.elites };
        self.config.population.saturating_sub(stays).max(1)
    }

    fn conceive(&self, _: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        if self.anew {
            let seeds = &cohort.context.settings.seeds;
            return mate(vec![seeds[rng.random_range(0..seeds.len())].id()], cohort, rng);
        }
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
        match self.config.replacement {
            Replacement::Worst => Rivals::last_of(cohort.population, self.config.population),
            Replacement::Crowding => Rivals::default(),
        }
    }

    /// The best of parents and children stay; of equals the older.
    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        let mut population = match self.config.replacement {
            Replacement::Crowding if cohort.population.len() >= self.config.population => {
                crowd(newcomers, cohort)
            }
            _ => best_first(cohort.with(newcomers)),
        };
        population.truncate(self.config.population);
        self.anew = false;
        if let Some(restart) = self.config.restart {
            let distance = distances(&population, cohort);
            let count = population.len();
            let pairs = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
            let all: Vec<f64> = pairs.map(|(one, other)| distance(one, other)).collect();
            let diversity = if all.is_empty() { 1.0 } else { all.iter().sum::<f64>() / all.len() as f64 };
            if self.watch.observe(diversity, &restart) {
                // The best stand first, so their places stand for their fitness.
                let fitness: Vec<f64> = (0..count).map(|place| -(place as f64)).collect();
                let staying = restart.survivors(&fitness, &distance);
                let all = std::mem::take(&mut population);
                population = staying.into_iter().map(|place| all[place]).collect();
                self.anew = true;
            }
        }
        population
    }
}
