//! GEPA: reflective prompt evolution (arXiv 2507.19457), in a steady state whose course does not depend on the
//! order in which results arrive.
//!
//! What a proposal goes through between two decisions is a leg: from the parent's minibatch over the reflection
//! model to the child's first look, then from look to look of its race. The search has a clock of its own, on which
//! a leg takes a fixed time, and legs are judged in the order in which they are due there, however long each really
//! took. A judgement sees only what was judged before it, and is followed at once by whatever it calls for: the
//! next leg, new proposals. So the same seed and the same scores give the same family tree whatever the latencies
//! are. Late results delay the search, never alter it; slots stay busy with the `in_flight` proposals that are
//! under way meanwhile. Migrants of other islands have their place on that clock too.
//!
//! Differences from the paper, and the setting with which each is switched off:
//! - Several proposals are under way (`in_flight = 1`).
//! - A parent keeps its minibatch for several proposals, so that its part is paid and waited for once
//!   (`minibatch_uses = 1`).
//! - A child becomes a parent as soon as it has passed the first look of its race, and leaves when it falls
//!   (`race.enabled = false`: the only look is at all ranked cases).
//! - Of several parents drawn from the Pareto fronts the most promising is taken (`contenders = 1`).
//! - A validation is a race (`race.enabled = false`).
//! - The search ranks on a part of the validation cases, and finals among the leaders use the others
//!   (`ranking_cases` = all of them, `finals = 0`).
//! - Operators that need no model take part (leave them out of the run's operators).

mod exchange;
mod merge;
mod pool;
mod proposal;
mod window;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::context::Context;
use crate::event::{FinishReason, Saved};
use crate::finals::Finals;
use crate::ledger::Outcome;
use crate::measurements::Measurements;
use crate::migration::Arrival;
use crate::optimizers::minibatch::epoch_minibatch;
use crate::optimizers::seeding::{bear_seeds, seed_pieces};
use crate::optimizers::{Optimizer, Told, Work};
use crate::piece::ProposalOrder;
use crate::race::{RaceConfig, RaceTest};

use pool::Pool;
use proposal::Proposal;

/// Settings of [`Gepa`]. The defaults keep half of 32 slots busy and reach more than the paper's settings do at the
/// same number of evaluations, in simulation (`benches/schedule.rs`). Fewer proposals under way take longer and
/// reach more still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GepaConfig {
    /// Train cases of a minibatch, 1 or more; the paper's is 3.
    pub minibatch: usize,
    /// Proposals under way at once, 1 or more; the paper's is 1. More keeps more slots busy, and each proposal is
    /// bred from older knowledge. About as many as there are slots; a fiftieth of the evaluations at most (but 4),
    /// or all of a small budget would go into children of the seeds.
    pub in_flight: usize,
    /// Proposals for which a parent keeps its minibatch, 1 or more; the paper's is 1.
    pub minibatch_uses: usize,
    /// Draws from the Pareto fronts of which the most promising becomes the parent, 1 to 1,000; the paper's is 1.
    /// The more, the greedier, and the better many proposals under way go together with a steep ascent.
    pub contenders: usize,
    /// Whether two lineages are merged now and then.
    pub merge: bool,
    /// Merges in a run, at most.
    pub max_merges: usize,
    /// How a candidate's validation is broken off early: by `bayes` unless told otherwise.
    #[serde(deserialize_with = "RaceConfig::bayes_unless_given")]
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals, 0 to 0.9; unless 0, at least two for each ranked case.
    pub finals: f64,
    /// Proposals after which a window is complete: progress is reported and the state made durable.
    pub window: usize,
}

impl Default for GepaConfig {
    fn default() -> Self {
        Self {
            minibatch: 4,
            in_flight: 38,
            minibatch_uses: 8,
            contenders: 30,
            merge: false,
            max_merges: 5,
            race: RaceConfig::of(RaceTest::Bayes),
            ranking_cases: None,
            finals: 0.1,
            window: 8,
        }
    }
}

