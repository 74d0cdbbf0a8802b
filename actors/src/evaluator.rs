//! The workers that call models and score answers.

mod pool;

use evohub_evaluation::evaluation_key;
use evohub_evolution::{Candidate, Case, Digest, Failure, Piece};
use evohub_llm::ChatRequest;
use evohub_monitoring::metrics::Metrics;
use evohub_monitoring::redaction::redact;
use evohub_monitoring::traces::{TraceContext, set_parent};
use evohub_store::{EvaluationRecord, JobId, ProposalRecord, Store};
use ractor::factory::{Job, Worker, WorkerId};
use ractor::{ActorProcessingErr, ActorRef, async_trait};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::clock::now_millis;
use crate::flights::Flight;
use crate::journal::JournalMessage;
use crate::node::Node;
use crate::permit::Permit;
use crate::reply::Reply;
use crate::toolbox::{JobTools, Said};

pub(crate) use pool::{Pool, start_pool};
use pool::{PoolMessage, Shared, WorkerArguments};

/// Work that was given out so long ago may have been done elsewhere meanwhile: this process may have stood still, and
/// have been given up by the others.
const OLD: Duration = Duration::from_secs(2);

/// A piece of work for one worker.
pub(crate) struct Work {
    pub(crate) job: JobId,
    pub(crate) tools: Arc<JobTools>,
    pub(crate) node: Arc<Node>,
    pub(crate) task: Task,
    /// Given back when the worker's part of the work is over.
    pub(crate) permit: Permit,
    /// The trace it was ordered in.
    pub(crate) context: TraceContext,
    /// From 1.
    pub(crate) attempt: u32,
    /// When it was given to the pool.
    pub(crate) dispatched: Instant,
}

impl ractor::Message for Work {}

/// What is to be done, and who hears of it: a result when it is durable, a failure at once.
pub(crate) enum Task {
    Evaluate(EvaluationTask, Reply<Result<EvaluationRecord, Failure>>),
    Propose(ProposalTask, Reply<Result<ProposalRecord, Failure>>),
}

/// One measurement.
#[derive(Clone)]
pub(crate) struct EvaluationTask {
    pub(crate) piece: Piece,
    pub(crate) candidate: Candidate,
    pub(crate) case: Arc<Case>,
}

/// One question to a model beside the evaluations.
#[derive(Clone)]
pub(crate) struct ProposalTask {
    pub(crate) key: Digest,
    pub(crate) asked: Asked,
}

/// What a model is asked beside the evaluations.
#[derive(Clone)]
pub(crate) enum Asked {
    /// The reflection model in this place among those of the job, for a proposal.
    Question { model: u32, request: ChatRequest },
    /// The embedding model, for the vector of a text.
    Embedding(String),
}

impl EvaluationTask {
    /// The content key of the measurement by these tools.
    pub(crate) fn key(&self, tools: &JobTools) -> Digest {
        evaluation_key(&tools.fingerprint, &self.candidate, &self.case, self.piece.repeat)
    }
}

/// One worker: does one piece of work at a time.
pub(crate) struct EvaluatorWorker;

#[async_trait]
impl Worker for EvaluatorWorker {
    type Key = ();
    type Message = Work;
    type Arguments = Shared;
    type State = Arc<WorkerArguments>;

    async fn pre_start(
        &self,
        id: WorkerId,
        _pool: &ActorRef<PoolMessage>,
        Shared(arguments): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        arguments.started(id);
        Ok(arguments)
    }

    async fn handle(
        &self,
        _id: WorkerId,
        _pool: &ActorRef<PoolMessage>,
        job: Job<(), Work>,
        worker: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let work = job.msg;
        let waited = work.dispatched.elapsed();
        let _handling = worker.pool.begin(work.task.kind(), waited);
        if let Task::Evaluate(..) = work.task {
            worker.metrics.evaluation.waited(waited);
        }
        let span = work.span();
        work.carry_out(worker).instrument(span).await;
        Ok(())
    }
}

impl Task {
    /// Names of the kinds.
    const KINDS: [&'static str; 2] = ["evaluate", "propose"];

    fn kind(&self) -> &'static str {
        match self {
            Self::Evaluate(..) => Self::KINDS[0],
            Self::Propose(..) => Self::KINDS[1],
        }
    }
}

