//! What clients ask of a node.

use std::time::Duration;

use bytes::Bytes;
use evohub_cluster::{MemberState, NodeName, Responder, View};
use evohub_monitoring::traces::{TraceContext, set_parent};
use evohub_store::{JobId, JobRecord, JobState, StoreErrorKind};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;

use crate::client::{ClusterStatus, NodeStatus, Request, RequestError, Watched};
use crate::clock::now_millis;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::event_log::Cursor;
use crate::job::{Conclusion, JobMessage};
use crate::node::evaluator_name;
use crate::spec::JobSpec;
use crate::supervisor::SupervisorMessage;
use crate::wire::{CLIENT, decode, encode};

/// Time that another node may take to accept a job: it opens the models first.
const SUBMISSION: Duration = Duration::from_secs(100);
/// Longest that somebody who follows a job is kept waiting for the next event.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Time that passing a request on may take on top.
const PASSING: Duration = Duration::from_secs(5);
/// How often a job is looked for that nobody owns at the moment.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest that handing over all work of a node may take.
const DRAINING: Duration = Duration::from_secs(120);

type Outcome<T> = Result<T, RequestError>;

/// Answers a request when there is an answer.
pub(super) fn answer(engine: &Engine, context: TraceContext, body: Bytes, answer: Responder) {
    let request: Request = match decode(&body) {
        Ok(request) => request,
        Err(error) => return answer.send(Err(error)),
    };
    let engine = engine.clone();
    let span = tracing::info_span!(parent: None, "request", request = request.name());
    set_parent(&span, &context);
    let handled = async move {
        let outcome: Outcome<Value> = match request {
            Request::Submit { id, spec } => value(submit(&engine, id, *spec, body).await),
            Request::Watch { job, cursor, wait } => value(watch(&engine, &job, cursor, wait, body).await),
            Request::Stop { job } => value(stop(&engine, &job).await),
            Request::Resume { job } => value(resume(&engine, &job).await),
            Request::Status => value(Ok(status(&engine))),
            Request::Drain { node } => value(drain(&engine, &node, body).await),
            Request::Jobs => value(engine.node().store.jobs().await.map_err(RequestError::from)),
            Request::Job { job } => value(engine.node().store.job(&job).await.map_err(RequestError::from)),
            Request::Candidates { job } => {
                value(engine.node().store.candidates(&job).await.map_err(RequestError::from))
            }
            Request::History { job } => {
                value(engine.node().store.history(&job).await.map_err(RequestError::from))
            }
            Request::Totals { job } => {
                value(engine.node().store.totals(&job).await.map_err(RequestError::from))
            }
        };
        answer.send(Ok(encode(&outcome)));
    };
    tokio::spawn(handled.instrument(span));
}

fn value<T: Serialize>(outcome: Outcome<T>) -> Outcome<Value> {
    outcome.and_then(|value| {
        serde_json::to_value(value).map_err(|error| RequestError::failed(format!("the answer: {error}")))
    })
}

