//! A generation: fans measurements and questions out to the pools and sees each of them through.
//!
//! Every order has a lease: a result by a pool, or after its deadline another attempt. The first result wins, late
//! ones are dropped. What failed for now is tried again after a pause that doubles; it is set aside for good only
//! when others succeed meanwhile, so that an outage sets nothing aside. What a lost node had under way is looked up
//! in the store and then given to another.

mod crew;
mod dispatch;
mod hedge;
mod order;
mod places;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use evohub_evolution::{Digest, Failure, FailureKind};
use evohub_monitoring::metrics::{CacheTier, RedispatchCause};
use evohub_monitoring::traces::TraceContext;
use evohub_store::{EvaluationRecord, ProposalRecord, StoreError};
use ractor::{ActorProcessingErr, RpcReplyPort, async_trait};
use strum::IntoStaticStr;
use tokio::time::Instant;

use crate::actor::{Actor, Address, Letter};
use crate::means::Means;

use crew::Crew;
pub(crate) use crew::Host;
use hedge::Durations;
use order::answer;
pub(crate) use order::{GenerationReport, Order};

/// How often leases, places and slow attempts are looked after.
const TICK: Duration = Duration::from_millis(250);

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

/// Sees orders through.
pub(crate) struct Generation;

pub(crate) struct GenerationArguments {
    pub(crate) means: Means,
    /// Most pieces of work under way at once; `None`: what the pools take.
    pub(crate) most: Option<usize>,
    /// Calls for the job may be under way that nobody waits for any more: they are found and waited for.
    pub(crate) adopting: bool,
    pub(crate) report: Box<dyn Fn(GenerationReport) + Send + Sync>,
}

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum GenerationMessage {
    /// More to do.
    Dispatch(Vec<Order>),
    /// What the store knows of orders; `None`: nothing.
    LookedUp(Vec<(u64, Option<Known>)>),
    /// The store could not be asked.
    LookUpFailed(StoreError),
    /// A pool grants places; `None`: it does not work for the job.
    Granted { host: Host, places: Option<usize>, calls: Option<Vec<Digest>> },
    /// Nodes have come, gone or changed.
    NodesChanged,
    /// An attempt has left the pool of this process; its result is on its way to the journal.
    Ran,
    /// An attempt ended.
    Ended { number: u64, host: Host, outcome: Outcome },
    /// Time to look after leases, places and slow attempts.
    Tick,
    /// The pause before another attempt is over.
    Retry { number: u64 },
    /// Nothing more will be ordered: ends when all is done.
    Close,
    /// Nothing more is given to the pools; answers when they have nothing left and every result is reported.
    Drain(RpcReplyPort<()>),
    #[cfg(test)]
    Panic,
}

/// What came of an attempt.
pub(crate) enum Outcome {
    Known(Known),
    Failed(Failure),
    /// Whoever held it is gone.
    Lost,
    /// The node that it was given to could not take it, or is gone.
    Bounced(RedispatchCause),
}

/// A durable result.
pub(crate) enum Known {
    Evaluation(Box<EvaluationRecord>),
    Proposal(Box<ProposalRecord>),
}

struct Open {
    order: Order,
    key: Digest,
    /// The trace it was ordered in.
    context: TraceContext,
    attempt: u32,
    /// Where attempts are under way.
    hosts: Vec<Host>,
    /// When the newest attempt under way began.
    began: Instant,
    /// When the attempts under way are given up; `None` between attempts.
    deadline: Option<Instant>,
    failures: u32,
    /// Successes of the generation when it failed last.
    successes: u64,
}