impl GepaConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if [self.minibatch, self.minibatch_uses, self.in_flight, self.window].contains(&0) {
            return Err("`minibatch`, `minibatch_uses`, `in_flight` and `window` must be 1 or more".into());
        }
        if !(1..=1_000).contains(&self.contenders) {
            return Err(format!("`contenders` is {}, and must be from 1 to 1,000", self.contenders));
        }
        if self.ranking_cases == Some(0) {
            return Err("`ranking_cases` must be 1 or more".into());
        }
        if !(0.0..=0.9).contains(&self.finals) {
            return Err(format!("`finals` is {}, and must be from 0 to 0.9", self.finals));
        }
        self.race.validate()
    }

    /// How many proposals may be under way when so many evaluations may be spent.
    fn in_flight(&self, evaluations: Option<u64>) -> usize {
        let most = evaluations.map_or(usize::MAX, |most| (most as usize / 50).max(4));
        self.in_flight.min(most)
    }

    /// An eightieth of the evaluations: few, because what a candidate costs decides how many there can be, and the
    /// finals judge the leaders on the rest. At least 24, below which ranks are mostly chance.
    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| evaluations.map(|most| (most as usize / 80).max(24)))
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
    /// Migrants that were sent into the race.
    migrants: u64,
    /// Migrants that are not decided yet.
    arrivals: Vec<Arrival>,
    pool: Pool,
    /// Minibatches drawn.
    minibatches: u64,
    /// The search's own time: when the leg judged last was due.
    clock: u64,
    /// Evaluations that settled work has asked for, counted alike in every order of arrival.
    settled_cost: u64,
    settled: u64,
    saved: Saved,
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
            migrants: 0,
            arrivals: vec![],
            pool: Pool::default(),
            minibatches: 0,
            clock: 0,
            settled_cost: 0,
            settled: 0,
            saved: Saved::default(),
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
        for id in bear_seeds(&seeds, context) {
            self.pool.join(id, &[], context.ranked().len(), context);
            self.pool.complete(id);
        }
        self.phase = Phase::Searching;
        context.complete_generation(self);
        if self.closing.is_none() {
            match self.pool.is_empty() {
                true => self.phase = Phase::Over(FinishReason::Exhausted),
                false => self.open_proposals(context),
            }
        }
    }

    fn minibatch(&self, number: u64, context: &Context<'_>) -> Vec<u32> {
        epoch_minibatch(number, self.config.minibatch, context.cases.train.len(), context.seed)
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
        for mut proposal in open {
            let is_own = proposal.bear(Outcome::Unfinished, context);
            if let (Some(origin), Some(child)) = (proposal.origin, &proposal.child) {
                self.decide_migrant(origin, child.id(), is_own, context);
            }
        }
        if !matches!(self.phase, Phase::Over(_)) {
            if self.finals.is_none() {
                self.finals = Some(Finals::new(self.pool.population(), Some(0), context));
            }
            self.phase = Phase::Over(reason);
        }
    }

    fn begin_finals(&mut self, context: &mut Context<'_>) {
        context.say_farewell();
        let finals = Finals::among(&self.pool.standings(context), self.left(context), context);
        self.phase = Phase::Finals;
        context.checkpoint();
        let known = self.measurements.request(SEEDS, finals.pieces(), context.ledger);
        self.finals = Some(finals);
        if known {
            self.go_on_with_finals(context);
        }
    }

    /// Measures the leaders again while the finals want it.
    fn go_on_with_finals(&mut self, context: &Context<'_>) {
        let go_on = |finals: &mut Finals| finals.go_on(SEEDS, &mut self.measurements, context);
        if self.finals.as_mut().is_none_or(go_on) {
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
                        (SEEDS, _) => self.go_on_with_finals(context),
                        (number, _) => self.advance(number, context),
                    }
                }
            }
            Told::Answered(id, answer) => self.answered(id, &answer, context),
            Told::Unanswered(id, failure) => self.unanswered(id, &failure),
            Told::Immigrated => self.resume(context),
            Told::BudgetEnded => self.close(FinishReason::Budget, context),
            Told::Stopped => self.close(FinishReason::Stopped, context),
        }
        self.settle_in_order(context);
    }

    fn population(&self) -> &[CandidateId] {
        self.pool.population()
    }

    fn generation(&self) -> u32 {
        (self.settled / self.config.window as u64) as u32
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
        if let Some(finals) = &self.finals {
            return finals.winner(context);
        }
        (!self.pool.is_empty()).then(|| self.pool.best(context).0)
    }

    #[expect(clippy::expect_used, reason = "plain data with string keys always has a JSON form")]
    fn save(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("plain data")
    }
}
