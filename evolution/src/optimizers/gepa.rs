//! GEPA: reflective prompt evolution (arXiv 2507.19457), in a steady state whose course does not depend on the
//! order in which results arrive.
//!
//! Proposals are numbered. Proposal `k` is bred from what the population was when proposal `k - in_flight` was
//! settled, and proposals settle in the order of their numbers, so that at most `in_flight` are under way and none
//! is bred from older knowledge than that. Each has its own source of chance. Whatever the latencies, the same
//! seed and the same scores give the same family tree, and slots are kept busy by the proposals that need not wait.
//!
//! Differences from the paper, each of which can be switched off: a proposal's validation is a race; the search ranks
//! on a part of the validation cases and leaves the rest to finals among the leaders; operators that need no
//! model take part.

mod merge;
mod proposal;
mod window;

use std::collections::{BTreeMap, VecDeque};

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::context::Context;
use crate::event::FinishReason;
use crate::finals::Finals;
use crate::ledger::Outcome;
use crate::measurements::Measurements;
use crate::optimizers::seeding::{bear_seeds, seed_pieces};
use crate::optimizers::{Optimizer, Told, Work};
use crate::piece::ProposalOrder;
use crate::race::RaceConfig;
use crate::rng::stream;

use proposal::Proposal;

/// Settings of [`Gepa`]. The defaults are the paper's where it has the setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GepaConfig {
    /// Train cases of a minibatch, 1 or more.
    pub minibatch: usize,
    /// Proposals under way at once, 1 or more. More keeps more slots busy; each is bred from knowledge that is at
    /// most this many proposals old.
    pub in_flight: usize,
    /// Whether two lineages are merged now and then.
    pub merge: bool,
    /// Merges in a run, at most.
    pub max_merges: usize,
    /// How a candidate's validation is broken off early.
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals, 0 to 0.9.
    pub finals: f64,
    /// Proposals after which a window is complete: progress is reported and the state made durable.
    pub window: usize,
}

impl Default for GepaConfig {
    fn default() -> Self {
        Self {
            minibatch: 3,
            in_flight: 8,
            merge: false,
            max_merges: 5,
            race: RaceConfig::default(),
            ranking_cases: None,
            finals: 0.15,
            window: 8,
        }
    }
}

impl GepaConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.minibatch == 0 || self.in_flight == 0 || self.window == 0 {
            return Err("`minibatch`, `in_flight` and `window` must be 1 or more".into());
        }
        if !(0.0..=0.9).contains(&self.finals) {
            return Err(format!("`finals` is {}, and must be from 0 to 0.9", self.finals));
        }
        Ok(())
    }

    /// A twentieth of the budget, so that all proposals under way can be paid for in the worst case until near
    /// the end; at least 24, below which ranks are mostly chance.
    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| evaluations.map(|most| (most as usize / 20).max(24)))
    }
}

/// Proposals in a row that brought no new candidate, after which nothing is left to try.
const BARREN: u32 = 200;
/// Merges are gated on so many validation cases.
const MERGE_GATE: usize = 5;
/// The owner of the batches that are no proposal's.
const SEEDS: u64 = u64::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Start,
    Seeding,
    Searching,
    Finals,
    Over(FinishReason),
}

/// The GEPA optimizer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Gepa {
    config: GepaConfig,
    phase: Phase,
    measurements: Measurements,
    questions: VecDeque<ProposalOrder>,
    window: VecDeque<Proposal>,
    next: u64,
    pool: Vec<CandidateId>,
    /// Evaluations that settled work has asked for, counted alike in every order of arrival.
    settled_cost: u64,
    settled: u64,
    saved: u64,
    barren: u32,
    merges: usize,
    merged: Vec<(CandidateId, CandidateId)>,
    difficulty: BTreeMap<u32, (f64, u32)>,
    finals: Option<Finals>,
    closing: Option<FinishReason>,
}

impl Gepa {
    /// A fresh optimizer.
    pub fn new(config: GepaConfig) -> Self {
        Self {
            config,
            phase: Phase::Start,
            measurements: Measurements::default(),
            questions: VecDeque::new(),
            window: VecDeque::new(),
            next: 0,
            pool: vec![],
            settled_cost: 0,
            settled: 0,
            saved: 0,
            barren: 0,
            merges: 0,
            merged: vec![],
            difficulty: BTreeMap::new(),
            finals: None,
            closing: None,
        }
    }

    fn start(&mut self, context: &mut Context<'_>) {
        let seeds = context.settings.seeds.clone();
        let pieces = seed_pieces(&seeds, context);
        self.settled_cost = pieces.len() as u64;
        self.phase = Phase::Seeding;
        if self.measurements.request(SEEDS, pieces, context.ledger) {
            self.seeded(context);
        }
    }

