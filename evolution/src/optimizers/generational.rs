//! The course that all algorithms in generations share; what is particular to one is its [`Scheme`].
//!
//! A generation is a barrier: the next is bred when the last result is known, so that the same seed and scores give
//! the same run in any order of arrival. Children race against whom the scheme names.
//!
//! Where there are other islands, an exchange is a barrier as well: the next generation is bred when the migrants of
//! the same exchange have come and were measured on all ranked cases.

mod breeding;
mod child;
mod duel;
mod exchange;
mod racing;
mod scheme;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::context::Context;
use crate::diversity::NoveltyFilter;
use crate::event::{FinishReason, Saved};
use crate::finals::Finals;
use crate::ledger::Outcome;
use crate::measurements::Measurements;
use crate::migration::Arrival;
use crate::optimizers::seeding::{bear_seeds, seed_pieces};
use crate::optimizers::{Optimizer, Told, Work};
use crate::piece::ProposalOrder;

use child::{Child, Stage};
use racing::Scored as _;

pub(crate) use duel::Duel;
pub(crate) use scheme::{Cohort, Conception, Made, Newcomer, Rivals, Rules, Scheme};

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

/// An algorithm in generations.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "S: Scheme")]
pub(crate) struct Generational<S> {
    scheme: S,
    phase: Phase,
    measurements: Measurements,
    questions: VecDeque<ProposalOrder>,
    population: Vec<CandidateId>,
    /// Parallel to the population.
    fitness: Vec<f64>,
    children: BTreeMap<u64, Child>,
    arrivals: Vec<Arrival>,
    next: u64,
    generation: u32,
    saved: Saved,
    barren: u32,
    finals: Option<Finals>,
    /// Who is known, and how many births that holds; made anew after a restart.
    #[serde(skip)]
    known: Option<(NoveltyFilter, usize)>,
}

impl<S: Scheme> Generational<S> {
    /// A fresh optimizer.
    pub(crate) fn new(scheme: S) -> Self {
        Self {
            scheme,
            phase: Phase::Start,
            measurements: Measurements::default(),
            questions: VecDeque::new(),
            population: vec![],
            fitness: vec![],
            children: BTreeMap::new(),
            arrivals: vec![],
            next: 0,
            generation: 0,
            saved: Saved::default(),
            barren: 0,
            finals: None,
            known: None,
        }
    }

    fn start(&mut self, context: &mut Context<'_>) {
        self.scheme.begin(context);
        let seeds = context.settings.seeds.clone();
        let wanted = seed_pieces(&seeds, context);
        self.phase = Phase::Seeding;
        if self.measurements.request(SEEDS, wanted, context.ledger) {
            self.seeded(context);
        }
    }

    fn seeded(&mut self, context: &mut Context<'_>) {
        self.enter_seeds(context);
        self.phase = Phase::Breeding;
        context.complete_generation(self);
        if self.population.is_empty() {
            self.phase = Phase::Over(FinishReason::Exhausted);
        } else {
            self.breed(context);
        }
    }

    fn enter_seeds(&mut self, context: &mut Context<'_>) {
        let seeds = context.settings.seeds.clone();
        let measured = bear_seeds(&seeds, context).into_iter();
        let newcomers: Vec<Newcomer> = measured.map(|id| self.newcomer(id, None, context)).collect();
        self.select(&newcomers, context);
    }

    fn newcomer(&self, id: CandidateId, conception: Option<Conception>, context: &Context<'_>) -> Newcomer {
        Newcomer { id, fitness: self.scheme.fitness(id, context), conception }
    }

    /// Ends a generation when all its children are decided.
    fn conclude(&mut self, context: &mut Context<'_>) {
        // The next may be decided as soon as it is bred: when it brought nobody new.
        while self.phase == Phase::Breeding && self.children.values().all(Child::is_decided) {
            self.complete(context);
        }
    }

    fn complete(&mut self, context: &mut Context<'_>) {
        self.generation += 1;
        let before = context.ledger.births().len();
        let mut newcomers = vec![];
        for child in std::mem::take(&mut self.children).into_values() {
            self.saved += child.saved;
            if let Stage::Stillborn(reason) = &child.stage {
                context.reject(&child.conception.operator, reason);
            }
            let improvement = |id| context.improvement(id, &child.conception.parents, child.seen);
            let made = child.candidate().map(|made| (made.id(), improvement(made.id())));
            if let Some(asked) = &child.asked {
                let order = context.order;
                context.close_proposal(asked, made, &order[..child.seen]);
            }
            if let (Stage::Decided(outcome), Some(candidate), Some((_, reward))) =
                (&child.stage, child.candidate(), made)
            {
                let birth = child.birth(self.generation);
                context.credits.credit(&birth.operator, reward);
                let is_new = context.bear(candidate, birth, *outcome, child.seen);
                if is_new && let Some(asked) = &child.asked {
                    context.models.used(asked);
                }
                if is_new && *outcome == Outcome::Kept {
                    context.announce_if_best(candidate.id());
                    let id = candidate.id();
                    newcomers.push(self.newcomer(id, Some(child.conception), context));
                }
            }
        }
        let new = context.ledger.births().len() - before;
        self.barren = if new == 0 { self.barren + 1 } else { 0 };
        self.select(&newcomers, context);
        context.complete_generation(self);
        if self.barren >= BARREN {
            self.begin_finals(context);
        } else {
            self.go_on(context);
        }
    }

