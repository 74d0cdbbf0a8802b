//! Differential evolution (Storn and Price 1997; for prompts: EvoPrompt, arXiv 2309.08532, section 3.3).
//!
//! Each member in turn is the incumbent of one child: the model is shown two other members, mutates the parts in which
//! they differ, puts these into the best prompt and crosses that with the incumbent. The child takes the incumbent's
//! place if it is better.
//!
//! What differs from the paper: the population is filled from the seeds by the run's operators, children race against
//! their incumbents, and without a reflection model the same step is made on the sets of sentences and examples, where
//! what the two others do not share is what they differ in. No sum of sentences makes a new one, so that an operator
//! drawn among those that need no model mutates the outcome.

mod sets;

use rand::seq::index;
use serde::{Deserialize, Serialize};

use super::cases::cases_by_root;
use super::generational::{Cohort, Conception, Made, Newcomer, Rivals, Rules, Scheme};
use super::leaders::check_finals;
use super::mating::{any_component, ask, best_first, mate, without_model};
use crate::candidate::{Candidate, CandidateId};
use crate::race::RaceConfig;
use crate::rng::RunRng;
use crate::variation::rewrite::Rewrite;

/// Settings of differential evolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeConfig {
    /// Candidates in the population, and children of a generation, 3 or more; the paper's 10.
    pub population: usize,
    /// How a child's measurement is broken off early; the paper has no race.
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals, 0 to 0.9; the paper has none.
    pub finals: f64,
}

impl Default for DeConfig {
    fn default() -> Self {
        Self { population: 10, race: RaceConfig::default(), ranking_cases: None, finals: 0.15 }
    }
}

/// Fewest members that a difference can be taken among.
const FEWEST: usize = 3;
impl DeConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.population < FEWEST {
            return Err(format!("`population` is {}, and must be {FEWEST} or more", self.population));
        }
        check_finals(self.finals)?;
        self.race.validate()
    }

    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| cases_by_root(evaluations))
    }
}

/// Differential evolution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct De {
    config: DeConfig,
}

impl De {
    pub(super) fn new(config: DeConfig) -> Self {
        Self { config }
    }

    fn fills_up(&self, cohort: &Cohort<'_>) -> bool {
        let first = cohort.generation == 0 && cohort.population.len() < self.config.population;
        first || cohort.population.len() < FEWEST
    }
}

impl Scheme for De {
    fn rules(&self) -> Rules {
        Rules::new(self.config.race, self.config.finals)
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        let members = cohort.population.len();
        if self.fills_up(cohort) { self.config.population - members } else { members }
    }

    fn conceive(&self, place: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let population = cohort.population;
        if self.fills_up(cohort) {
            return mate(vec![population[place % population.len()]], cohort, rng);
        }
        let others = index::sample(rng, population.len() - 1, 2);
        let other = |at: usize| population[at + usize::from(at >= place)];
        let parents = [population[place], other(others.index(0)), other(others.index(1)), population[0]];
        let candidates: Vec<&Candidate> = parents.iter().filter_map(|id| cohort.candidate(*id)).collect();
        let &[incumbent, first, second, best] = &candidates[..] else { return None };
        let mut distinct = parents.to_vec();
        distinct.truncate(if parents[..3].contains(&parents[3]) { 3 } else { 4 });
        let operator = Rewrite::Differential;
        if cohort.context.settings.reflects() {
            let component = any_component(incumbent, rng);
            let question = operator.question(&candidates, &component, &[]);
            let draft = incumbent.with_shots(sets::shots([incumbent, first, second, best], cohort, rng));
            return Some(ask(distinct, operator.as_str(), draft, component, Made::Question(question)));
        }
        let trial = sets::trial([incumbent, first, second, best], cohort, rng);
        let (child, _) = without_model(&trial, &cohort.variation(), cohort, rng)?;
        Some(Conception::of(distinct, operator.as_str(), child))
    }

    /// The incumbent, where there is one.
    fn rivals(&self, conception: &Conception, _: &Cohort<'_>) -> Rivals {
        match incumbent(conception) {
            Some(id) => Rivals { ids: vec![id], needed: 1 },
            None => Rivals::default(),
        }
    }

    /// A child takes its incumbent's place if it is better. Who has no incumbent joins while there is room, and then
    /// takes the place of the worst if it is better.
    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        let mut members: Vec<(CandidateId, f64)> = cohort.with(&[]).collect();
        for newcomer in newcomers {
            let place = match newcomer.conception.as_ref().and_then(incumbent) {
                Some(id) => members.iter().position(|(member, _)| *member == id),
                None if members.len() < self.config.population => {
                    members.push((newcomer.id, newcomer.fitness));
                    continue;
                }
                None => (0..members.len()).min_by(|a, b| members[*a].1.total_cmp(&members[*b].1)),
            };
            if let Some(place) = place
                && newcomer.fitness > members[place].1
            {
                members[place] = (newcomer.id, newcomer.fitness);
            }
        }
        best_first(members)
    }
}

/// Whose place a child is to take.
fn incumbent(conception: &Conception) -> Option<CandidateId> {
    (conception.operator == Rewrite::Differential.as_str()).then(|| conception.parents[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let wrong = DeConfig { population: 2, ..DeConfig::default() };
        assert!(wrong.validate().unwrap_err().contains("`population` is 2"));
        assert_eq!(DeConfig::default().validate(), Ok(()));
    }
}