/// Accepts a job: from then on it is durable, and whatever happens to this node it will be run.
async fn submit(engine: &Engine, id: JobId, spec: JobSpec, body: Bytes) -> Outcome<JobId> {
    let node = engine.node();
    let evaluator = evaluator_name(&spec.evaluator);
    let is_able = evaluator.is_none_or(|name| node.toolbox.evaluator_names().contains(name));
    let is_leaving = node.view().is_some_and(|view| {
        view.member(node.name()).is_some_and(|member| member.state != MemberState::Alive)
    });
    // A node that has the evaluator, and stays, takes it.
    if (!is_able || is_leaving)
        && let Some(other) = node.helpers(evaluator).first()
    {
        return pass(engine, other, body, SUBMISSION).await;
    }
    match node.store.job(&id).await {
        // It was accepted before, and the answer went astray.
        Ok(_) => return Ok(id),
        Err(error) if error.kind == StoreErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let prepared = engine.prepare(spec).await?;
    engine.insert(&id, &prepared).await?;
    let prepared = node.prepared.add(&id, prepared);
    match engine.run(id.clone(), prepared, (0.0, 0), None).await {
        Ok(_) => {}
        // It is durable: this node or another finds it.
        Err(error) => tracing::warn!(job_id = %id, %error, "an accepted job is not started at once"),
    }
    Ok(id)
}

/// What happened to a job since, wherever it is owned.
async fn watch(
    engine: &Engine,
    job: &JobId,
    cursor: Cursor,
    wait: Duration,
    body: Bytes,
) -> Outcome<Watched> {
    let node = engine.node();
    let wait = wait.min(LONGEST_WAIT);
    if let Some(owned) = node.owned.get(job) {
        let observers = owned.observers;
        let (cursor, events) = observers.log.since(cursor, wait).await;
        let conclusion = observers.conclusion.borrow().clone();
        let is_last = events.is_empty() || matches!(events.last(), Some(crate::event::JobEvent::Ended(_)));
        let result = match conclusion {
            Some(Conclusion::Ended(result)) if is_last => Some(result),
            _ => None,
        };
        let progress = *observers.progress.borrow();
        let node = Some(node.name().to_string());
        return Ok(Watched {
            cursor,
            events,
            progress: Some(progress),
            result,
            node,
            state: JobState::Running,
        });
    }
    let record = node.store.job(job).await?;
    if record.state == JobState::Running {
        let owner = owner_of(&record);
        if let Some(owner) = owner.filter(|owner| owner != node.name()) {
            // It may be gone: then another will own the job soon.
            match pass(engine, &owner, body, wait + PASSING).await {
                Ok(watched) => return Ok(watched),
                Err(error) => tracing::debug!(%error, node = %owner, "a job's owner does not answer"),
            }
        }
        tokio::time::sleep(PAUSE.min(wait)).await;
        return Ok(Watched { cursor, ..Watched::nothing(record.state) });
    }
    let result = record.result.and_then(|result| serde_json::from_value(result).ok());
    match result {
        Some(result) => Ok(Watched { cursor, result: Some(result), ..Watched::nothing(record.state) }),
        None => Err(RequestError::failed(record.error.unwrap_or_else(|| format!("`{job}` has no result")))),
    }
}

fn owner_of(record: &JobRecord) -> Option<NodeName> {
    record.owner.as_deref()?.split_once('#')?.0.parse().ok()
}

async fn stop(engine: &Engine, job: &JobId) -> Outcome<()> {
    let node = engine.node();
    node.store.request_stop(job).await?;
    if let Some(owned) = node.owned.get(job) {
        owned.actor.send(JobMessage::Stop);
    }
    Ok(())
}

/// Goes on with a job that was stopped or has failed. One that runs does so anyway.
async fn resume(engine: &Engine, job: &JobId) -> Outcome<()> {
    let record = engine.node().store.job(job).await?;
    if record.state == JobState::Done {
        return Err(RequestError::invalid(format!("`{job}` is done already")));
    }
    if record.owner.is_none() {
        engine.resume(job).await?;
    }
    Ok(())
}

fn status(engine: &Engine) -> ClusterStatus {
    let node = engine.node();
    let nodes = node.view().map_or_else(Vec::new, |view| {
        let View { members, .. } = &*view;
        members.values().map(|member| NodeStatus::of(member, view.is_reachable(member.name()))).collect()
    });
    ClusterStatus { by: node.name().to_string(), at: now_millis(), nodes }
}

/// Has a node hand over its work. It stays in the cluster, and takes on nothing, until its process ends.
async fn drain(engine: &Engine, name: &NodeName, body: Bytes) -> Outcome<()> {
    let node = engine.node();
    if name != node.name() {
        let known = node.view().is_some_and(|view| view.is_reachable(name));
        if !known {
            return Err(RequestError::not_found(format!("there is no node `{name}` that can be reached")));
        }
        return pass(engine, name, body, DRAINING).await;
    }
    if let Some(cluster) = node.cluster() {
        cluster.drain();
    }
    let done = engine.supervisor.ask(SupervisorMessage::HandOver, Some(DRAINING)).await;
    done.ok_or_else(|| RequestError::failed("not all work was handed over in time".to_owned()))
}

/// Passes a request on to another node, and its answer back.
async fn pass<T: serde::de::DeserializeOwned>(
    engine: &Engine,
    to: &NodeName,
    body: Bytes,
    limit: Duration,
) -> Outcome<T> {
    let Some(cluster) = engine.node().cluster() else {
        return Err(RequestError::failed("there is no cluster".to_owned()));
    };
    let answer = cluster.call(to, CLIENT, &TraceContext::current(), body, limit).await;
    let answer = answer.map_err(|error| RequestError::failed(error.to_string()))?;
    decode::<Outcome<T>>(&answer).map_err(RequestError::failed)?
}

impl From<EngineError> for RequestError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Spec(message) => Self::invalid(message),
            other => Self::invalid(other.to_string()),
        }
    }
}