    fn seeded(&mut self, context: &mut Context<'_>) {
        let seeds = context.settings.seeds.clone();
        self.pool = bear_seeds(&seeds, context);
        self.phase = Phase::Searching;
        context.checkpoint();
        if self.closing.is_none() {
            match self.pool.is_empty() {
                true => self.phase = Phase::Over(FinishReason::Exhausted),
                false => self.open_proposals(context),
            }
        }
    }

    /// The minibatch of proposal `k`: the k-th stretch of a train set that is shuffled anew for each epoch.
    fn minibatch(&self, number: u64, context: &Context<'_>) -> Vec<u32> {
        let count = context.cases.train.len() as u64;
        let size = (self.config.minibatch as u64).min(count);
        let first = number * size;
        let shuffled = |epoch: u64| {
            let mut order: Vec<u32> = (0..count as u32).collect();
            order.shuffle(&mut stream(context.settings.seed, "epoch", epoch));
            order
        };
        let mut batch: Vec<u32> = vec![];
        let (mut epoch, mut order) = (first / count, shuffled(first / count));
        let mut position = first;
        while (batch.len() as u64) < size {
            if position / count != epoch {
                epoch = position / count;
                order = shuffled(epoch);
            }
            let case = order[(position % count) as usize];
            if !batch.contains(&case) {
                batch.push(case);
            }
            position += 1;
        }
        batch
    }

    fn best_of_pool(&self, context: &Context<'_>) -> CandidateId {
        let score = |id: &CandidateId| context.ledger.mean_on(*id, context.ranked()).unwrap_or(0.0);
        let mut best = self.pool[0];
        for id in &self.pool {
            if score(id) > score(&best) {
                best = *id;
            }
        }
        best
    }

    /// Evaluations that the finals may use.
    fn left(&self, context: &Context<'_>) -> Option<u64> {
        let most = context.account.budget().evaluations?;
        Some(most.saturating_sub(context.account.evaluations()))
    }

    fn close(&mut self, reason: FinishReason, context: &mut Context<'_>) {
        if self.closing.is_some() || matches!(self.phase, Phase::Over(_)) {
            return;
        }
        self.closing = Some(reason);
        match self.phase {
            Phase::Start => self.phase = Phase::Over(reason),
            Phase::Seeding => self.seeded(context),
            _ => {}
        }
        // Nothing more is given out: what is under way is heard, the rest stays unmeasured.
        self.measurements = Measurements::default();
        self.questions.clear();
        let open: Vec<Proposal> = self.window.drain(..).collect();
        for proposal in open {
            proposal.bear(Outcome::Unfinished, context);
        }
        if !matches!(self.phase, Phase::Over(_)) {
            if self.finals.is_none() {
                self.finals = Some(Finals::new(&self.pool, Some(0), context));
            }
            self.phase = Phase::Over(reason);
        }
    }

    fn begin_finals(&mut self, context: &mut Context<'_>) {
        let finals = Finals::new(&self.pool, self.left(context), context);
        self.phase = Phase::Finals;
        context.checkpoint();
        let known = self.measurements.request(SEEDS, finals.pieces(), context.ledger);
        self.finals = Some(finals);
        if known {
            self.phase = Phase::Over(FinishReason::Budget);
        }
    }
}

impl Optimizer for Gepa {
    fn ask(&mut self, slots: usize, context: &mut Context<'_>) -> Vec<Work> {
        if self.phase == Phase::Start {
            self.start(context);
        }
        let mut work = vec![];
        // A question takes longest to answer, so it goes first.
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
                    match (owner, self.phase) {
                        (SEEDS, Phase::Seeding) => self.seeded(context),
                        (SEEDS, _) => self.phase = Phase::Over(FinishReason::Budget),
                        (number, _) => self.advance(number, context),
                    }
                }
            }
            Told::Answered(id, answer) => self.answered(id, &answer, context),
            Told::Unanswered(id, failure) => self.unanswered(id, &failure),
            Told::Migrants(_) => {}
            Told::BudgetEnded => self.close(FinishReason::Budget, context),
            Told::Stopped => self.close(FinishReason::Stopped, context),
        }
        self.settle_in_order(context);
    }

    fn population(&self) -> &[CandidateId] {
        &self.pool
    }

    fn generation(&self) -> u32 {
        (self.settled / self.config.window as u64) as u32
    }

    fn saved(&self) -> u64 {
        self.saved
    }

    fn finished(&self) -> Option<FinishReason> {
        match self.phase {
            Phase::Over(reason) => Some(reason),
            _ => None,
        }
    }

    fn choice(&self, context: &Context<'_>) -> Option<CandidateId> {
        if let Some(finals) = &self.finals {
            return finals.winner(context);
        }
        (!self.pool.is_empty()).then(|| self.best_of_pool(context))
    }

    #[expect(clippy::expect_used, reason = "plain data with string keys always has a JSON form")]
    fn save(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("plain data")
    }
}
