//! Novelty search: parents are those unlike all that there was (Lehman and Stanley 2011, Evolutionary Computation 19:2).
//!
//! The novelty of a candidate is the mean distance to its nearest neighbours in an archive of what was new when it came
//! and in the population. As behaviour counts the prompt itself, and as distance that of the run
//! ([`crate::diversity::Distance`]): what a prompt makes a model say is too costly to compare.
//!
//! Novelty alone finds no better prompts. So nobody may breed who reaches less than a part of the best score (a minimal
//! criterion; Lehman and Stanley 2010, GECCO), the best always stays, and `weight` blends fitness in (Cuccu and Gomez
//! 2011, EvoApplications). The choice in the end is by score.

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::cases::cases_by_root;
use super::generational::{Cohort, Conception, Duel, Newcomer, Rivals, Rules, Scheme};
use super::leaders::check_finals;
use super::mating::{best_first, mate};
use crate::archive::{Admission, NoveltyArchive, NoveltyConfig};
use crate::candidate::CandidateId;
use crate::diversity::Likeness;
use crate::race::RaceConfig;
use crate::rng::{RunRng, stream};
use crate::selection::tournament;

/// Settings of novelty search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoveltySearchConfig {
    /// Candidates in the population and children of a generation, 2 or more (the paper: 250).
    pub population: usize,
    /// Neighbours whose mean distance is the novelty, 1 or more (the paper: 15 in its population of 250).
    pub neighbours: usize,
    /// Who is admitted to the archive (the paper: whose novelty is above a threshold that falls when nobody was admitted
    /// for long and rises when more than four were).
    pub admission: Admission,
    /// Part of the best score that a member must reach, 0 (none) to 1. A child that surely does not falls in the race.
    pub minimal_criterion: f64,
    /// Weight of fitness in who stays and who breeds, 0 (novelty alone, as in the paper) to 1 (fitness alone). Both are
    /// scaled to 0 to 1 over the population.
    pub weight: f64,
    /// Candidates of which the most novel becomes a parent, 1 or more: more presses harder.
    pub tournament: usize,
    /// Probability that a child has two parents, 0 to 1.
    pub crossover: f64,
    /// How a child's measurement is broken off early: once it can hardly reach the minimal criterion.
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals among the best five, 0 to 0.9.
    pub finals: f64,
}

impl Default for NoveltySearchConfig {
    fn default() -> Self {
        Self {
            population: 12,
            neighbours: 5,
            admission: Admission::Threshold { start: 0.3, window: 32, most: 4 },
            minimal_criterion: 0.8,
            weight: 0.0,
            tournament: 2,
            crossover: 0.4,
            race: RaceConfig::default(),
            ranking_cases: None,
            finals: 0.15,
        }
    }
}

impl NoveltySearchConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.population < 2 || self.tournament == 0 {
            return Err("`population` must be 2 or more, `tournament` 1 or more".into());
        }
        let shares = [
            ("minimal_criterion", self.minimal_criterion),
            ("weight", self.weight),
            ("crossover", self.crossover),
        ];
        for (key, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("`{key}` is {value}, and must be from 0 to 1"));
            }
        }
        self.archive().validate()?;
        check_finals(self.finals)?;
        self.race.validate()
    }

    fn archive(&self) -> NoveltyConfig {
        NoveltyConfig { neighbours: self.neighbours, admission: self.admission }
    }

    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| cases_by_root(evaluations))
    }
}

/// Novelty search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NoveltySearch {
    config: NoveltySearchConfig,
    /// Of each behaviour, that is prompt, its candidate.
    archive: NoveltyArchive<CandidateId>,
    /// What each member is worth as a parent.
    #[serde(with = "crate::pairs")]
    worth: BTreeMap<CandidateId, f64>,
    /// Candidates offered to the archive.
    offered: u64,
    /// Made anew where they are missing: no state.
    #[serde(skip)]
    likenesses: BTreeMap<CandidateId, Likeness>,
}

impl NoveltySearch {
    pub(super) fn new(config: NoveltySearchConfig) -> Self {
        let archive = NoveltyArchive::new(config.archive());
        Self { config, archive, worth: BTreeMap::new(), offered: 0, likenesses: BTreeMap::new() }
    }

    /// Makes what is compared of the archive and of these, and forgets all others.
    fn read(&mut self, ids: &[CandidateId], cohort: &Cohort<'_>) {
        let mut known = std::mem::take(&mut self.likenesses);
        for id in self.archive.members().keys().chain(ids) {
            let made = || cohort.candidate(*id).map(|it| cohort.context.likenesses.of(it));
            if let Some(likeness) = known.remove(id).or_else(made) {
                self.likenesses.entry(*id).or_insert(likeness);
            }
        }
    }

