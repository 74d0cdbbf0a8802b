//! A generation: fans measurements and questions out to the pool and sees each of them through.
//!
//! Every order has a lease: a result by the pool, or after its deadline another attempt. The first result wins, late
//! ones are dropped. What failed for now is tried again after a pause that doubles; it is set aside for good only
//! when others succeed meanwhile, so that an outage sets nothing aside.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use evohub_evolution::{Answer, Digest, Evaluation, Failure, FailureKind, Piece, ProposalId};
use evohub_monitoring::metrics::CacheTier;
use evohub_monitoring::traces::TraceContext;
use evohub_store::{EvaluationRecord, ProposalRecord, Store, StoreError};
use ractor::{ActorProcessingErr, RpcReplyPort, async_trait};
use strum::IntoStaticStr;
use tokio::time::Instant;

use crate::actor::{Actor, Address, Letter};
use crate::evaluator::{EvaluationTask, ProposalTask, Task, Work};
use crate::means::Means;
use crate::reply::Reply;

/// How patient a generation is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Time an attempt may take before it is given to another worker.
    pub(crate) lease: Duration,
    /// Pause before the second attempt; it doubles for each further one.
    pub(crate) first_pause: Duration,
    /// Longest pause.
    pub(crate) longest_pause: Duration,
    /// Attempts that fail while others succeed, after which an order is set aside.
    pub(crate) attempts: u32,
    /// Time without any success, while orders fail, after which the job is given up for now.
    pub(crate) outage: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(600),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            attempts: 6,
            outage: Duration::from_secs(300),
        }
    }
}

/// What is to be done.
#[derive(Clone)]
pub(crate) enum Order {
    Evaluate(EvaluationTask),
    Propose(ProposalId, ProposalTask),
}

/// What a generation tells whoever ordered.
pub(crate) enum GenerationReport {
    /// A measurement is durable; the last field says whether this job paid for it.
    Evaluated(Piece, Evaluation, bool),
    /// A measurement is set aside.
    EvaluationFailed(Piece, Failure),
    /// An answer is durable.
    Proposed(ProposalId, Answer),
    /// A question is set aside.
    ProposalFailed(ProposalId, Failure),
    /// An attempt failed and will be repeated.
    Retried(Failure),
    /// Nothing of the kind can succeed.
    GivenUp(Failure),
}

/// Sees orders through.
pub(crate) struct Generation;

pub(crate) struct GenerationArguments {
    pub(crate) means: Means,
    pub(crate) report: Box<dyn Fn(GenerationReport) + Send + Sync>,
}

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum GenerationMessage {
    /// More to do.
    Dispatch(Vec<Order>),
    /// What the store knows of orders given.
    LookedUp(Vec<(u64, Option<Known>)>),
    /// The store could not be asked.
    LookUpFailed(StoreError),
    /// An attempt has left the pool; its result is on its way to the journal.
    Ran,
    /// An attempt ended; `None`: whoever held it is gone.
    Ended { number: u64, outcome: Option<Result<Known, Failure>> },
    /// Time to look for leases that ran out.
    Tick,
    /// The pause before another attempt is over.
    Retry { number: u64 },
    /// Nothing more will be ordered: ends when all is done.
    Close,
    /// Nothing more is given to the pool; answers when the pool has nothing left and every result is reported.
    Drain(RpcReplyPort<()>),
    #[cfg(test)]
    Panic,
}

/// A durable result.
pub(crate) enum Known {
    Evaluation(Box<EvaluationRecord>),
    Proposal(Box<ProposalRecord>),
}

struct Open {
    order: Order,
    /// The trace it was ordered in.
    context: TraceContext,
    attempt: u32,
    /// When the attempt under way is given up; `None` between attempts.
    deadline: Option<Instant>,
    failures: u32,
    /// Successes of the generation when it failed last.
    successes: u64,
}

