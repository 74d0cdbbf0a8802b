//! A genetic algorithm in generations: tournament selection, crossover and mutation, elitism (Holland 1975; for
//! prompts: EvoPrompt, ICLR 2024).
//!
//! A generation is a barrier: the next is bred when the last result is known, so that the same seed and scores give
//! the same run in any order of arrival. Children race against the worst of those who would stay.
//!
//! Where there are other islands, an exchange is a barrier as well: the next generation is bred when the migrants of
//! the same exchange have come and were measured on all ranked cases.

mod breeding;
mod exchange;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::event::{FinishReason, RunEvent, Saved};
use crate::finals::Finals;
use crate::ledger::{Birth, Outcome};
use crate::measurements::Measurements;
use crate::migration::Arrival;
use crate::optimizers::seeding::{bear_seeds, pieces, seed_pieces};
use crate::optimizers::{Optimizer, Told, Work};
use crate::piece::ProposalOrder;
use crate::race::{RaceConfig, RaceTest};

use breeding::Child;

/// Settings of [`Ga`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GaConfig {
    /// Candidates in the population, 2 or more.
    pub population: usize,
    /// The best so many stay whatever their children are, fewer than the population.
    pub elites: usize,
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
        let generations = 4;
        self.ranking_cases
            .or_else(|| evaluations.map(|most| (most as usize / (self.population * generations)).max(12)))
    }
}

/// Generations in a row that brought nobody new, after which nothing is left to try.
const BARREN: u32 = 20;
const SEEDS: u64 = u64::MAX;
/// The owner of the measurements of those that came from other islands.
const MIGRANTS: u64 = u64::MAX - 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Start,
    Seeding,
    Breeding,
    /// The migrants of an exchange have not all come.
    Waiting,
    /// They are being measured.
    Welcoming,
    Finals,
    Over(FinishReason),
}

/// The genetic algorithm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ga {
    config: GaConfig,
    phase: Phase,
    measurements: Measurements,
    questions: VecDeque<ProposalOrder>,
    population: Vec<CandidateId>,
    children: BTreeMap<u64, Child>,
    arrivals: Vec<Arrival>,
    next: u64,
    generation: u32,
    saved: Saved,
    barren: u32,
    finals: Option<Finals>,
}

impl Ga {
    /// A fresh optimizer.
    pub fn new(config: GaConfig) -> Self {
        Self {
            config,
            phase: Phase::Start,
            measurements: Measurements::default(),
            questions: VecDeque::new(),
            population: vec![],
            children: BTreeMap::new(),
            arrivals: vec![],
            next: 0,
            generation: 0,
            saved: Saved::default(),
            barren: 0,
            finals: None,
        }
    }

    fn start(&mut self, context: &mut Context<'_>) {
        let seeds = context.settings.seeds.clone();
        let wanted = seed_pieces(&seeds, context);
        self.phase = Phase::Seeding;
        if self.measurements.request(SEEDS, wanted, context.ledger) {
            self.seeded(context);
        }
    }

    fn seeded(&mut self, context: &mut Context<'_>) {
        let seeds = context.settings.seeds.clone();
        self.population = bear_seeds(&seeds, context);
        self.phase = Phase::Breeding;
        context.complete_generation(self);
        if self.population.is_empty() {
            self.phase = Phase::Over(FinishReason::Exhausted);
        } else {
            self.breed(context);
        }
    }