    /// How new each is, among the archive and the others.
    fn novelties(&self, ids: &[CandidateId]) -> Vec<Option<f64>> {
        let distance = |one: &CandidateId, other: &CandidateId| match self.likenesses.get(one) {
            Some(one) => self.likenesses.get(other).map_or(f64::NAN, |other| one.distance(other)),
            None => f64::NAN,
        };
        let novelty = |id: &CandidateId| {
            self.archive.novelty(*id, id, ids.iter().map(|other| (*other, other)), distance)
        };
        ids.iter().map(novelty).collect()
    }

    fn draw(&self, cohort: &Cohort<'_>, rng: &mut RunRng) -> CandidateId {
        let worth = |id: &CandidateId| self.worth.get(id).copied().unwrap_or(f64::NAN);
        let worths: Vec<f64> = cohort.population.iter().map(worth).collect();
        cohort.population[tournament(&worths, self.config.tournament, rng)]
    }
}

/// Values from 0 for the least to 1 for the greatest; all 0 where they are alike.
fn scaled(values: &[f64]) -> Vec<f64> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = high - low;
    values.iter().map(|value| if range > 0.0 { (value - low) / range } else { 0.0 }).collect()
}

impl Scheme for NoveltySearch {
    fn rules(&self) -> Rules {
        Rules::new(self.config.race, self.config.finals)
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        // The first generation fills the population up.
        let there = if cohort.generation == 0 { cohort.population.len() } else { 0 };
        self.config.population.saturating_sub(there)
    }

    fn conceive(&self, _: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let first = self.draw(cohort, rng);
        let second = Some(self.draw(cohort, rng)).filter(|second| *second != first);
        let is_crossed = rng.random_bool(self.config.crossover);
        mate([Some(first), second.filter(|_| is_crossed)].into_iter().flatten().collect(), cohort, rng)
    }

    fn rivals(&self, _: &Conception, cohort: &Cohort<'_>) -> Rivals {
        Rivals::first_of(cohort.population)
    }

    /// The rival is the best: what counts is a part of its scores.
    fn yields(&self, duel: &Duel<'_>) -> bool {
        let required: Vec<f64> =
            duel.reference.iter().map(|score| score * self.config.minimal_criterion).collect();
        self.config.race.is_hopeless(duel.scores, &required, duel.reference.len())
    }

    /// Of members and children that meet the minimal criterion the most worth stay, and the best in any case.
    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        let all: Vec<(CandidateId, f64)> = cohort.with(newcomers).collect();
        let best = all.iter().map(|(_, fitness)| *fitness).fold(f64::NEG_INFINITY, f64::max);
        let meets = |(_, fitness): &(CandidateId, f64)| *fitness >= best * self.config.minimal_criterion;
        let fit: Vec<(CandidateId, f64)> = all.into_iter().filter(meets).collect();
        let (ids, fitness): (Vec<CandidateId>, Vec<f64>) = fit.iter().copied().unzip();
        self.read(&ids, cohort);
        let novelties = self.novelties(&ids);
        for newcomer in newcomers {
            let Some(at) = ids.iter().position(|id| *id == newcomer.id) else { continue };
            let mut rng = stream(cohort.context.seed, "novelty", self.offered);
            self.offered += 1;
            self.archive.offer(newcomer.id, newcomer.id, novelties[at], &mut rng);
        }
        let novelty = scaled(&novelties.iter().map(|novelty| novelty.unwrap_or(0.0)).collect::<Vec<_>>());
        let weight = self.config.weight;
        let blended =
            novelty.iter().zip(scaled(&fitness)).map(|(new, fit)| (1.0 - weight) * new + weight * fit);
        let worth: BTreeMap<CandidateId, f64> = ids.iter().copied().zip(blended).collect();
        let mut stays = best_first(ids.iter().map(|id| (*id, worth[id])));
        if let Some(&best) = best_first(fit.iter().copied()).first() {
            stays.retain(|id| *id != best);
            stays.insert(0, best);
        }
        stays.truncate(self.config.population);
        self.worth = worth.into_iter().filter(|(id, _)| stays.contains(id)).collect();
        best_first(fit.into_iter().filter(|(id, _)| stays.contains(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_to_the_unit_range() {
        assert_eq!(scaled(&[2.0, 4.0, 3.0]), [0.0, 1.0, 0.5]);
        assert_eq!(scaled(&[0.7, 0.7]), [0.0, 0.0]);
        assert!(scaled(&[]).is_empty());
    }

    #[test]
    fn names_the_setting_that_is_out_of_range() {
        let base = NoveltySearchConfig::default();
        assert!(base.validate().is_ok());
        let said = |config: NoveltySearchConfig| config.validate().unwrap_err();
        assert!(said(NoveltySearchConfig { weight: 1.5, ..base.clone() }).contains("`weight` is 1.5"));
        assert!(said(NoveltySearchConfig { neighbours: 0, ..base.clone() }).contains("`neighbours`"));
        assert!(
            said(NoveltySearchConfig { minimal_criterion: f64::NAN, ..base }).contains("`minimal_criterion`")
        );
    }
}
