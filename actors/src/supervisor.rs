//! The root of all actors of a process: admits jobs, starts them and sees them end.

use std::collections::HashMap;

use evohub_store::JobId;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent, async_trait};

use crate::evaluator::{PoolMessage, start_pool};
use crate::job::{Job, JobArguments, JobMessage, Observers};

/// The root supervisor.
pub(crate) struct Supervisor;

pub(crate) enum SupervisorMessage {
    /// Start an admitted job. `pool` is filled in by the supervisor.
    Start(Box<dyn FnOnce(ActorRef<PoolMessage>) -> JobArguments + Send>, RpcReplyPort<Result<(), String>>),
    /// Stop a job so that it can be resumed.
    Stop(JobId),
    /// Stop all jobs; answers when the last has ended.
    StopAll(RpcReplyPort<()>),
    #[cfg(test)]
    ToJob(JobId, Box<JobMessage>),
}

struct Running {
    id: JobId,
    actor: ActorRef<JobMessage>,
    observers: Observers,
}

pub(crate) struct SupervisorState {
    pool: ActorRef<PoolMessage>,
    jobs: HashMap<ActorId, Running>,
    waiting: Vec<RpcReplyPort<()>>,
}

impl SupervisorState {
    fn ended(&mut self, who: ActorId, cause: Option<String>) {
        if let (Some(job), Some(cause)) = (self.jobs.remove(&who), cause) {
            tracing::error!(job = %job.id, cause, "a job died");
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
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = usize;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        workers: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let pool = start_pool(workers).await?;
        pool.link(myself.get_cell());
        Ok(SupervisorState { pool, jobs: HashMap::new(), waiting: vec![] })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Start(arguments, reply) => {
                let arguments = arguments(state.pool.clone());
                let (id, observers) = (arguments.id.clone(), arguments.observers.clone());
                let started = Actor::spawn_linked(None, Job, arguments, myself.get_cell()).await;
                let answer = started.map_err(|error| error.to_string()).map(|(actor, _)| {
                    state.jobs.insert(actor.get_id(), Running { id, actor, observers });
                });
                let _ = reply.send(answer);
            }
            SupervisorMessage::Stop(id) => {
                for job in state.jobs.values().filter(|job| job.id == id) {
                    let _ = job.actor.cast(JobMessage::Stop);
                }
            }
            SupervisorMessage::StopAll(reply) => {
                for job in state.jobs.values() {
                    let _ = job.actor.cast(JobMessage::Stop);
                }
                state.waiting.push(reply);
                if state.jobs.is_empty() {
                    state.ended(myself.get_id(), None);
                }
            }
            #[cfg(test)]
            SupervisorMessage::ToJob(id, message) => {
                if let Some(job) = state.jobs.values().find(|job| job.id == id) {
                    let _ = job.actor.cast(*message);
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, _, _) => state.ended(who.get_id(), None),
            SupervisionEvent::ActorFailed(who, cause) if who.get_id() == state.pool.get_id() => {
                return Err(format!("the evaluator pool died: {cause}").into());
            }
            SupervisionEvent::ActorFailed(who, cause) => state.ended(who.get_id(), Some(cause.to_string())),
            _ => {}
        }
        Ok(())
    }
}