    /// Has the scheme choose who makes up the population, newcomers included.
    fn select(&mut self, newcomers: &[Newcomer], context: &mut Context<'_>) {
        let cohort = Cohort {
            context,
            population: &self.population,
            fitness: &self.fitness,
            generation: self.generation,
            children: &self.children,
        };
        let population = self.scheme.select(newcomers, &cohort);
        self.replace_population(population, newcomers, context);
    }

    fn replace_population(
        &mut self,
        population: Vec<CandidateId>,
        newcomers: &[Newcomer],
        context: &mut Context<'_>,
    ) {
        let ranked = context.ranked().len();
        let before = std::mem::replace(&mut self.population, population);
        let staying: BTreeSet<CandidateId> = self.population.iter().copied().collect();
        let all = before.into_iter().chain(newcomers.iter().map(|newcomer| newcomer.id));
        for id in all.filter(|id| !staying.contains(id)) {
            context.settle(id, Outcome::Displaced, ranked);
        }
        self.fitness = self.population.iter().map(|id| self.scheme.fitness(*id, context)).collect();
    }

    fn begin_finals(&mut self, context: &mut Context<'_>) {
        context.say_farewell();
        let most = context.account.budget().evaluations;
        let left = most.map(|most| most.saturating_sub(context.account.evaluations()));
        let finals = self.scheme.finals(left, &self.cohort(context));
        self.phase = Phase::Finals;
        context.checkpoint();
        let is_known = self.measurements.request(SEEDS, finals.pieces(), context.ledger);
        self.finals = Some(finals);
        if is_known {
            self.go_on_with_finals(context);
        }
    }

    /// Measures the leaders again while the finals want it.
    fn go_on_with_finals(&mut self, context: &Context<'_>) {
        let go_on = |finals: &mut Finals| finals.go_on(SEEDS, &mut self.measurements, context);
        if self.finals.as_mut().is_none_or(go_on) {
            self.phase = Phase::Over(self.ending(context));
        }
    }

    /// Why it is over once the finals are.
    fn ending(&self, context: &Context<'_>) -> FinishReason {
        let is_exhausted = self.barren >= BARREN || self.scheme.is_complete(&self.cohort(context));
        if is_exhausted { FinishReason::Exhausted } else { FinishReason::Budget }
    }

    /// Children of the next generation, unless the scheme wants no more, or too few fit into the part of the budget
    /// that is not kept for the finals.
    fn next_brood(&self, context: &Context<'_>) -> Option<usize> {
        let cohort = self.cohort(context);
        if self.scheme.is_complete(&cohort) {
            return None;
        }
        let wanted = self.scheme.brood(&cohort).max(1);
        let affordable = self.affordable(context);
        (affordable >= wanted.div_ceil(2)).then(|| wanted.min(affordable))
    }

    fn affordable(&self, context: &Context<'_>) -> usize {
        scheme::affordable(self.scheme.rules().finals, context)
    }

    fn close(&mut self, reason: FinishReason, context: &mut Context<'_>) {
        match self.phase {
            Phase::Over(_) => return,
            Phase::Seeding => self.enter_seeds(context),
            Phase::Breeding => {
                for child in std::mem::take(&mut self.children).into_values() {
                    if let Some(candidate) = child.candidate() {
                        let birth = child.birth(self.generation + 1);
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
            self.finals = Some(self.scheme.finals(Some(0), &self.cohort(context)));
        }
        self.phase = Phase::Over(reason);
    }

    fn measured(&mut self, owner: u64, context: &mut Context<'_>) {
        match (owner, self.phase) {
            (SEEDS, Phase::Seeding) => self.seeded(context),
            (SEEDS, _) => self.go_on_with_finals(context),
            (MIGRANTS, _) => self.welcomed(context),
            (number, _) => match self.children.get(&number).map(|child| &child.stage) {
                Some(Stage::Reflection) => self.reflect(number, context),
                _ => self.look(number, context),
            },
        }
    }
}

impl<S: Scheme> Optimizer for Generational<S> {
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
            Some(finals) => self.scheme.choose(finals.leaders(), &finals.decisive(context), context),
            None => self.scheme.choose(&self.population, context.ranked(), context),
        }
    }

    #[expect(clippy::expect_used, reason = "plain data with string keys always has a JSON form")]
    fn save(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("plain data")
    }
}
