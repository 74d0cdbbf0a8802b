//! Where the messages of other nodes and of clients arrive.

mod requests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use evohub_cluster::{
    Change, ConsumerId, DownCause, MemberState, NodeName, Peer, Responder, Service, Topic, View,
};
use evohub_evolution::{Failure, FailureKind, Split};
use evohub_monitoring::traces::TraceContext;
use evohub_store::{EvaluationRecord, ProposalRecord};
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::actor::Address;
use crate::engine::{Engine, PreparedJob};
use crate::evaluator::{Asked, EvaluationTask, ProposalTask, Task, Work};
use crate::generation::{GenerationMessage, Host};
use crate::job::JobMessage;
use crate::means::useful_places;
use crate::node::Node;
use crate::permit::Permit;
use crate::population::PopulationReport;
use crate::reply::Reply;
use crate::supervisor::SupervisorMessage;
use crate::wire::{
    CLIENT, GRANTED, Granted, ISLAND, IslandReport, REPORT, UNKNOWN_ISLAND, WANT, WORK, Want, WireEvaluation,
    WireTask, WorkAnswer, WorkOrder, decode, encode,
};

/// Hands what arrives to whoever it is for.
pub(crate) struct Gateway {
    engine: Engine,
}

impl Gateway {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine }
    }

    fn node(&self) -> &Arc<Node> {
        self.engine.node()
    }

    fn supervisor(&self) -> &Address<SupervisorMessage> {
        &self.engine.supervisor
    }

    /// A generation of another node wants places here. Opening its job may take a moment.
    fn wanted(&self, from: NodeName, want: Want) {
        let node = Arc::clone(self.node());
        tokio::spawn(async move {
            let consumer = ConsumerId { node: from.clone(), number: want.consumer };
            let refusal = match node.prepared(&want.job).await {
                Err(error) => Some(error.to_string()),
                Ok(job) if job.tools.fingerprint != want.fingerprint => {
                    Some("its evaluator is another version than that of the job's node".to_owned())
                }
                Ok(job) => {
                    let cap = useful_places(&job.spec, &job.tools) as u32;
                    node.grants.want_from(&node, consumer.clone(), &want.job, want.places, cap);
                    None
                }
            };
            let calls = want.calls.then(|| node.flights.of_job(&want.job));
            let places = if refusal.is_some() { 0 } else { node.grants.granted(&consumer) };
            let granted = Granted { consumer: want.consumer, places, calls, refusal };
            if let Some(cluster) = node.cluster() {
                // One that does not arrive is asked for again.
                let _ = cluster.cast(&from, GRANTED, &TraceContext::default(), encode(&granted));
            }
        });
    }

    fn granted(&self, from: NodeName, granted: Granted) {
        if let Some(refusal) = &granted.refusal {
            tracing::debug!(node = %from, refusal, "a node does not work for a job");
        }
        let node = self.node();
        node.metrics.cluster.permits(from.as_str(), u64::from(granted.places));
        let (places, calls) = (granted.places as usize, granted.calls);
        let places = granted.refusal.is_none().then_some(places);
        let message = GenerationMessage::Granted { host: Host::There(from), places, calls };
        node.consumers.send(granted.consumer, message);
    }

    /// A piece of work of another node.
    fn work(&self, from: NodeName, order: WorkOrder, context: TraceContext, answer: Responder) {
        let consumer = ConsumerId { node: from, number: order.consumer };
        let node = self.node();
        let Some(job) = node.prepared.opened(&order.job) else {
            return answer.send(Err("the job is not open here".to_owned()));
        };
        if !node.grants.begin(&consumer) {
            return answer.send(Err("no place is granted".to_owned()));
        }
        let holder = Arc::clone(node);
        let permit = Permit::new(move || holder.grants.end(&holder, &consumer));
        match task(&job, order.task, answer, Visit::new(&node.visiting)) {
            Ok(task) => node.pool.dispatch(Work {
                job: order.job,
                tools: Arc::clone(&job.tools),
                node: Arc::clone(node),
                task,
                permit,
                context,
                attempt: order.attempt,
                dispatched: Instant::now(),
            }),
            Err((answer, why)) => answer.send(Err(why.to_owned())),
        }
    }

    /// An island reports to the owner of its job.
    fn reported(&self, from: &NodeName, IslandReport { key, report }: IslandReport) {
        let node = self.node();
        if let Some(job) = node.owned.get(&key.job) {
            job.actor.send(JobMessage::Island(key, report));
        } else if matches!(report, PopulationReport::Standing(_))
            && let Some(cluster) = node.cluster()
        {
            // A sign of life for a job that is not owned here: the island lives for nobody.
            let _ = cluster.cast(from, UNKNOWN_ISLAND, &TraceContext::default(), encode(&key));
        }
    }
}

impl Service for Gateway {
    fn cast(&self, from: &Peer, topic: Topic, _context: TraceContext, body: Bytes) {
        let Peer::Node(from) = from else { return };
        let name = from.name.clone();
        match topic {
            WANT => read(&name, &body, |want| self.wanted(name.clone(), want)),
            GRANTED => read(&name, &body, |granted| self.granted(name.clone(), granted)),
            REPORT => read(&name, &body, |report| self.reported(&name, report)),
            UNKNOWN_ISLAND => read(&name, &body, |key| {
                self.supervisor().send(SupervisorMessage::Superseded(key));
            }),
            other => tracing::warn!(node = %name, topic = other.0, "a message of an unknown topic"),
        }
    }

