//! NSGA-II: a front of candidates of which none is better than another in every objective (Deb, Pratap, Agarwal and
//! Meyarivan 2002, IEEE Transactions on Evolutionary Computation 6:2).
//!
//! As in the paper, parents win a binary tournament by the crowded comparison, as many children as members are bred, and
//! the best of both by the crowded comparison stay; who breaks constraints is dominated by who does not (section VI).
//! What differs: operators are those of the run in place of crossover and mutation of numbers; objectives are estimates
//! from the ranked cases, so that a child that a member surely dominates may fall before it was measured on all; and one
//! of the front is chosen in the end, after finals among the leaders.

mod constraints;
mod preference;

use std::collections::BTreeSet;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::cases::cases_by_root;
use super::generational::{Cohort, Conception, Duel, Newcomer, Rivals, Rules, Scheme};
use super::leaders::check_finals;
use super::mating::mate;
use super::objective::Objective;
use super::property::Property;
use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::finals::{Finals, MOST_LEADERS};
use crate::race::RaceConfig;
use crate::rng::RunRng;
use crate::selection::nsga2_survivors;

pub use constraints::{Bounds, Constraints};
pub use preference::Preference;
use preference::{Extent, extents, preferred};

/// Settings of NSGA-II.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nsga2Config {
    /// Candidates in the population and children of a generation, 2 or more (the paper: 100, of evaluations that cost
    /// nothing).
    pub population: usize,
    /// What is to be made better, one or more. A search over `latency` does not repeat exactly. What the evaluator names
    /// and did not give on any of the ranked cases counts as worst.
    pub objectives: Vec<Objective>,
    /// What a candidate must keep to.
    pub constraints: Constraints,
    /// Which of the front is chosen in the end.
    pub prefer: Preference,
    /// Probability that a child has two parents, 0 to 1 (the paper: 0.9, followed by mutation; here a child comes from
    /// one operator).
    pub crossover: f64,
    /// How a child's measurement is broken off early: only when a member that keeps the constraints is surely better in
    /// score, and no worse in every other objective on the cases both were measured on. Without `score` among the
    /// objectives nobody falls. `alpha` is 0.05, as a child is compared with every member.
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals among those preferred, 0 to 0.9.
    pub finals: f64,
}

impl Default for Nsga2Config {
    fn default() -> Self {
        Self {
            population: 12,
            objectives: vec![
                Objective::maximise(Property::Score),
                Objective::minimise(Property::Dollars),
                Objective::minimise(Property::Length),
            ],
            constraints: Constraints::default(),
            prefer: Preference::Score,
            crossover: 0.4,
            race: RaceConfig { alpha: 0.05, ..RaceConfig::default() },
            ranking_cases: None,
            finals: 0.15,
        }
    }
}

impl Nsga2Config {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.population < 2 {
            return Err("`population` must be 2 or more".into());
        }
        let properties: BTreeSet<&Property> = self.objectives.iter().map(|it| &it.property).collect();
        if properties.is_empty() || properties.len() < self.objectives.len() {
            return Err("`objectives` must name one or more, none of them twice".into());
        }
        if self.objectives.contains(&Objective::minimise(Property::Score)) {
            return Err("`objectives` must not ask for a low score".into());
        }
        if !(0.0..=1.0).contains(&self.crossover) {
            return Err(format!("`crossover` is {}, and must be from 0 to 1", self.crossover));
        }
        self.constraints.validate()?;
        self.prefer.validate(&self.objectives)?;
        check_finals(self.finals)?;
        self.race.validate()
    }

    /// What it looks at: the objectives, then what else is constrained.
    pub(super) fn properties(&self) -> Vec<Property> {
        let mut all: Vec<Property> = self.objectives.iter().map(|it| it.property.clone()).collect();
        for limited in self.constraints.properties() {
            if !all.contains(&limited) {
                all.push(limited);
            }
        }
        all
    }

    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| cases_by_root(evaluations))
    }
}

/// NSGA-II.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Nsga2 {
    config: Nsga2Config,
    /// How far the front reaches in each objective.
    extents: Vec<Extent>,
    /// Members that keep the constraints.
    feasible: Vec<CandidateId>,
}

impl Nsga2 {
    pub(super) fn new(config: Nsga2Config) -> Self {
        Self { config, extents: vec![], feasible: vec![] }
    }

