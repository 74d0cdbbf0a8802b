//! One evolution of one island, as a pure state machine.

mod checkpoint;
mod embeddings;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::account::{Account, Budget, Cost, CostModel, Reservation, share};
use crate::candidate::{Candidate, CandidateId};
use crate::case::{Case, CaseSet, Split};
use crate::context::Context;
use crate::diversity::{Distance, LikenessCache, Likenesses};
use crate::event::{Action, Event, Finish, Progress, RunEvent};
use crate::ledger::Ledger;
use crate::migration::{Exchange, ExchangeState, IslandSettings};
use crate::model_credits::ModelCredits;
use crate::optimizers::{AlgorithmConfig, Optimizer, Told, Work};
use crate::order::balanced_order;
use crate::piece::{EmbeddingOrder, EvaluationOrder, Piece, ProposalId, ProposalOrder};
use crate::rng::stream;
use crate::variation::{LeakGuard, OperatorCredits, Operators, TrainIndex, VariationLimits};

pub use checkpoint::{Checkpoint, CheckpointError};
use embeddings::Embeddings;

/// How a run is set up. The same settings, cases and operators, and the same scores, give the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Seed of the job. From it comes all chance, and what its islands have in common.
    pub seed: u64,
    /// The algorithm and its settings.
    pub algorithm: AlgorithmConfig,
    /// Where the search starts; one or more.
    pub seeds: Vec<Candidate>,
    /// The models to ask for proposals, each with an upper bound on what one proposal takes; none where operators that
    /// need no model do it all.
    pub reflection: Vec<CostModel>,
    /// Bounds on every child.
    pub limits: VariationLimits,
    /// Validation cases that the search ranks on, from 1 to all.
    pub ranking_cases: usize,
    /// Measurements of a leader on a validation case in the finals, 1 or more: above 1 where the model answers by chance.
    /// They are made again when all cases are measured and evaluations are left, unless the first few repeats all come
    /// out as before.
    pub repeats: u32,
    /// What the run may spend: this island's share of the job's budget.
    pub budget: Budget,
    /// Upper bound on what one evaluation takes.
    pub evaluation_cost: CostModel,
    /// Evaluations that the report will make after the run, paid from the same dollars and tokens: this island's
    /// share of them.
    pub closing_evaluations: u64,
    /// How the distance between candidates is measured.
    #[serde(default)]
    pub distance: Distance,
    /// Upper bound on what one embedding takes.
    #[serde(default)]
    pub embedding_cost: CostModel,
    /// Its place among the islands of the job.
    #[serde(default)]
    pub island: IslandSettings,
}

impl RunSettings {
    /// Whether there is a model to ask for proposals.
    pub fn reflects(&self) -> bool {
        !self.reflection.is_empty()
    }

    /// The settings of one island, from those of the whole job: its share of the budget and of the evaluations that
    /// are kept back for the report, so that over all islands these are spent, and kept back, once. The ranked cases
    /// stay as they are, the same for all: choose them by the budget of one island.
    pub fn for_island(&self, index: u32) -> Self {
        let count = self.island.count;
        Self {
            budget: self.budget.split(count, index),
            closing_evaluations: share(self.closing_evaluations, count, index),
            island: IslandSettings { index, ..self.island },
            ..self.clone()
        }
    }
}

/// One evolution of one island. [`Run::step`] is all there is to it.
pub struct Run {
    settings: Arc<RunSettings>,
    cases: Arc<CaseSet>,
    train: TrainIndex,
    operators: Arc<Operators>,
    order: Vec<u32>,
    guard: LeakGuard,
    exchange: Exchange,
    ledger: Ledger,
    account: Account,
    optimizer: Box<dyn Optimizer>,
    credits: OperatorCredits,
    models: ModelCredits,
    finish: Option<Finish>,
    /// What the optimizer asked for and is not given out: it waits for an embedding, or for money that is reserved for
    /// what is under way.
    put_off: VecDeque<Work>,
    /// Questions given out, so that a restored run can ask them again.
    questions: Vec<ProposalOrder>,
    likenesses: Likenesses,
    compared: LikenessCache,
    embeddings: Embeddings,
}

impl Run {
    /// A fresh run.
    pub fn new(settings: Arc<RunSettings>, cases: Arc<CaseSet>, operators: Arc<Operators>) -> Self {
        let optimizer = settings.algorithm.start();
        Self::with_optimizer(settings, cases, operators, optimizer)
    }