pub(crate) struct GenerationState {
    arguments: GenerationArguments,
    /// Its number among those who use pools.
    consumer: u64,
    open: HashMap<u64, Open>,
    next: u64,
    /// Orders that the store was not asked for yet, with their keys, and whether they are evaluations.
    unknown: Vec<(u64, Digest, bool)>,
    looking_up: bool,
    /// Looked up, not known, and waiting for a place.
    ready: VecDeque<u64>,
    /// The same, of measurements that other islands of the job may make too, and since when they wait.
    shared: VecDeque<(u64, Instant)>,
    crew: Crew,
    /// Places that were said last to be of use.
    wanted: u32,
    /// The pools that were asked for places.
    asked: HashSet<Host>,
    /// Places reported last.
    places: usize,
    /// Pools that have not answered yet, and until when they are waited for before anything is given out.
    adopting: Option<(HashSet<Host>, Instant)>,
    /// Calls under way that nobody waits for.
    calls: HashMap<Digest, Host>,
    /// Attempts given out whose result is not durable yet.
    unsettled: usize,
    durations: Durations,
    ticks: u64,
    successes: u64,
    last_success: Instant,
    closing: bool,
    /// Nothing more is given to the pools.
    draining: bool,
    drains: Vec<RpcReplyPort<()>>,
}

impl GenerationState {
    fn take_orders(&mut self, orders: Vec<Order>, context: &TraceContext) {
        for order in orders {
            let key = match &order {
                Order::Evaluate(task) => task.key(self.arguments.means.tools()),
                Order::Propose(_, task) | Order::Embed(_, task) => task.key,
            };
            self.unknown.push((self.next, key, matches!(order, Order::Evaluate(_))));
            self.open.insert(
                self.next,
                Open {
                    order,
                    key,
                    context: context.clone(),
                    attempt: 0,
                    hosts: vec![],
                    began: Instant::now(),
                    deadline: None,
                    failures: 0,
                    successes: 0,
                },
            );
            self.next += 1;
        }
    }

    /// Puts an order into the line for a pool. A question takes longest to answer, so it goes first.
    fn enqueue(&mut self, number: u64) {
        let has_siblings = self.arguments.means.prepared.spec.islands.count > 1;
        match self.open.get(&number).map(|open| &open.order) {
            Some(Order::Propose(..) | Order::Embed(..)) => self.ready.push_front(number),
            Some(Order::Evaluate(_)) if has_siblings => self.shared.push_back((number, Instant::now())),
            Some(Order::Evaluate(_)) => self.ready.push_back(number),
            None => {}
        }
    }

    /// The store does not know what was ordered: it is to be done.
    fn not_known(&mut self, number: u64) {
        if let Some(Open { order: Order::Evaluate(_), attempt: 0, .. }) = self.open.get(&number) {
            self.arguments.means.node.metrics.evaluation.missed(CacheTier::Store, 1);
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
                let metrics = &self.arguments.means.node.metrics.evaluation;
                match tier {
                    CacheTier::InFlight if paid => {
                        self.durations.add(open.began.elapsed());
                        metrics.succeeded();
                    }
                    tier => metrics.cached(tier),
                }
                GenerationReport::Evaluated(task.piece, record.evaluation, paid)
            }
            (Order::Propose(id, _), Known::Proposal(record)) => {
                GenerationReport::Proposed(id, answer(*record, &self.arguments.means.job))
            }
            (Order::Embed(id, _), Known::Proposal(record)) => {
                GenerationReport::Embedded(id, answer(*record, &self.arguments.means.job))
            }
            _ => return,
        };
        (self.arguments.report)(report);
    }

    fn ended(&mut self, number: u64, host: &Host, outcome: Outcome, myself: &Address<GenerationMessage>) {
        self.unsettled -= 1;
        if *host != Host::Here {
            self.crew.give_back(host);
        }
        let mut again = false;
        if let Some(open) = self.open.get_mut(&number) {
            if let Some(at) = open.hosts.iter().position(|other| other == host) {
                open.hosts.swap_remove(at);
            }
            // Of two attempts, the other may still succeed.
            again = open.hosts.is_empty();
        }
        match outcome {
            Outcome::Known(known) => self.known(number, known, CacheTier::InFlight),
            Outcome::Bounced(cause) => {
                self.arguments.means.node.metrics.cluster.redispatched(cause);
                self.crew.lose(host);
                if again {
                    self.look_up_again(number);
                }
            }
            _ if !again => {}
            Outcome::Failed(failure) => self.failed(number, failure, myself),
            Outcome::Lost => self.failed(number, lost("its worker or the journal died"), myself),
        }
    }

    /// It may have been done before it was lost, so the store is asked first.
    fn look_up_again(&mut self, number: u64) {
        if let Some(open) = self.open.get_mut(&number) {
            open.deadline = None;
            self.unknown.push((number, open.key, matches!(open.order, Order::Evaluate(_))));
        }
    }

    fn failed(&mut self, number: u64, failure: Failure, myself: &Address<GenerationMessage>) {
        let Some(open) = self.open.get_mut(&number) else { return };
        open.deadline = None;
        if let Order::Evaluate(_) = open.order {
            self.arguments.means.node.metrics.evaluation.failed(&failure.cause);
        }
        let patience = self.arguments.means.node.patience();
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
            Order::Embed(id, _) => GenerationReport::EmbeddingFailed(id, failure),
        });
    }

    fn tick(&mut self, myself: &Address<GenerationMessage>) {
        let now = Instant::now();
        let late = self.open.iter().filter(|(_, open)| open.deadline.is_some_and(|at| at <= now));
        let late: Vec<u64> = late.map(|(number, _)| *number).collect();
        for number in late {
            self.failed(number, lost("its lease ran out"), myself);
        }
        self.ticks += 1;
        self.renew_places();
        self.hedge(myself);
    }
}

