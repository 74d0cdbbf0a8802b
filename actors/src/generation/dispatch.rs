//! How orders get to the pools: looked up, then given out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use evohub_cluster::{CallError, ConsumerId, SendError};
use evohub_evolution::{Digest, Failure, FailureKind};
use evohub_monitoring::metrics::RedispatchCause;
use evohub_store::{Store, StoreError};
use tokio::time::Instant;

use super::{GenerationMessage, GenerationState, Host, Known, Order, Outcome};
use crate::actor::Address;
use crate::evaluator::{Task, Work};
use crate::permit::Permit;
use crate::reply::Reply;
use crate::wire::{WORK, WireTask, WorkAnswer, WorkOrder, decode, encode};

/// How long a measurement waits for a place in the pool where an equal one would be, before any will do. A pool that is
/// busy is worth waiting for, one that is stuck is not.
const PREFERENCE: Duration = Duration::from_secs(10);

impl GenerationState {
    /// Asks the store for all orders that it was not asked for yet, unless it is being asked: what comes meanwhile
    /// makes up the next question, so that a load of small orders does not become a load of small questions.
    pub(super) fn look_up(&mut self, myself: &Address<GenerationMessage>) {
        if self.looking_up || self.unknown.is_empty() {
            return;
        }
        self.looking_up = true;
        let numbers = std::mem::take(&mut self.unknown);
        let (store, myself) = (Arc::clone(&self.node().store), myself.clone());
        tokio::spawn(async move {
            let known = crate::journal::with_patience(|| look_up(&*store, &numbers)).await;
            myself.send(match known {
                Ok(known) => GenerationMessage::LookedUp(known),
                Err(error) => GenerationMessage::LookUpFailed(error),
            });
        });
    }

    /// Gives what is ready to the pools, as far as places go.
    pub(super) fn fill_pools(&mut self, myself: &Address<GenerationMessage>) {
        if self.draining || self.is_adopting() {
            return;
        }
        self.attach(myself);
        self.give_shared(myself);
        while !self.ready.is_empty()
            && let Some(host) = self.crew.take()
        {
            let given =
                self.ready.pop_front().is_some_and(|number| self.attempt(number, host.clone(), myself));
            if !given {
                // It has come to an end meanwhile.
                self.crew.give_back(&host);
            }
        }
    }

    /// Calls that were under way before this generation began are waited for where they are.
    fn attach(&mut self, myself: &Address<GenerationMessage>) {
        if self.calls.is_empty() {
            return;
        }
        let (ready, shared) = (std::mem::take(&mut self.ready), std::mem::take(&mut self.shared));
        let both = ready.into_iter().map(|number| (number, None));
        for (number, since) in both.chain(shared.into_iter().map(|(number, since)| (number, Some(since)))) {
            let key = self.open.get(&number).map(|open| open.key);
            match key.and_then(|key| self.calls.remove(&key)) {
                Some(host) => {
                    self.crew.take_at(host.clone());
                    self.attempt(number, host, myself);
                }
                None => match since {
                    Some(since) => self.shared.push_back((number, since)),
                    None => self.ready.push_back(number),
                },
            }
        }
    }

    /// Islands of a job make equal measurements: of their seeds, of children that two of them breed. Those go to the same
    /// pool, where whoever comes second waits for the first: each is paid for once.
    fn give_shared(&mut self, myself: &Address<GenerationMessage>) {
        let me = self.node().name().clone();
        for (number, since) in std::mem::take(&mut self.shared) {
            let Some(key) = self.open.get(&number).map(|open| open.key.to_bytes()) else { continue };
            let weight = |host: &Host| {
                let name = match host {
                    Host::Here => me.as_str(),
                    Host::There(name) => name.as_str(),
                };
                Digest::of_fields([&key[..], name.as_bytes()]).to_bytes()
            };
            let preferred = self.crew.take_preferred(weight);
            // Once more paid is better than long idle.
            let any = || if since.elapsed() > PREFERENCE { self.crew.take() } else { None };
            match preferred.or_else(any) {
                Some(host) => drop(self.attempt(number, host, myself)),
                None => self.shared.push_back((number, since)),
            }
        }
    }

    /// Gives an order to a pool where a place is taken for it. `false` when there is no such order any more.
    pub(super) fn attempt(&mut self, number: u64, host: Host, myself: &Address<GenerationMessage>) -> bool {
        let lease = self.node().patience().lease;
        let Some(open) = self.open.get_mut(&number) else { return false };
        self.unsettled += 1;
        open.attempt += 1;
        open.began = Instant::now();
        open.deadline = Some(open.began + lease);
        open.hosts.push(host.clone());
        match host {
            Host::Here => self.attempt_here(number, myself),
            Host::There(_) => self.attempt_there(number, host, myself),
        }
        true
    }