    fn call(&self, from: &Peer, topic: Topic, context: TraceContext, body: Bytes, answer: Responder) {
        if topic == CLIENT {
            return requests::answer(&self.engine, context, body, answer);
        }
        let Peer::Node(from) = from else {
            return answer.send(Err("clients may not ask for that".to_owned()));
        };
        match topic {
            WORK => match decode(&body) {
                Ok(order) => self.work(from.name.clone(), order, context, answer),
                Err(error) => answer.send(Err(error)),
            },
            ISLAND => match decode(&body) {
                Ok(order) => {
                    let supervisor = self.supervisor().clone();
                    tokio::spawn(async move {
                        let order = |reply| SupervisorMessage::Island(order, context, reply);
                        let done = supervisor.ask(order, None).await;
                        let done = done.unwrap_or_else(|| Err("the node is shutting down".to_owned()));
                        answer.send(done.map(|()| Bytes::new()));
                    });
                }
                Err(error) => answer.send(Err(error)),
            },
            REPORT => match decode(&body) {
                Ok(report) => {
                    self.reported(&from.name, report);
                    answer.send(Ok(Bytes::new()));
                }
                Err(error) => answer.send(Err(error)),
            },
            other => answer.send(Err(format!("there is no topic {}", other.0))),
        }
    }

    fn gone(&self, peer: &Peer) {
        if let Peer::Node(id) = peer {
            let node = self.node();
            node.grants.node_left(node, &id.name);
            node.metrics.cluster.permits(id.name.as_str(), 0);
        }
    }
}

/// Reads a message and acts on it. One that cannot be read changes nothing.
fn read<T: DeserializeOwned>(from: &NodeName, body: &[u8], act: impl FnOnce(T)) {
    match decode(body) {
        Ok(message) => act(message),
        Err(error) => tracing::warn!(node = %from, error, "a message is left out"),
    }
}

/// What is to be done for another node, and how it hears of it.
fn task(
    job: &PreparedJob,
    task: WireTask,
    answer: Responder,
    visit: Visit,
) -> Result<Task, (Responder, &'static str)> {
    match task {
        WireTask::Evaluate { piece, candidate } => {
            let cases = match piece.split {
                Split::Train => &job.spec.data.search.train,
                Split::Validation => &job.spec.data.search.validation,
                Split::Test => &job.spec.data.test,
            };
            let Some(case) = cases.get(piece.case as usize) else {
                return Err((answer, "the job has no such case"));
            };
            let task = EvaluationTask { piece, candidate, case: Arc::new(case.clone()) };
            let reply = reply(answer, visit, |record: EvaluationRecord| {
                WorkAnswer::Evaluated(WireEvaluation::new(record))
            });
            Ok(Task::Evaluate(task, reply))
        }
        WireTask::Propose { key, model, question } => match job.tools.reflection_request(model, question) {
            Some(request) => {
                let reply =
                    reply(answer, visit, |record: ProposalRecord| WorkAnswer::Proposed(record.into()));
                Ok(Task::Propose(ProposalTask { key, asked: Asked::Question { model, request } }, reply))
            }
            None => Err((answer, "the job has no such reflection model here")),
        },
        WireTask::Embed { key, text } => {
            let reply = reply(answer, visit, |record: ProposalRecord| WorkAnswer::Proposed(record.into()));
            Ok(Task::Propose(ProposalTask { key, asked: Asked::Embedding(text) }, reply))
        }
    }
}

/// A reply that goes to another node.
fn reply<T: Send + 'static>(
    answer: Responder,
    visit: Visit,
    known: fn(T) -> WorkAnswer,
) -> Reply<Result<T, Failure>> {
    Reply::new(move |outcome: Option<Result<T, Failure>>| {
        let outcome = match outcome {
            Some(Ok(record)) => known(record),
            Some(Err(failure)) => WorkAnswer::Failed(failure),
            None => WorkAnswer::Failed(Failure {
                kind: FailureKind::Transient,
                cause: "lost".into(),
                message: "the work was lost: its worker or the journal died".to_owned(),
            }),
        };
        answer.send(Ok(encode(&outcome)));
        drop(visit);
    })
}

/// A piece of work of another node, until its result is sent back.
struct Visit(Arc<AtomicU64>);

impl Visit {
    fn new(visiting: &Arc<AtomicU64>) -> Self {
        visiting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(visiting))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes note of processes that are known to have ended, which is more than that they are silent.
pub(crate) async fn note_ends(node: Weak<Node>, mut changes: broadcast::Receiver<Change>) {
    loop {
        let change = match changes.recv().await {
            Ok(change) => change,
            // What was missed is decided by the leases.
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let Some(node) = node.upgrade() else { return };
        if let Change::Down { id, cause: DownCause::Killed | DownCause::Left } = change {
            node.ended.insert(id.name, id.incarnation.boot);
        }
    }
}

/// Tells the actors of a node when nodes come, go or change, and not whenever somebody's load does.
pub(crate) async fn watch_nodes(node: Weak<Node>, mut view: watch::Receiver<Arc<View>>) {
    let signature = |view: &View| -> Vec<(NodeName, MemberState, bool)> {
        let members = view.members.iter();
        members.map(|(name, member)| (name.clone(), member.state, view.is_usable(name))).collect()
    };
    let mut before = signature(&view.borrow_and_update().clone());
    while view.changed().await.is_ok() {
        let now = signature(&view.borrow_and_update().clone());
        if now == before {
            continue;
        }
        let Some(node) = node.upgrade() else { return };
        for (name, state, usable) in &now {
            let known = before.iter().find(|(other, ..)| other == name);
            if known.is_none_or(|(_, was, _)| was != state) {
                tracing::info!(node = %name, state = state.as_str(), usable, "a node has changed");
            }
        }
        before = now;
        node.consumers.nodes_changed();
        node.supervisor.send(SupervisorMessage::NodesChanged);
    }
}