    /// Ends a generation when all its children are decided.
    fn conclude(&mut self, context: &mut Context<'_>) {
        if self.phase != Phase::Breeding || self.children.values().any(|child| !child.is_decided()) {
            return;
        }
        let born = self.children.len();
        self.generation += 1;
        let before = context.ledger.births().len();
        for child in std::mem::take(&mut self.children).into_values() {
            self.saved += child.saved;
            if let Some(reason) = child.stillborn.clone() {
                context.announce(RunEvent::ProposalRejected { operator: child.operator.clone(), reason });
            }
            if let Some((candidate, outcome)) = child.decided() {
                let birth = Birth {
                    parents: child.parents.clone(),
                    operator: child.operator.clone(),
                    generation: self.generation,
                };
                if context.bear(candidate, birth, outcome, child.seen) && outcome == Outcome::Kept {
                    context.announce_if_best(candidate.id());
                    self.population.push(candidate.id());
                }
            }
        }
        let new = context.ledger.births().len() - before;
        self.barren = if new == 0 { self.barren + 1 } else { 0 };
        self.select_survivors(context);
        if born > 0 {
            context.complete_generation(self);
        }
        if self.barren >= BARREN {
            self.begin_finals(context);
        } else {
            self.go_on(context);
        }
    }

    /// The best of parents and children stay; of equals the older.
    fn select_survivors(&mut self, context: &mut Context<'_>) {
        let ranked = context.ranked().to_vec();
        let score =
            |id: &CandidateId, context: &Context<'_>| context.ledger.mean_on(*id, &ranked).unwrap_or(0.0);
        self.population.sort_by(|a, b| score(b, context).total_cmp(&score(a, context)));
        self.displace_beyond(self.config.population, context);
    }

    fn displace_beyond(&mut self, most: usize, context: &mut Context<'_>) {
        let ranked = context.ranked().len();
        for id in self.population.split_off(most.min(self.population.len())) {
            context.settle(id, Outcome::Displaced, ranked);
        }
    }

    fn begin_finals(&mut self, context: &mut Context<'_>) {
        context.say_farewell();
        let most = context.account.budget().evaluations;
        let left = most.map(|most| most.saturating_sub(context.account.evaluations()));
        let finals = Finals::new(&self.population, left, context);
        self.phase = Phase::Finals;
        context.checkpoint();
        if self.measurements.request(SEEDS, finals.pieces(), context.ledger) {
            self.phase = Phase::Over(FinishReason::Budget);
        }
        self.finals = Some(finals);
    }

    /// Whether a generation fits into the part of the budget that is not kept for the finals.
    fn may_breed(&self, context: &Context<'_>) -> bool {
        self.affordable(context) >= self.brood()
    }

    /// How many candidates can be measured on all ranked cases before the finals.
    fn affordable(&self, context: &Context<'_>) -> usize {
        if context.account.spent_share() > 1.0 - self.config.finals {
            return 0;
        }
        let Some(most) = context.account.budget().evaluations else { return usize::MAX };
        let search = (most as f64 * (1.0 - self.config.finals)) as u64;
        let left = search.saturating_sub(context.account.evaluations()) as usize;
        left.checked_div(context.ranked().len()).unwrap_or(usize::MAX)
    }

    fn brood(&self) -> usize {
        // The first generation fills the population up.
        let stays = if self.generation == 0 { self.population.len() } else { self.config.elites };
        self.config.population.saturating_sub(stays).max(1)
    }

    fn close(&mut self, reason: FinishReason, context: &mut Context<'_>) {
        match self.phase {
            Phase::Over(_) => return,
            Phase::Seeding => {
                let seeds = context.settings.seeds.clone();
                self.population = bear_seeds(&seeds, context);
            }
            Phase::Breeding => {
                for child in std::mem::take(&mut self.children).into_values() {
                    if let Some(candidate) = &child.candidate {
                        let birth = Birth {
                            parents: child.parents.clone(),
                            operator: child.operator.clone(),
                            generation: self.generation + 1,
                        };
                        context.bear(candidate, birth, Outcome::Unfinished, child.seen);
                    }
                }
            }
            Phase::Waiting | Phase::Welcoming => self.turn_back(context),
            Phase::Start | Phase::Finals => {}
        }
        self.measurements = Measurements::default();
        self.questions.clear();
        if self.finals.is_none() {
            self.finals = Some(Finals::new(&self.population, Some(0), context));
        }
        self.phase = Phase::Over(reason);
    }

