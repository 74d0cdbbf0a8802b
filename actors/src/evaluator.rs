//! The pool of workers that call models and score answers: a `ractor` factory.

use evohub_evaluation::evaluation_key;
use evohub_evolution::{Candidate, Case, Digest, Failure, Piece};
use evohub_llm::ChatRequest;
use evohub_store::{EvaluationRecord, JobId, ProposalRecord, Store};
use ractor::factory::{
    Factory, FactoryArguments, FactoryMessage, Job, Worker, WorkerId, queues, routing, worker_builder,
};
use ractor::{Actor, ActorProcessingErr, ActorRef, async_trait};
use std::sync::Arc;

use crate::clock::now_millis;
use crate::flights::{Flight, Flights};
use crate::generation::Permit;
use crate::journal::JournalMessage;
use crate::reply::Reply;
use crate::toolbox::JobTools;

/// The pool's own messages.
pub(crate) type PoolMessage = FactoryMessage<(), Work>;

/// A piece of work for one worker.
pub(crate) struct Work {
    pub(crate) job: JobId,
    pub(crate) tools: Arc<JobTools>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) journal: ActorRef<JournalMessage>,
    pub(crate) task: Task,
    pub(crate) permit: Permit,
}

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

/// One question to the reflection model.
#[derive(Clone)]
pub(crate) struct ProposalTask {
    pub(crate) key: Digest,
    pub(crate) request: ChatRequest,
}

impl EvaluationTask {
    /// The content key of the measurement by these tools.
    pub(crate) fn key(&self, tools: &JobTools) -> Digest {
        evaluation_key(&tools.fingerprint, &self.candidate, &self.case, self.piece.repeat)
    }
}

/// Starts a pool of so many workers.
pub(crate) async fn start_pool(workers: usize) -> Result<ActorRef<PoolMessage>, ractor::SpawnErr> {
    let factory = Factory::<
        (),
        Work,
        Arc<Flights>,
        EvaluatorWorker,
        routing::QueuerRouting<(), Work>,
        queues::DefaultQueue<(), Work>,
    >::default();
    let flights = Arc::new(Flights::default());
    let arguments = FactoryArguments::builder()
        .worker_builder(Box::new(worker_builder(move |_| (EvaluatorWorker, Arc::clone(&flights)))))
        .queue(queues::DefaultQueue::default())
        .router(routing::QueuerRouting::default())
        .num_initial_workers(workers)
        .build();
    let (pool, _) = Actor::spawn(None, factory, arguments).await?;
    Ok(pool)
}

/// One worker: does one piece of work at a time.
pub(crate) struct EvaluatorWorker;

#[async_trait]
impl Worker for EvaluatorWorker {
    type Key = ();
    type Message = Work;
    type Arguments = Arc<Flights>;
    type State = Arc<Flights>;

    async fn pre_start(
        &self,
        _id: WorkerId,
        _pool: &ActorRef<PoolMessage>,
        flights: Arc<Flights>,
    ) -> Result<Arc<Flights>, ActorProcessingErr> {
        Ok(flights)
    }

    async fn handle(
        &self,
        _id: WorkerId,
        _pool: &ActorRef<PoolMessage>,
        job: Job<(), Work>,
        flights: &mut Arc<Flights>,
    ) -> Result<(), ActorProcessingErr> {
        // The permit goes with the worker's part of the work: what follows in the journal holds up no other.
        let Work { job, tools, store, journal, task, permit: _permit } = job.msg;
        match task {
            Task::Evaluate(task, reply) => {
                let key = task.key(&tools);
                let (flight, waited) = flights.enter(key).await;
                if waited && let Some(record) = known(&*store, key).await {
                    reply.send(Ok(record));
                } else {
                    evaluate(job, &tools, &journal, (key, flight), task, reply).await;
                }
            }
            Task::Propose(task, reply) => propose(job, &tools, &journal, task, reply).await,
        }
        Ok(())
    }
}

/// The result of whoever was first. A store that cannot be asked now says nothing; the journal will hear of it.
async fn known(store: &dyn Store, key: Digest) -> Option<EvaluationRecord> {
    store.evaluations(&[key]).await.ok()?.remove(&key)
}

async fn evaluate(
    job: JobId,
    tools: &JobTools,
    journal: &ActorRef<JournalMessage>,
    (key, flight): (Digest, Flight),
    task: EvaluationTask,
    reply: Reply<Result<EvaluationRecord, Failure>>,
) {
    match tools.evaluator.evaluate(&task.candidate, &task.case, task.piece.repeat).await {
        Ok(evaluation) => {
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
            let reply = Reply::new(move |record: Option<_>| {
                // It is durable, so whoever waits for the key finds it.
                drop(flight);
                // Without a record the journal is gone, and dropping the reply says that the work is lost.
                if let Some(record) = record {
                    reply.send(Ok(record));
                }
            });
            let _ = journal.cast(JournalMessage::Evaluated(record, reply));
        }
        Err(failure) => reply.send(Err(failure)),
    }
}

async fn propose(
    job: JobId,
    tools: &JobTools,
    journal: &ActorRef<JournalMessage>,
    task: ProposalTask,
    reply: Reply<Result<ProposalRecord, Failure>>,
) {
    match tools.propose(task.request).await {
        Ok(answer) => {
            let record = ProposalRecord {
                key: task.key,
                job,
                text: answer.text,
                truncated: answer.finish == evohub_llm::FinishReason::Length,
                dollars: answer.dollars.unwrap_or(0.0),
                input_tokens: answer.usage.input_tokens,
                output_tokens: answer.usage.output_tokens,
                at: now_millis(),
            };
            let reply = Reply::new(move |record: Option<_>| {
                if let Some(record) = record {
                    reply.send(Ok(record));
                }
            });
            let _ = journal.cast(JournalMessage::Proposed(record, reply));
        }
        Err(failure) => reply.send(Err(failure)),
    }
}