pub(crate) struct GenerationState {
    arguments: GenerationArguments,
    open: HashMap<u64, Open>,
    next: u64,
    /// Orders that the store was not asked for yet, with their keys, and whether they are evaluations.
    unknown: Vec<(u64, Digest, bool)>,
    looking_up: bool,
    /// Looked up, not known, and waiting for a permit.
    ready: VecDeque<u64>,
    /// Attempts in the pool.
    running: usize,
    /// Attempts given out whose result is not durable yet.
    unsettled: usize,
    successes: u64,
    last_success: Instant,
    closing: bool,
    /// Nothing more is given to the pool.
    draining: bool,
    drains: Vec<RpcReplyPort<()>>,
}

impl GenerationState {
    fn dispatch(&mut self, orders: Vec<Order>, context: &TraceContext) {
        for order in orders {
            let key = self.key(&order);
            self.unknown.push((self.next, key, matches!(order, Order::Evaluate(_))));
            let context = context.clone();
            let open = Open { order, context, attempt: 0, deadline: None, failures: 0, successes: 0 };
            self.open.insert(self.next, open);
            self.next += 1;
        }
    }

    /// Asks the store for all orders that it was not asked for yet, unless it is being asked: what comes meanwhile
    /// makes up the next question, so that a load of small orders does not become a load of small questions.
    fn look_up(&mut self, myself: &Address<GenerationMessage>) {
        if self.looking_up || self.unknown.is_empty() {
            return;
        }
        self.looking_up = true;
        let numbers = std::mem::take(&mut self.unknown);
        let (store, myself) = (Arc::clone(&self.arguments.means.store), myself.clone());
        tokio::spawn(async move {
            let message = match look_up(&*store, &numbers).await {
                Ok(known) => GenerationMessage::LookedUp(known),
                Err(error) => GenerationMessage::LookUpFailed(error),
            };
            myself.send(message);
        });
    }

    fn key(&self, order: &Order) -> Digest {
        match order {
            Order::Evaluate(task) => task.key(&self.arguments.means.tools),
            Order::Propose(_, task) => task.key,
        }
    }

    /// Puts an order into the line for the pool. A question takes longest to answer, so it goes first.
    fn enqueue(&mut self, number: u64) {
        match self.open.get(&number).map(|open| &open.order) {
            Some(Order::Propose(..)) => self.ready.push_front(number),
            Some(Order::Evaluate(_)) => self.ready.push_back(number),
            None => {}
        }
    }

    /// Gives what is ready to the pool, as far as permits go.
    fn fill_pool(&mut self, myself: &Address<GenerationMessage>) {
        while self.running < self.arguments.means.permits && !self.draining {
            let Some(number) = self.ready.pop_front() else { return };
            self.attempt(number, myself);
        }
    }

    fn attempt(&mut self, number: u64, myself: &Address<GenerationMessage>) {
        let Some(open) = self.open.get_mut(&number) else { return };
        self.running += 1;
        self.unsettled += 1;
        open.attempt += 1;
        open.deadline = Some(Instant::now() + self.arguments.means.patience.lease);
        let task = match &open.order {
            Order::Evaluate(task) => {
                let reply = reply(myself, number, |record| Known::Evaluation(Box::new(record)));
                Task::Evaluate(task.clone(), reply)
            }
            Order::Propose(_, task) => {
                let reply = reply(myself, number, |record| Known::Proposal(Box::new(record)));
                Task::Propose(task.clone(), reply)
            }
        };
        let work = Work {
            job: self.arguments.means.job.clone(),
            tools: Arc::clone(&self.arguments.means.tools),
            store: Arc::clone(&self.arguments.means.store),
            journal: self.arguments.means.journal.clone(),
            task,
            permit: Permit::new(myself),
            context: open.context.clone(),
            attempt: open.attempt,
            dispatched: Instant::now(),
        };
        self.arguments.means.pool.dispatch(work);
    }

    /// The store does not know what was ordered: it is to be done.
    fn not_known(&mut self, number: u64) {
        if let Some(Open { order: Order::Evaluate(_), .. }) = self.open.get(&number) {
            self.arguments.means.metrics.evaluation.missed(CacheTier::Store, 1);
        }
        self.enqueue(number);
    }