    /// What candidates gain in each objective and by how much they break the constraints. Who was not measured on each
    /// of the cases is worst in everything.
    fn measure(
        &self,
        ids: &[CandidateId],
        cases: &[u32],
        context: &Context<'_>,
    ) -> (Vec<Vec<f64>>, Vec<f64>) {
        let ledger = &context.ledger;
        let of = |id: &CandidateId| match ledger.candidate(*id).zip(ledger.means_on(*id, cases)) {
            Some((candidate, means)) => {
                let gains =
                    self.config.objectives.iter().map(|it| it.gain(it.property.of(candidate, &means)));
                (gains.collect(), self.config.constraints.violation(candidate, &means))
            }
            None => (vec![f64::NAN; self.config.objectives.len()], f64::NAN),
        };
        ids.iter().map(of).unzip()
    }
}

impl Scheme for Nsga2 {
    fn rules(&self) -> Rules {
        Rules::new(self.config.race, self.config.finals)
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        // The first generation fills the population up.
        let there = if cohort.generation == 0 { cohort.population.len() } else { 0 };
        self.config.population.saturating_sub(there)
    }

    fn conceive(&self, _: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let count = cohort.population.len();
        // The population stands in the order of the crowded comparison: the earlier of two wins.
        let mut draw = || rng.random_range(0..count).min(rng.random_range(0..count));
        let first = draw();
        let second = Some(draw()).filter(|second| *second != first);
        let is_crossed = rng.random_bool(self.config.crossover);
        let positions = [Some(first), second.filter(|_| is_crossed)];
        mate(positions.into_iter().flatten().map(|at| cohort.population[at]).collect(), cohort, rng)
    }

    fn rivals(&self, _: &Conception, _: &Cohort<'_>) -> Rivals {
        if self.config.objectives.iter().all(|it| it.property != Property::Score) {
            return Rivals::default();
        }
        Rivals { ids: self.feasible.clone(), needed: 1 }
    }

    fn yields(&self, duel: &Duel<'_>) -> bool {
        let gains = |candidate: &Candidate| -> Option<Vec<f64>> {
            let means = duel.context.ledger.means_on(candidate.id(), duel.cases)?;
            let others = self.config.objectives.iter().filter(|it| it.property != Property::Score);
            Some(others.map(|it| it.gain(it.property.of(candidate, &means))).collect())
        };
        let Some((child, rival)) = gains(duel.child).zip(gains(duel.rival)) else { return false };
        let is_no_better = child.iter().zip(&rival).all(|(child, rival)| child <= rival);
        is_no_better && self.config.race.is_hopeless(duel.scores, duel.reference, duel.reference.len())
    }

    /// The best of members and children by the crowded comparison; of equals the older.
    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        let all: Vec<CandidateId> = cohort.with(newcomers).map(|(id, _)| id).collect();
        let (gains, violations) = self.measure(&all, cohort.context.ranked(), cohort.context);
        let survivors = nsga2_survivors(&gains, &violations, self.config.population);
        self.extents = extents(&gains, &violations);
        let feasible = survivors.iter().filter(|at| violations[**at] <= 0.0);
        self.feasible = feasible.map(|at| all[*at]).collect();
        survivors.into_iter().map(|at| all[at]).collect()
    }

    fn finals(&self, left: Option<u64>, cohort: &Cohort<'_>) -> Finals {
        let (context, mut others) = (cohort.context, cohort.population.to_vec());
        let mut leaders = vec![];
        while leaders.len() < MOST_LEADERS
            && let Some(next) = self.choose(&others, context.ranked(), context)
        {
            others.retain(|id| *id != next);
            leaders.push(next);
        }
        Finals::over(leaders, left, context)
    }

    fn choose(&self, among: &[CandidateId], cases: &[u32], context: &Context<'_>) -> Option<CandidateId> {
        let (gains, violations) = self.measure(among, cases, context);
        let scores: Vec<f64> =
            among.iter().map(|id| context.ledger.mean_on(*id, cases).unwrap_or(f64::NAN)).collect();
        let weights = self.config.prefer.weights(&self.config.objectives);
        preferred(&gains, &violations, &scores, weights.as_deref(), &self.extents).map(|at| among[at])
    }
}
