//! Random search: the baseline that every report shows beside the algorithm chosen (Bergstra and Bengio 2012, JMLR 13;
//! that a search must beat it is their point).
//!
//! Every child is made from a seed by a random number of operators in a row. Nobody is selected to be a parent, so that
//! what another algorithm reaches beyond this is what its selection is worth.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::cases::cases_by_root;
use super::generational::{Cohort, Conception, Made, Newcomer, Rivals, Rules, Scheme};
use super::leaders::{check_finals, leaders};
use super::mating::{mate_on, without_model};
use crate::candidate::{Candidate, CandidateId};
use crate::race::RaceConfig;
use crate::rng::RunRng;

/// Settings of random search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomConfig {
    /// Operators in a row for one child, at most; how many is drawn anew for each child. 1 to 64.
    pub steps: usize,
    /// Children of a generation, 1 or more: who is best is looked at between two.
    pub batch: usize,
    /// How a child's measurement is broken off early: it races against the best so far.
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals among the best five, 0 to 0.9.
    pub finals: f64,
}

impl Default for RandomConfig {
    fn default() -> Self {
        Self { steps: 4, batch: 16, race: RaceConfig::default(), ranking_cases: None, finals: 0.15 }
    }
}

impl RandomConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if !(1..=64).contains(&self.steps) {
            return Err(format!("`steps` is {}, and must be from 1 to 64", self.steps));
        }
        if self.batch == 0 {
            return Err("`batch` must be 1 or more".into());
        }
        check_finals(self.finals)?;
        self.race.validate()
    }

    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| cases_by_root(evaluations))
    }
}

/// The name of several operators in a row.
const WALK: &str = "random_walk";

/// Random search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Random {
    config: RandomConfig,
}

impl Random {
    pub(super) fn new(config: RandomConfig) -> Self {
        Self { config }
    }
}

/// What so many operators without a model make of a candidate; it is itself where none applies.
fn walk(mut candidate: Candidate, steps: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Candidate {
    for _ in 0..steps {
        let Some((next, _)) = without_model(&candidate, &cohort.variation(), cohort, rng) else { break };
        candidate = next;
    }
    candidate
}

impl Scheme for Random {
    fn rules(&self) -> Rules {
        Rules::new(self.config.race, self.config.finals)
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        self.config.batch.min(cohort.affordable(self.config.finals))
    }

    /// Only the first operator may ask the model: it is the seed that was run on train cases, and no draft.
    fn conceive(&self, place: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let seeds = &cohort.context.settings.seeds;
        let seed = seeds[rng.random_range(0..seeds.len())].id();
        let further = rng.random_range(0..self.config.steps);
        // A minibatch of its own: the same question twice would bring one child.
        let minibatch = u64::from(cohort.generation) * self.config.batch as u64 + place as u64;
        let mut conception = mate_on(vec![seed], minibatch, cohort, rng)?;
        if let Made::Candidate(first) = &conception.made {
            if further == 0 {
                return Some(conception);
            }
            let child = walk(first.clone(), further, cohort, rng);
            return Some(Conception::of(conception.parents, WALK, child));
        }
        conception.note = further.to_string();
        Some(conception)
    }

    fn develop(
        &self,
        conception: &mut Conception,
        _: u32,
        text: String,
        cohort: &Cohort<'_>,
        rng: &mut RunRng,
    ) -> Result<Made, &'static str> {
        let child = conception.with_text(text)?;
        let further = conception.note.parse().unwrap_or(0);
        Ok(Made::Candidate(walk(child, further, cohort, rng)))
    }

    fn rivals(&self, _: &Conception, cohort: &Cohort<'_>) -> Rivals {
        Rivals::first_of(cohort.population)
    }

    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        leaders(newcomers, cohort)
    }
}