    fn measured(&mut self, owner: u64, context: &mut Context<'_>) {
        match (owner, self.phase) {
            (SEEDS, Phase::Seeding) => self.seeded(context),
            (SEEDS, _) => self.phase = Phase::Over(FinishReason::Budget),
            (MIGRANTS, _) => self.welcomed(context),
            (number, _) => self.look(number, context),
        }
    }

    /// What the next look of a child's race needs.
    fn race_on(&mut self, number: u64, context: &mut Context<'_>) {
        let Some(child) = self.children.get(&number) else { return };
        let Some(candidate) = &child.candidate else { return };
        context.ledger.track(candidate);
        let looks = self.config.race.looks(context.ranked().len());
        let from = if child.look == 0 { 0 } else { looks[child.look - 1] };
        let wanted = pieces(&[candidate.id()], &context.ranked()[from..looks[child.look]]);
        if self.measurements.request(number, wanted, context.ledger) {
            self.look(number, context);
        }
    }

    fn look(&mut self, number: u64, context: &mut Context<'_>) {
        let ranked = context.ranked();
        let looks = self.config.race.looks(ranked.len());
        let Some(child) = self.children.get_mut(&number) else { return };
        let Some(id) = child.candidate.as_ref().map(Candidate::id) else { return };
        let seen = looks[child.look];
        let scores = context.ledger.scores_on(id, &ranked[..seen]);
        let hopeless = |scores: &[f64]| {
            let reference = child.reference.and_then(|id| context.ledger.scores_on(id, ranked));
            reference
                .is_some_and(|reference| self.config.race.is_hopeless(scores, &reference, reference.len()))
        };
        child.seen = if scores.is_some() { seen } else { child.seen };
        match scores {
            None => child.outcome = Some(Outcome::Unmeasurable),
            Some(_) if seen == ranked.len() => child.outcome = Some(Outcome::Kept),
            Some(scores) if hopeless(&scores) => {
                child.outcome = Some(Outcome::Dropped);
                child.saved.race = (ranked.len() - seen) as u64;
            }
            Some(_) => {
                child.look += 1;
                self.race_on(number, context);
            }
        }
    }
}

impl Optimizer for Ga {
    fn ask(&mut self, slots: usize, context: &mut Context<'_>) -> Vec<Work> {
        if self.phase == Phase::Start {
            self.start(context);
        }
        self.conclude(context);
        let mut work: Vec<Work> = vec![];
        while work.len() < slots
            && let Some(question) = self.questions.pop_front()
        {
            work.push(Work::Ask(question));
        }
        work.extend(self.measurements.take(slots - work.len()).into_iter().map(Work::Measure));
        work
    }

    fn tell(&mut self, told: Told, context: &mut Context<'_>) {
        match told {
            Told::Measured(piece) => {
                for owner in self.measurements.told(&piece) {
                    self.measured(owner, context);
                }
            }
            Told::Answered(id, answer) => self.answered(id, &answer, context),
            Told::Unanswered(id, failure) => self.unanswered(id, &failure.cause),
            Told::Immigrated => self.welcome(context),
            Told::BudgetEnded => self.close(FinishReason::Budget, context),
            Told::Stopped => self.close(FinishReason::Stopped, context),
        }
        self.conclude(context);
    }

    fn population(&self) -> &[CandidateId] {
        &self.population
    }

    fn generation(&self) -> u32 {
        self.generation
    }

    fn saved(&self) -> Saved {
        self.saved
    }

    fn finished(&self) -> Option<FinishReason> {
        match self.phase {
            Phase::Over(reason) => Some(reason),
            _ => None,
        }
    }

    fn choice(&self, context: &Context<'_>) -> Option<CandidateId> {
        match &self.finals {
            Some(finals) => finals.winner(context),
            None => self.population.first().copied(),
        }
    }

    #[expect(clippy::expect_used, reason = "plain data with string keys always has a JSON form")]
    fn save(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("plain data")
    }
}