    /// A result is there: from the tier that was asked, or (with [`CacheTier::InFlight`]) by an attempt, where another
    /// may have been faster.
    fn known(&mut self, number: u64, known: Known, tier: CacheTier) {
        let Some(open) = self.open.remove(&number) else {
            tracing::debug!("a result came after another attempt had brought it");
            return;
        };
        self.successes += 1;
        self.last_success = Instant::now();
        let report = match (open.order, known) {
            (Order::Evaluate(task), Known::Evaluation(record)) => {
                let paid = record.job == self.arguments.means.job;
                let metrics = &self.arguments.means.metrics.evaluation;
                match tier {
                    CacheTier::InFlight if paid => metrics.succeeded(),
                    tier => metrics.cached(tier),
                }
                GenerationReport::Evaluated(task.piece, record.evaluation, paid)
            }
            (Order::Propose(id, _), Known::Proposal(record)) => {
                let paid = record.job == self.arguments.means.job;
                let answer = Answer {
                    text: record.text,
                    truncated: record.truncated,
                    dollars: if paid { record.dollars } else { 0.0 },
                    tokens: if paid { record.input_tokens + record.output_tokens } else { 0 },
                };
                GenerationReport::Proposed(id, answer)
            }
            _ => return,
        };
        (self.arguments.report)(report);
    }

    fn failed(&mut self, number: u64, failure: Failure, myself: &Address<GenerationMessage>) {
        let Some(open) = self.open.get_mut(&number) else { return };
        open.deadline = None;
        if let Order::Evaluate(_) = open.order {
            self.arguments.means.metrics.evaluation.failed(&failure.cause);
        }
        let patience = self.arguments.means.patience;
        match failure.kind {
            FailureKind::Systemic => (self.arguments.report)(GenerationReport::GivenUp(failure)),
            FailureKind::Piece => self.set_aside(number, failure),
            _ => {
                // A failure counts against the order only if the world works for others.
                let others_succeed = open.failures == 0 || self.successes > open.successes;
                open.successes = self.successes;
                open.failures += u32::from(others_succeed);
                if open.failures >= patience.attempts {
                    self.set_aside(number, failure);
                    return;
                }
                if self.last_success.elapsed() >= patience.outage {
                    let minutes = patience.outage.as_secs() / 60;
                    let message = format!("{} (nothing succeeded for {minutes} minutes)", failure.message);
                    (self.arguments.report)(GenerationReport::GivenUp(Failure { message, ..failure }));
                    return;
                }
                let pause =
                    patience.first_pause * 2_u32.saturating_pow(open.attempt.saturating_sub(1).min(16));
                (self.arguments.report)(GenerationReport::Retried(failure));
                let pause = pause.min(patience.longest_pause);
                myself.send_after(pause, move || GenerationMessage::Retry { number });
            }
        }
    }

    fn set_aside(&mut self, number: u64, failure: Failure) {
        let Some(open) = self.open.remove(&number) else { return };
        (self.arguments.report)(match open.order {
            Order::Evaluate(task) => GenerationReport::EvaluationFailed(task.piece, failure),
            Order::Propose(id, _) => GenerationReport::ProposalFailed(id, failure),
        });
    }
}

/// The reply of an attempt: its result or failure as a message, or that it is lost.
fn reply<T: 'static>(
    myself: &Address<GenerationMessage>,
    number: u64,
    known: fn(T) -> Known,
) -> Reply<Result<T, Failure>> {
    let myself = myself.clone();
    Reply::new(move |outcome: Option<Result<T, Failure>>| {
        let outcome = outcome.map(|outcome| outcome.map(known));
        myself.send(GenerationMessage::Ended { number, outcome });
    })
}

/// A place in the pool; given back when the work leaves it, however it leaves it.
pub(crate) struct Permit(Address<GenerationMessage>);

impl Permit {
    fn new(generation: &Address<GenerationMessage>) -> Self {
        Self(generation.clone())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.send(GenerationMessage::Ran);
    }
}