    /// A fresh run of an optimizer of one's own, in place of the one that the settings name.
    pub fn with_optimizer(
        settings: Arc<RunSettings>,
        cases: Arc<CaseSet>,
        operators: Arc<Operators>,
        optimizer: Box<dyn Optimizer>,
    ) -> Self {
        let account = Account::new(
            settings.budget,
            settings.evaluation_cost,
            settings.reflection.clone(),
            settings.closing_evaluations,
        );
        Self {
            order: balanced_order(&cases.validation, &mut stream(settings.seed, "order", 0)),
            guard: LeakGuard::new(&cases, &settings.seeds),
            exchange: Exchange::new(&settings, ExchangeState::default()),
            ledger: Ledger::new(&cases).keeping(settings.algorithm.named()),
            train: TrainIndex::new(cases.clone()),
            account,
            optimizer,
            credits: OperatorCredits::default(),
            models: ModelCredits::new(&settings.reflection),
            finish: None,
            put_off: VecDeque::new(),
            questions: vec![],
            likenesses: Likenesses::new(settings.distance),
            compared: LikenessCache::default(),
            embeddings: Embeddings::default(),
            settings,
            cases,
            operators,
        }
    }

    /// Takes one event and returns what it calls for. Unknown and repeated results change nothing.
    pub fn step(&mut self, event: Event) -> Vec<Action> {
        let mut actions = vec![];
        if self.settings.distance == Distance::Embedding && self.embeddings.must_wait(&event) {
            self.embeddings.wait(event);
            return actions;
        }
        self.hear(event, &mut actions);
        self.finish_when_over(&mut actions);
        actions
    }

