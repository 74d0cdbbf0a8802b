//! The root of all actors of a process: admits jobs, starts them and sees them end.

use std::collections::HashMap;
use std::sync::Arc;

use evohub_monitoring::metrics::Metrics;
use evohub_monitoring::redaction::redact;
use evohub_monitoring::traces::TraceContext;
use evohub_store::JobId;
use ractor::{ActorId, ActorProcessingErr, RpcReplyPort, SupervisionEvent, async_trait};
use strum::IntoStaticStr;

use crate::actor::{Actor, Address, Letter, spawn};
use crate::evaluator::{Pool, start_pool};
use crate::job::{Job, JobArguments, JobMessage, Observers};

/// The root supervisor.
pub(crate) struct Supervisor;

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum SupervisorMessage {
    /// Start an admitted job. The supervisor adds the pool, and the trace of whoever submits.
    Start(Box<dyn FnOnce(Pool, TraceContext) -> JobArguments + Send>, RpcReplyPort<Result<(), String>>),
    /// Stop a job so that it can be resumed.
    Stop(JobId),
    /// Stop all jobs; answers when the last has ended.
    StopAll(RpcReplyPort<()>),
    /// Answer, to show that it still does.
    Ping(RpcReplyPort<()>),
    #[cfg(test)]
    ToJob(JobId, Box<JobMessage>),
}

struct Running {
    id: JobId,
    actor: Address<JobMessage>,
    observers: Observers,
}

pub(crate) struct SupervisorState {
    pool: Pool,
    metrics: Arc<Metrics>,
    jobs: HashMap<ActorId, Running>,
    waiting: Vec<RpcReplyPort<()>>,
}

impl SupervisorState {
    fn ended(&mut self, who: ActorId, cause: Option<String>) {
        if let (Some(job), Some(cause)) = (self.jobs.remove(&who), cause) {
            let cause = redact(&cause);
            tracing::error!(critical = true, job_id = %job.id, cause = &*cause, "a job died; it can be resumed");
            // Whoever waits for the result hears that there will be none: the sender's last value stays empty,
            // and the job can be resumed from its records.
            drop(job.observers);
        }
        if self.jobs.is_empty() {
            for reply in self.waiting.drain(..) {
                let _ = reply.send(());
            }
        }
    }
}

#[async_trait]
impl Actor for Supervisor {
    const KIND: &'static str = "supervisor";

    type Message = SupervisorMessage;
    type State = SupervisorState;
    /// Workers of the pool, and where all is counted.
    type Arguments = (usize, Arc<Metrics>);

    async fn start(
        &self,
        myself: &Address<Self::Message>,
        (workers, metrics): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let pool = start_pool(workers, &metrics).await?;
        pool.link(myself.cell());
        Ok(SupervisorState { pool, metrics, jobs: HashMap::new(), waiting: vec![] })
    }

    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match letter.message {
            SupervisorMessage::Start(arguments, reply) => {
                let arguments = arguments(state.pool.clone(), letter.context);
                let (id, observers) = (arguments.id.clone(), arguments.observers.clone());
                let started = spawn(Job, arguments, &state.metrics.actors, Some(myself.cell())).await;
                let answer = started.map_err(|error| error.to_string()).map(|actor| {
                    state.jobs.insert(actor.id(), Running { id, actor, observers });
                });
                let _ = reply.send(answer);
            }
            SupervisorMessage::Stop(id) => {
                for job in state.jobs.values().filter(|job| job.id == id) {
                    job.actor.send(JobMessage::Stop);
                }
            }
            SupervisorMessage::StopAll(reply) => {
                for job in state.jobs.values() {
                    job.actor.send(JobMessage::Stop);
                }
                state.waiting.push(reply);
                if state.jobs.is_empty() {
                    state.ended(myself.id(), None);
                }
            }
            SupervisorMessage::Ping(reply) => {
                let _ = reply.send(());
            }
            #[cfg(test)]
            SupervisorMessage::ToJob(id, message) => {
                if let Some(job) = state.jobs.values().find(|job| job.id == id) {
                    job.actor.send(*message);
                }
            }
        }
        Ok(())
    }

    async fn child_event(
        &self,
        _myself: &Address<Self::Message>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, _, _) => state.ended(who.get_id(), None),
            SupervisionEvent::ActorFailed(who, cause) if who.get_id() == state.pool.id() => {
                return Err(format!("the evaluator pool died: {cause}").into());
            }
            SupervisionEvent::ActorFailed(who, cause) => state.ended(who.get_id(), Some(cause.to_string())),
            _ => {}
        }
        Ok(())
    }
}
