//! MAP-Elites: the best of every kind (Mouret and Clune 2015, arXiv 1504.04909), kinds being the cells of a grid or of a
//! centroidal Voronoi tessellation (Vassiliades, Chatzilygeroudis and Mouret 2018, arXiv 1610.05729).
//!
//! As in the papers, a parent is any elite, and a child becomes one when its cell is empty or when it is better than who
//! stands there. What differs: children come in generations, by the run's operators; fitness is the mean on the ranked
//! cases; and where the text alone decides a child's cell, it races against the elite of the cell and need not be
//! measured on all cases to lose.

mod division;

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::cases::cases_by_root;
use super::generational::{Cohort, Conception, Made, Newcomer, Rivals, Rules, Scheme};
use super::leaders::check_finals;
use super::mating::{best_first, mate};
use super::property::Property;
use crate::archive::{Elite, EliteArchive, Niches};
use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::ledger::{Means, Outcome};
use crate::race::RaceConfig;
use crate::rng::RunRng;
use crate::selection::roulette;

pub use division::{BehaviourAxis, Division};

/// How a parent is drawn among the elites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EliteSelection {
    /// All are alike.
    #[default]
    Uniform,
    /// In proportion to curiosity (Cully and Demiris 2018, IEEE Transactions on Evolutionary Computation 22:2): it
    /// starts at 1, rises by 1 for every child that became an elite and falls by 0.5 for every other, down to 0.1.
    Curiosity,
}

/// Settings of MAP-Elites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MapElitesConfig {
    /// How the space of behaviours is divided into cells.
    pub archive: Division,
    /// The dimensions of behaviour, one or more, none of them twice. An archive over `latency` differs from run to run.
    /// Who was given no value on an axis that the evaluator names has no cell, and is no elite.
    pub axes: Vec<BehaviourAxis>,
    /// How a parent is drawn.
    pub selection: EliteSelection,
    /// Children of a generation, 1 or more (the paper: one at a time, or batches of 200 in its experiments).
    pub batch: usize,
    /// Probability that a child has two parents, 0 to 1 (the paper leaves it open).
    pub crossover: f64,
    /// How a child's measurement is broken off early: once it can hardly be better than the elite of its cell, where
    /// `length`, `readability` and `shots` alone are axes. Otherwise its cell is known only in the end, and nobody falls.
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals among the best five, 0 to 0.9.
    pub finals: f64,
}

impl Default for MapElitesConfig {
    fn default() -> Self {
        let axis = |name, low, high, cells| BehaviourAxis { name, low, high, cells };
        Self {
            archive: Division::Grid,
            axes: vec![axis(Property::Length, 0.0, 3_000.0, 6), axis(Property::Shots, 0.0, 9.0, 3)],
            selection: EliteSelection::Uniform,
            batch: 12,
            crossover: 0.4,
            race: RaceConfig::default(),
            ranking_cases: None,
            finals: 0.15,
        }
    }
}

impl MapElitesConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        self.archive.check(&self.axes)?;
        if self.batch == 0 {
            return Err("`batch` must be 1 or more".into());
        }
        if !(0.0..=1.0).contains(&self.crossover) {
            return Err(format!("`crossover` is {}, and must be from 0 to 1", self.crossover));
        }
        check_finals(self.finals)?;
        self.race.validate()
    }

    /// What it looks at.
    pub(super) fn properties(&self) -> Vec<Property> {
        self.axes.iter().map(|axis| axis.name.clone()).collect()
    }

    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| cases_by_root(evaluations))
    }
}

/// Curiosity of a new elite, and what a child adds or takes.
const CURIOSITY: f64 = 1.0;
const REWARD: f64 = 1.0;
const PENALTY: f64 = 0.5;
const LEAST_CURIOSITY: f64 = 0.1;

/// MAP-Elites.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MapElites {
    config: MapElitesConfig,
    /// The cells, once the run has begun.
    niches: Option<Niches>,
    /// Who stands in each cell.
    elites: BTreeMap<usize, CandidateId>,
    /// Of every elite.
    #[serde(with = "crate::pairs")]
    curiosity: BTreeMap<CandidateId, f64>,
    /// Births whose parents have had their reward.
    rewarded: usize,
}