impl Work {
    /// The span of the worker's part: until the result goes to the journal.
    fn span(&self) -> Span {
        let (job, attempt) = (&self.job, i64::from(self.attempt));
        let span = match &self.task {
            Task::Evaluate(EvaluationTask { piece, .. }, _) => tracing::info_span!(
                parent: None,
                "evaluate_prompt",
                job_id = job.0,
                candidate = %piece.candidate,
                case = i64::from(piece.case),
                split = ?piece.split,
                repeat = i64::from(piece.repeat),
                attempt,
                score = tracing::field::Empty,
                error.type = tracing::field::Empty,
                otel.status_code = tracing::field::Empty,
                otel.status_description = tracing::field::Empty,
            ),
            Task::Propose(..) => tracing::info_span!(
                parent: None,
                "propose",
                job_id = job.0,
                attempt,
                error.type = tracing::field::Empty,
                otel.status_code = tracing::field::Empty,
                otel.status_description = tracing::field::Empty,
            ),
        };
        set_parent(&span, &self.context);
        span
    }

    async fn carry_out(self, worker: &WorkerArguments) {
        // The permit goes with the worker's part of the work: what follows in the journal holds up no other.
        let Self { job, tools, node, task, permit: _permit, dispatched, .. } = self;
        let is_old = || dispatched.elapsed() > OLD;
        match task {
            Task::Evaluate(task, reply) => {
                let key = task.key(&tools);
                let (flight, waited) = node.flights.enter(key, &job).await;
                if (waited || is_old())
                    && let Some(record) = known_evaluation(&*node.store, key).await
                {
                    reply.send(Ok(record));
                } else {
                    evaluate(job, &tools, &node, (key, flight), task, reply, &worker.metrics).await;
                }
            }
            Task::Propose(task, reply) => {
                let (flight, waited) = node.flights.enter(task.key, &job).await;
                if (waited || is_old())
                    && let Some(record) = known_proposal(&*node.store, task.key).await
                {
                    reply.send(Ok(record));
                } else {
                    propose(job, &tools, &node, flight, task, reply).await;
                }
            }
        }
    }
}

/// A failure without secrets. What an evaluator, a scorer or a model of the embedding program says may hold anything,
/// and it goes into events, metrics and records.
fn redacted(failure: Failure) -> Failure {
    let Failure { kind, cause, message } = failure;
    Failure { kind, cause: redact(&cause).into_owned(), message: redact(&message).into_owned() }
}

/// Marks the span of a piece of work as failed.
fn record_failure(failure: &Failure) {
    let span = Span::current();
    span.record("error.type", failure.cause.as_str());
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", failure.message.as_str());
}

/// The result of whoever was first. A store that cannot be asked now says nothing; the journal will hear of it.
async fn known_evaluation(store: &dyn Store, key: Digest) -> Option<EvaluationRecord> {
    store.evaluations(&[key]).await.ok()?.remove(&key)
}

async fn known_proposal(store: &dyn Store, key: Digest) -> Option<ProposalRecord> {
    store.proposals(&[key]).await.ok()?.remove(&key)
}

/// A reply that ends the flight first: whoever waits for the key finds the result, because it is durable.
fn after_flight<T: 'static>(flight: Flight, reply: Reply<Result<T, Failure>>) -> Reply<Result<T, Failure>> {
    Reply::new(move |outcome: Option<_>| {
        drop(flight);
        // Without an outcome the journal is gone, and dropping the reply says that the work is lost.
        if let Some(outcome) = outcome {
            reply.send(outcome);
        }
    })
}

async fn evaluate(
    job: JobId,
    tools: &JobTools,
    node: &Node,
    (key, flight): (Digest, Flight),
    task: EvaluationTask,
    reply: Reply<Result<EvaluationRecord, Failure>>,
    metrics: &Metrics,
) {
    let began = Instant::now();
    let evaluated = tools.evaluator.evaluate(&task.candidate, &task.case, task.piece.repeat).await;
    metrics.evaluation.took(began.elapsed());
    match evaluated {
        Ok(evaluation) => {
            Span::current().record("score", evaluation.objectives.score);
            let record = EvaluationRecord {
                key,
                job,
                candidate: task.candidate.id(),
                case: task.case.id(),
                split: task.piece.split,
                repeat: task.piece.repeat,
                evaluation,
                at: now_millis(),
            };
            node.journal.send(JournalMessage::Evaluated(record, after_flight(flight, reply)));
        }
        Err(failure) => {
            let failure = redacted(failure);
            record_failure(&failure);
            reply.send(Err(failure));
        }
    }
}

async fn propose(
    job: JobId,
    tools: &JobTools,
    node: &Node,
    flight: Flight,
    task: ProposalTask,
    reply: Reply<Result<ProposalRecord, Failure>>,
) {
    match tools.ask(task.asked).await {
        Ok(Said { text, truncated, dollars, usage }) => {
            let record = ProposalRecord {
                key: task.key,
                job,
                text,
                truncated,
                dollars,
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                at: now_millis(),
            };
            node.journal.send(JournalMessage::Proposed(record, after_flight(flight, reply)));
        }
        Err(failure) => {
            let failure = redacted(failure);
            record_failure(&failure);
            reply.send(Err(failure));
        }
    }
}