    fn hear(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::SlotsFree { count } => self.fill(count, actions),
            Event::Evaluated { piece, evaluation, paid } => {
                let tokens = (evaluation.input_tokens + evaluation.output_tokens) as f64;
                let cost = Cost { dollars: evaluation.objectives.dollars, tokens };
                if self.account.settle_piece(&piece, if paid { cost } else { Cost::default() }) {
                    self.ledger.record(&piece, evaluation);
                    self.tell(Told::Measured(piece), actions);
                }
            }
            Event::EvaluationFailed { piece, .. } => {
                if self.account.settle_piece(&piece, Cost::default()) {
                    self.ledger.record_failure(&piece);
                    self.tell(Told::Measured(piece), actions);
                }
            }
            Event::Proposed { id, answer } => {
                let cost = Cost { dollars: answer.dollars, tokens: answer.tokens as f64 };
                if let Some(model) = self.settle_proposal(id, cost) {
                    self.models.answered(model, answer.dollars);
                    self.tell(Told::Answered(id, answer), actions);
                }
            }
            Event::ProposalFailed { id, failure } => {
                if self.settle_proposal(id, Cost::default()).is_some() {
                    self.tell(Told::Unanswered(id, failure), actions);
                }
            }
            Event::Embedded { candidate, embedding, dollars, tokens } => {
                let is_wanted = self.settle_embedding(candidate, Cost { dollars, tokens: tokens as f64 });
                if is_wanted {
                    self.likenesses.insert(candidate, embedding);
                    self.go_on(actions);
                }
            }
            Event::EmbeddingFailed { candidate, .. } => {
                if self.settle_embedding(candidate, Cost::default()) {
                    self.embeddings.state.none.insert(candidate);
                    self.go_on(actions);
                }
            }
            Event::Immigrated(migrants) => {
                if self.finish.is_none() && self.exchange.receive(migrants) {
                    self.tell(Told::Immigrated, actions);
                }
            }
            Event::StopAsked => self.tell(Told::Stopped, actions),
        }
    }

    /// Books an embedding that was asked for. `false` when it was not, or is there already.
    fn settle_embedding(&mut self, id: CandidateId, paid: Cost) -> bool {
        // Those that a restored run is given again were booked before; until then it was compared by something else.
        let was_missing = self.embeddings.missing.remove(&id);
        if was_missing {
            self.compared = LikenessCache::default();
        }
        let is_wanted = self.account.settle_embedding(&id, paid) || was_missing;
        if is_wanted {
            self.embeddings.state.known.insert(id);
        }
        is_wanted
    }

    /// Hears what has waited for an embedding that is there now.
    fn go_on(&mut self, actions: &mut Vec<Action>) {
        for event in self.embeddings.released() {
            self.hear(event, actions);
        }
    }

    /// All that is under way: what a restored run needs to be given again.
    pub fn in_flight(&self) -> Vec<Action> {
        let orders = self.account.pieces_in_flight().filter_map(|piece| self.order_of(*piece));
        let questions = self.questions.iter().cloned().map(Action::Propose);
        let embeddings = self.account.embeddings_in_flight().chain(&self.embeddings.missing);
        let embeddings = embeddings.filter_map(|id| self.ledger.candidate(*id)).map(EmbeddingOrder::of);
        orders.map(Action::Evaluate).chain(questions).chain(embeddings.map(Action::Embed)).collect()
    }

    /// The islands without whose migrants it does not go on now, in ascending order. With nothing else under way it
    /// stands still until these come.
    pub fn waiting_for(&self) -> Vec<u32> {
        self.exchange.missing()
    }

    /// How many pieces of work are under way.
    pub fn in_flight_count(&self) -> usize {
        self.account.in_flight()
    }

    /// How it is set up.
    pub fn settings(&self) -> &RunSettings {
        &self.settings
    }

    /// All that it knows of its candidates.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What it spent.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What the algorithm looks at of a candidate, by name, over the validation cases that it was measured on.
    pub fn objectives(&self, id: CandidateId) -> BTreeMap<String, f64> {
        self.settings.algorithm.values(&self.ledger, id, &self.ledger.validation_cases(id))
    }

    /// What its reflection models brought.
    pub fn models(&self) -> &ModelCredits {
        &self.models
    }

    /// The probability of each operator to be drawn first among those that take as many parents.
    pub fn operator_probabilities(&self) -> BTreeMap<String, f64> {
        let of = |parents| self.operators.probabilities(parents, self.settings.reflects(), &self.credits);
        (1..=2).flat_map(of).collect()
    }

    /// How it ended, once it is over.
    pub fn finish(&self) -> Option<Finish> {
        self.finish.clone()
    }

    /// Whether it is over.
    pub fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Where it stands now.
    pub fn progress(&mut self) -> Progress {
        let mut ignored = vec![];
        let (optimizer, mut context) = self.parts(&mut ignored);
        context.progress(&*optimizer)
    }

    /// A case of a piece.
    pub fn case(&self, piece: &Piece) -> Option<&Case> {
        let cases = match piece.split {
            Split::Train => &self.cases.train,
            Split::Validation => &self.cases.validation,
            Split::Test => return None,
        };
        cases.get(piece.case as usize)
    }

    fn fill(&mut self, count: usize, actions: &mut Vec<Action>) {
        if self.finish.is_some() || count == 0 || !self.embeddings.missing.is_empty() {
            return;
        }
        let mut free = count;
        while free > 0 && self.optimizer.finished().is_none() {
            // What a measurement known already calls for may be new work, so ask again until a round brings none.
            if self.put_off.is_empty() {
                let (optimizer, mut context) = self.parts(actions);
                let asked = optimizer.ask(free, &mut context);
                self.put_off.extend(asked);
            }
            let Some(work) = self.put_off.pop_front() else { return };
            match self.give_out(&work, actions) {
                None => {}
                Some(Reservation::Granted) => free -= 1,
                Some(Reservation::Deferred) => {
                    self.put_off.push_front(work);
                    return;
                }
                Some(Reservation::Refused) => {
                    self.put_off.clear();
                    self.tell(Told::BudgetEnded, actions);
                    return;
                }
            }
        }
    }

    /// Gives work out as far as the budget grants it; `None` when there is nothing to give out.
    fn give_out(&mut self, work: &Work, actions: &mut Vec<Action>) -> Option<Reservation> {
        let (reservation, action) = match work {
            Work::Measure(piece) => {
                if self.ledger.has(piece) {
                    self.tell(Told::Measured(*piece), actions);
                    return None;
                }
                let order = self.order_of(*piece)?;
                if self.lacks_embedding(piece.candidate) {
                    let embedding = EmbeddingOrder::of(&order.candidate);
                    let (limit, length) = (self.settings.embedding_cost, embedding.text.len());
                    let reservation = self.account.reserve_embedding(piece.candidate, limit, length);
                    (reservation, Action::Embed(embedding))
                } else if self.account.has_piece(piece) {
                    return None;
                } else {
                    let input = self.case(piece).map_or(0, |case| case.input.len());
                    let length = order.candidate.length() + input;
                    (self.account.reserve_piece(*piece, length), Action::Evaluate(order))
                }
            }
            Work::Ask(order) => {
                let reservation = self.account.reserve_proposal(order.id, order.model, order.question.len());
                (reservation, Action::Propose(order.clone()))
            }
        };
        if reservation == Reservation::Granted {
            match &action {
                Action::Propose(order) => self.questions.push(order.clone()),
                // The measurement follows it.
                Action::Embed(_) => self.put_off.push_back(work.clone()),
                _ => {}
            }
            actions.push(action);
        }
        Some(reservation)
    }

    /// Whether the embedding of a candidate was not asked for yet, where candidates need one.
    fn lacks_embedding(&self, id: CandidateId) -> bool {
        self.settings.distance == Distance::Embedding
            && !self.embeddings.state.known.contains(&id)
            && !self.account.has_embedding(&id)
    }

    fn order_of(&self, piece: Piece) -> Option<EvaluationOrder> {
        Some(EvaluationOrder { piece, candidate: self.ledger.candidate(piece.candidate)?.clone() })
    }

    /// Books the answer to a question, and says who was asked.
    fn settle_proposal(&mut self, id: ProposalId, cost: Cost) -> Option<u32> {
        let at = self.questions.iter().position(|question| question.id == id)?;
        let question = self.questions.remove(at);
        self.account.settle_proposal(id, cost).then_some(question.model)
    }

    fn tell(&mut self, told: Told, actions: &mut Vec<Action>) {
        let (optimizer, mut context) = self.parts(actions);
        optimizer.tell(told, &mut context);
    }

    fn parts<'a>(&'a mut self, announcements: &'a mut Vec<Action>) -> (&'a mut dyn Optimizer, Context<'a>) {
        let context = Context {
            settings: &self.settings,
            cases: &self.cases,
            train: &self.train,
            operators: &self.operators,
            credits: &mut self.credits,
            models: &mut self.models,
            ledger: &mut self.ledger,
            account: &self.account,
            order: &self.order,
            seed: self.settings.island.seed(self.settings.seed),
            exchange: &mut self.exchange,
            guard: &self.guard,
            likenesses: &self.likenesses,
            compared: &mut self.compared,
            announcements,
        };
        (&mut *self.optimizer, context)
    }

    /// A run is over when its optimizer says so and nothing is under way: what was paid for is heard first.
    fn finish_when_over(&mut self, actions: &mut Vec<Action>) {
        let Some(reason) = self.optimizer.finished() else { return };
        // Whoever would wait for it need not wait for what is still under way.
        self.parts(actions).1.say_farewell();
        if self.finish.is_some() || self.account.in_flight() > 0 {
            return;
        }
        let (optimizer, mut context) = self.parts(actions);
        let best: Option<CandidateId> = optimizer.choice(&context);
        let score = best.and_then(|id| context.ledger.validation_mean(id)).map(|(score, _)| score);
        let progress = context.progress(optimizer);
        context.announce(RunEvent::GenerationCompleted(progress));
        let finish = Finish { best, score, reason };
        self.finish = Some(finish.clone());
        actions.push(Action::Checkpoint);
        actions.push(Action::Finish(finish));
    }
}

impl Context<'_> {
    /// Tells observers where the run stands at the end of a generation, and marks a moment for a checkpoint.
    pub fn complete_generation(&mut self, optimizer: &dyn Optimizer) {
        let progress = self.progress(optimizer);
        self.announce(RunEvent::GenerationCompleted(progress));
        self.checkpoint();
    }

    pub(crate) fn progress(&mut self, optimizer: &dyn Optimizer) -> Progress {
        let population = optimizer.population();
        let scores: Vec<f64> = population.iter().filter_map(|id| optimizer.score(*id, self)).collect();
        let members: Vec<&Candidate> =
            population.iter().filter_map(|id| self.ledger.candidate(*id)).collect();
        Progress {
            generation: optimizer.generation(),
            evaluations: self.account.settled(),
            saved: optimizer.saved(),
            dollars: self.account.spent().dollars,
            best: scores.iter().copied().fold(0.0, f64::max),
            mean: if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / scores.len() as f64 },
            diversity: self.compared.mean_distance(&members, self.likenesses, self.seed).mean,
            population: population.len() as u32,
        }
    }
}