impl MapElites {
    pub(super) fn new(config: MapElitesConfig) -> Self {
        Self { config, niches: None, elites: BTreeMap::new(), curiosity: BTreeMap::new(), rewarded: 0 }
    }

    fn draw(&self, cohort: &Cohort<'_>, rng: &mut RunRng) -> CandidateId {
        let elites = cohort.population;
        let position = match self.config.selection {
            EliteSelection::Uniform => rng.random_range(0..elites.len()),
            EliteSelection::Curiosity => {
                let of = |id| self.curiosity.get(id).copied().unwrap_or(CURIOSITY);
                roulette(&elites.iter().map(of).collect::<Vec<_>>(), rng)
            }
        };
        elites[position]
    }

    fn behaviour(&self, candidate: &Candidate, means: &Means) -> Vec<f64> {
        self.config.axes.iter().map(|axis| axis.name.of(candidate, means)).collect()
    }

    /// The cell of a candidate, measured or not, where its text alone decides it.
    fn cell(&self, candidate: &Candidate) -> Option<usize> {
        let values: Option<Vec<f64>> =
            self.config.axes.iter().map(|axis| axis.name.of_text(candidate)).collect();
        self.niches.as_ref()?.cell_of(&values?)
    }

    /// Pays the parents of all that were born since the last time.
    fn reward(&mut self, elites: &[CandidateId], context: &Context<'_>) {
        let births = context.ledger.births();
        for born in &births[self.rewarded..] {
            if !matches!(born.outcome, Outcome::Kept | Outcome::Dropped) {
                continue;
            }
            let change = if elites.contains(&born.id) { REWARD } else { -PENALTY };
            for parent in &born.birth.parents {
                if let Some(curiosity) = self.curiosity.get_mut(parent) {
                    *curiosity = (*curiosity + change).max(LEAST_CURIOSITY);
                }
            }
        }
        self.rewarded = births.len();
        let of = |id: &CandidateId| (*id, self.curiosity.get(id).copied().unwrap_or(CURIOSITY));
        self.curiosity = elites.iter().map(of).collect();
    }
}

impl Scheme for MapElites {
    fn rules(&self) -> Rules {
        Rules::new(self.config.race, self.config.finals)
    }

    fn begin(&mut self, context: &Context<'_>) {
        // Settings that no archive can be made of were refused before the run.
        self.niches = self.config.archive.niches(&self.config.axes, context.settings.seed).ok();
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        self.config.batch.min(cohort.affordable(self.config.finals))
    }

    fn conceive(&self, _: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let first = self.draw(cohort, rng);
        let second = Some(self.draw(cohort, rng)).filter(|second| *second != first);
        let is_crossed = rng.random_bool(self.config.crossover);
        mate([Some(first), second.filter(|_| is_crossed)].into_iter().flatten().collect(), cohort, rng)
    }

    fn rivals(&self, conception: &Conception, _: &Cohort<'_>) -> Rivals {
        let Made::Candidate(child) = &conception.made else { return Rivals::default() };
        let elite = self.cell(child).and_then(|cell| self.elites.get(&cell));
        Rivals { ids: elite.copied().into_iter().collect(), needed: 1 }
    }

    /// The elites, the best first. The archive is made anew each time, since it may be that a case no longer counts.
    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        let (context, Some(niches)) = (cohort.context, &self.niches) else { return vec![] };
        let mut archive = EliteArchive::new(niches.clone());
        for (id, fitness) in cohort.with(newcomers) {
            let means = context.ledger.means_on(id, context.ranked());
            if let Some((candidate, means)) = cohort.candidate(id).zip(means) {
                archive.insert(Elite { id, fitness, behaviour: self.behaviour(candidate, &means) });
            }
        }
        let cell = |elite: &Elite| Some((niches.cell_of(&elite.behaviour)?, elite.id));
        self.elites = archive.elites().iter().filter_map(cell).collect();
        let elites = best_first(archive.elites().iter().map(|elite| (elite.id, elite.fitness)));
        if self.config.selection == EliteSelection::Curiosity {
            self.reward(&elites, context);
        }
        elites
    }
}