    fn attempt_here(&self, number: u64, myself: &Address<GenerationMessage>) {
        let Some(open) = self.open.get(&number) else { return };
        let means = &self.arguments.means;
        let task = match &open.order {
            Order::Evaluate(task) => {
                let reply = reply(myself, number, |record| Known::Evaluation(Box::new(record)));
                Task::Evaluate(task.clone(), reply)
            }
            Order::Propose(_, task) | Order::Embed(_, task) => {
                let reply = reply(myself, number, |record| Known::Proposal(Box::new(record)));
                Task::Propose(task.clone(), reply)
            }
        };
        // Its places here were granted before, so whether it is covered is no question; that it is counted is what
        // matters to those who wait for places.
        let consumer = ConsumerId { node: means.node.name().clone(), number: self.consumer };
        let counted = means.node.grants.begin(&consumer);
        let (holder, ran) = (Arc::clone(&means.node), myself.clone());
        means.node.pool.dispatch(Work {
            job: means.job.clone(),
            tools: Arc::clone(means.tools()),
            node: Arc::clone(&means.node),
            task,
            permit: Permit::new(move || {
                if counted {
                    holder.grants.end(&holder, &consumer);
                }
                ran.send(GenerationMessage::Ran);
            }),
            context: open.context.clone(),
            attempt: open.attempt,
            dispatched: Instant::now(),
        });
    }

    fn attempt_there(&self, number: u64, host: Host, myself: &Address<GenerationMessage>) {
        let (Some(open), Host::There(name)) = (self.open.get(&number), &host) else { return };
        let means = &self.arguments.means;
        let task = match &open.order {
            Order::Evaluate(task) => {
                WireTask::Evaluate { piece: task.piece, candidate: task.candidate.clone() }
            }
            Order::Propose(_, task) | Order::Embed(_, task) => WireTask::of_question(task),
        };
        let order =
            WorkOrder { job: means.job.clone(), consumer: self.consumer, attempt: open.attempt, task };
        let (name, context, lease) = (name.clone(), open.context.clone(), means.node.patience().lease);
        let (node, order_of, myself) = (Arc::clone(&means.node), open.order.clone(), myself.clone());
        tokio::spawn(async move {
            let outcome = match node.cluster() {
                Some(cluster) => match cluster.call(&name, WORK, &context, encode(&order), lease).await {
                    Ok(answer) => match decode(&answer) {
                        Ok(answer) => outcome_of(answer, &order_of),
                        Err(error) => {
                            tracing::warn!(node = %name, error, "a node's answer cannot be read");
                            Outcome::Bounced(RedispatchCause::Failed)
                        }
                    },
                    Err(error) => {
                        tracing::debug!(node = %name, %error, "a piece of work goes to another node");
                        Outcome::Bounced(cause(&error))
                    }
                },
                None => Outcome::Lost,
            };
            myself.send(GenerationMessage::Ended { number, host, outcome });
        });
    }
}

/// Why a call came to nothing.
fn cause(error: &CallError) -> RedispatchCause {
    match error {
        CallError::NotSent(SendError::Full { .. }) | CallError::Refused { .. } => RedispatchCause::Busy,
        CallError::NotSent(_) | CallError::Unlinked { .. } => RedispatchCause::NodeDown,
        CallError::TimedOut { .. } => RedispatchCause::Expired,
        _ => RedispatchCause::Failed,
    }
}

fn outcome_of(answer: WorkAnswer, order: &Order) -> Outcome {
    match (answer, order) {
        (WorkAnswer::Evaluated(evaluation), Order::Evaluate(task)) => {
            Outcome::Known(Known::Evaluation(Box::new(evaluation.record(task.piece, task.case.id()))))
        }
        (WorkAnswer::Proposed(proposal), Order::Propose(..) | Order::Embed(..)) => {
            Outcome::Known(Known::Proposal(Box::new(proposal.into())))
        }
        // What one node cannot write, another may.
        (WorkAnswer::Failed(failure), _) if failure.cause == "store" => {
            Outcome::Failed(Failure { kind: FailureKind::Transient, ..failure })
        }
        (WorkAnswer::Failed(failure), _) => Outcome::Failed(failure),
        _ => Outcome::Bounced(RedispatchCause::Failed),
    }
}

/// The reply of an attempt in this process: its result or failure as a message, or that it is lost.
fn reply<T: 'static>(
    myself: &Address<GenerationMessage>,
    number: u64,
    known: fn(T) -> Known,
) -> Reply<Result<T, Failure>> {
    let myself = myself.clone();
    Reply::new(move |outcome: Option<Result<T, Failure>>| {
        let outcome = match outcome {
            Some(Ok(record)) => Outcome::Known(known(record)),
            Some(Err(failure)) => Outcome::Failed(failure),
            None => Outcome::Lost,
        };
        myself.send(GenerationMessage::Ended { number, host: Host::Here, outcome });
    })
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