async fn look_up(
    store: &dyn Store,
    numbers: &[(u64, Digest, bool)],
) -> Result<Vec<(u64, Option<Known>)>, StoreError> {
    let keys = |evaluations| {
        let wanted = numbers.iter().filter(move |(_, _, is)| *is == evaluations);
        wanted.map(|(_, key, _)| *key).collect::<Vec<Digest>>()
    };
    let (evaluations, proposals) = (keys(true), keys(false));
    let evaluations =
        if evaluations.is_empty() { HashMap::new() } else { store.evaluations(&evaluations).await? };
    let proposals = if proposals.is_empty() { HashMap::new() } else { store.proposals(&proposals).await? };
    let known = |(number, key, is_evaluation): &(u64, Digest, bool)| {
        let known = match is_evaluation {
            true => evaluations.get(key).map(|record| Known::Evaluation(Box::new(record.clone()))),
            false => proposals.get(key).map(|record| Known::Proposal(Box::new(record.clone()))),
        };
        (*number, known)
    };
    Ok(numbers.iter().map(known).collect())
}

#[async_trait]
impl Actor for Generation {
    const KIND: &'static str = "generation";

    type Message = GenerationMessage;
    type State = GenerationState;
    type Arguments = GenerationArguments;

    async fn start(
        &self,
        myself: &Address<Self::Message>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.send_every(arguments.means.patience.lease / 10, || GenerationMessage::Tick);
        Ok(GenerationState {
            arguments,
            open: HashMap::new(),
            next: 0,
            unknown: vec![],
            looking_up: false,
            ready: VecDeque::new(),
            running: 0,
            unsettled: 0,
            successes: 0,
            last_success: Instant::now(),
            closing: false,
            draining: false,
            drains: vec![],
        })
    }

    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match letter.message {
            GenerationMessage::Dispatch(orders) => state.dispatch(orders, &letter.context),
            GenerationMessage::LookedUp(orders) => {
                state.looking_up = false;
                for (number, known) in orders {
                    match known {
                        Some(known) => state.known(number, known, CacheTier::Store),
                        None => state.not_known(number),
                    }
                }
            }
            GenerationMessage::LookUpFailed(error) => {
                let failure = Failure {
                    kind: FailureKind::Systemic,
                    cause: "store".into(),
                    message: error.to_string(),
                };
                (state.arguments.report)(GenerationReport::GivenUp(failure));
            }
            GenerationMessage::Ran => state.running -= 1,
            GenerationMessage::Ended { number, outcome } => {
                state.unsettled -= 1;
                match outcome {
                    Some(Ok(known)) => state.known(number, known, CacheTier::InFlight),
                    Some(Err(failure)) => state.failed(number, failure, myself),
                    None => state.failed(number, lost("its worker or the journal died"), myself),
                }
            }
            GenerationMessage::Tick => {
                let now = Instant::now();
                let late = state.open.iter().filter(|(_, open)| open.deadline.is_some_and(|at| at <= now));
                let late: Vec<u64> = late.map(|(number, _)| *number).collect();
                for number in late {
                    state.failed(number, lost("its lease ran out"), myself);
                }
            }
            GenerationMessage::Retry { number } => state.enqueue(number),
            GenerationMessage::Close => state.closing = true,
            GenerationMessage::Drain(reply) => {
                state.draining = true;
                state.drains.push(reply);
            }
            #[cfg(test)]
            GenerationMessage::Panic => panic!("asked to"),
        }
        state.look_up(myself);
        state.fill_pool(myself);
        if state.unsettled == 0 {
            for reply in state.drains.drain(..) {
                let _ = reply.send(());
            }
        }
        // A result can be durable before its worker has given the permit back.
        if state.closing && state.open.is_empty() && state.running == 0 {
            myself.stop();
        }
        Ok(())
    }
}

fn lost(how: &str) -> Failure {
    let message = format!("the work was lost: {how}");
    Failure { kind: FailureKind::Transient, cause: "lost".into(), message }
}