fn lost(how: &str) -> Failure {
    let message = format!("the work was lost: {how}");
    Failure { kind: FailureKind::Transient, cause: "lost".into(), message }
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
        myself.send_every(TICK, || GenerationMessage::Tick);
        let consumer = arguments.means.node.consumers.add(myself.clone());
        let crew = Crew::new(arguments.most);
        let mut state = GenerationState {
            arguments,
            consumer,
            open: HashMap::new(),
            next: 0,
            unknown: vec![],
            looking_up: false,
            ready: VecDeque::new(),
            shared: VecDeque::new(),
            crew,
            wanted: 0,
            asked: HashSet::new(),
            places: 0,
            adopting: None,
            calls: HashMap::new(),
            unsettled: 0,
            durations: Durations::default(),
            ticks: 0,
            successes: 0,
            last_success: Instant::now(),
            closing: false,
            draining: false,
            drains: vec![],
        };
        state.ask_for_places();
        Ok(state)
    }

    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match letter.message {
            GenerationMessage::Dispatch(orders) => state.take_orders(orders, &letter.context),
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
            GenerationMessage::Granted { host, places, calls } => state.granted(host, places, calls),
            GenerationMessage::NodesChanged => state.nodes_changed(),
            GenerationMessage::Ran => state.crew.give_back(&Host::Here),
            GenerationMessage::Ended { number, host, outcome } => state.ended(number, &host, outcome, myself),
            GenerationMessage::Tick => state.tick(myself),
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
        state.fill_pools(myself);
        state.want_enough();
        state.report_places();
        if state.unsettled == 0 {
            for reply in state.drains.drain(..) {
                let _ = reply.send(());
            }
        }
        // A result can be durable before its worker has given the place back.
        if state.closing && state.open.is_empty() && state.crew.used() == 0 {
            myself.stop();
        }
        Ok(())
    }

    async fn ended(&self, state: &mut Self::State) {
        state.leave_pools();
    }
}

impl Drop for GenerationState {
    fn drop(&mut self) {
        // One that panics leaves no other word. Pools elsewhere find out when it asks no more.
        let node = &self.arguments.means.node;
        node.consumers.remove(self.consumer);
        node.grants.leave(node, self.consumer);
    }
}

/// What is needed of the means in every part.
impl GenerationState {
    fn node(&self) -> &Arc<crate::node::Node> {
        &self.arguments.means.node
    }
}
