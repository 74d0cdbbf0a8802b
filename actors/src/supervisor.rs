//! The root of all actors of a process: admits jobs, hosts islands, starts them and sees them end.

mod hosting;
mod orphans;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use evohub_cluster::Load;
use evohub_monitoring::redaction::redact;
use evohub_monitoring::traces::TraceContext;
use evohub_store::JobId;
use ractor::{ActorId, ActorProcessingErr, RpcReplyPort, SupervisionEvent, async_trait};
use strum::IntoStaticStr;

use crate::actor::{Actor, Address, Letter, cause_of_death, spawn};
use crate::island::Island;
use crate::job::{Conclusion, Job, JobArguments, JobMessage, Observers};
use crate::journal::{Journal, JournalArguments};
use crate::node::Node;
use crate::wire::{IslandKey, IslandOrder};

use orphans::Orphans;

/// How often load is reported and what nobody uses is put away.
const TICK: Duration = Duration::from_millis(500);

/// The root supervisor.
pub(crate) struct Supervisor;

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum SupervisorMessage {
    /// Start an admitted job. The supervisor adds the trace of whoever submits.
    Start(Box<dyn FnOnce(TraceContext) -> JobArguments + Send>, RpcReplyPort<Result<(), String>>),
    /// Stop a job so that it can be resumed.
    Stop(JobId),
    /// Stop all jobs; answers when the last has ended.
    StopAll(RpcReplyPort<()>),
    /// Give all jobs and islands to other nodes; answers when the last has gone.
    HandOver(RpcReplyPort<()>),
    /// An order about an island that is hosted here, or is to be.
    Island(IslandOrder, TraceContext, RpcReplyPort<Result<(), String>>),
    /// An island has been started, or has not.
    Started(Box<Result<Island, String>>, IslandKey, RpcReplyPort<Result<(), String>>),
    /// An island has a newer life on another node, or its job has none on any.
    Superseded(IslandKey),
    /// Nodes have come, gone or changed.
    NodesChanged,
    /// Time to report the load and to look for jobs that nobody runs.
    Tick,
    /// Which jobs are to be run and by whom, as the store says.
    OrphansFound(orphans::Found),
    /// Answer, to show that it still does.
    Ping(RpcReplyPort<()>),
    #[cfg(test)]
    ToJob(JobId, Box<JobMessage>),
    #[cfg(test)]
    ToPopulation(crate::population::PopulationMessage),
    #[cfg(test)]
    ToChronicle(crate::chronicle::ChronicleMessage),
}

struct Running {
    id: JobId,
    actor: Address<JobMessage>,
    observers: Observers,
}

pub(crate) struct SupervisorState {
    node: Arc<Node>,
    jobs: HashMap<ActorId, Running>,
    islands: Vec<Island>,
    /// Who waits for the last job to end, and whether also for the last island.
    waiting: Vec<(RpcReplyPort<()>, bool)>,
    /// Nothing more is taken on.
    leaving: bool,
    orphans: Orphans,
}

impl SupervisorState {
    fn job_ended(&mut self, who: ActorId, cause: Option<String>) {
        if let (Some(job), Some(cause)) = (self.jobs.remove(&who), cause) {
            let cause = redact(&cause);
            tracing::error!(critical = true, job_id = %job.id, cause = &*cause, "a job died; it can be resumed");
            // Whoever waits for the result hears that there will be none.
            job.observers.conclude(Conclusion::Elsewhere(format!("the job's actor died: {cause}")));
        }
        self.answer_when_empty();
    }

    fn child_died(&mut self, who: ActorId, cause: &ActorProcessingErr) {
        if !self.island_died(who, cause) {
            self.job_ended(who, Some(cause.to_string()));
        }
    }

    fn answer_when_empty(&mut self) {
        let (no_jobs, no_islands) = (self.jobs.is_empty(), self.islands.is_empty());
        let is_over = |and_islands: bool| no_jobs && (!and_islands || no_islands);
        for (reply, _) in self.waiting.extract_if(.., |(_, and_islands)| is_over(*and_islands)) {
            let _ = reply.send(());
        }
    }

    fn tell_jobs(&self, message: impl Fn() -> JobMessage) {
        for job in self.jobs.values() {
            job.actor.send(message());
        }
    }

    /// Tells the cluster what there is to do here.
    fn report_load(&self) {
        let node = &self.node;
        let (workers, busy, queued) = node.pool.figures();
        let Some(cluster) = node.cluster() else {
            // A node of a cluster shows the workers of all nodes.
            node.metrics.cluster.workers(u64::from(workers.saturating_sub(busy)), u64::from(busy));
            return;
        };
        let jobs = self.jobs.values().take(Load::MAX_JOBS).map(|job| job.id.to_string());
        let islands = self.islands.iter().take(Load::MAX_ISLANDS);
        cluster.report(Load {
            workers,
            busy,
            queued,
            permits: node.grants.total(),
            jobs: jobs.collect(),
            islands: islands.map(|island| (island.key.job.to_string(), island.key.island)).collect(),
            mailboxes: node.metrics.actors.depths(),
            healthy: true,
        });
    }
}

async fn start_journal(node: &Node, myself: &Address<SupervisorMessage>) -> Result<(), ActorProcessingErr> {
    let journal = JournalArguments { store: Arc::clone(&node.store), metrics: Arc::clone(&node.metrics) };
    node.journal.fill(spawn(Journal, journal, &node.metrics.actors, Some(myself.cell())).await?);
    Ok(())
}

#[async_trait]
impl Actor for Supervisor {
    const KIND: &'static str = "supervisor";

    type Message = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = Arc<Node>;

    async fn start(
        &self,
        myself: &Address<Self::Message>,
        node: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        node.supervisor.fill(myself.clone());
        node.pool.link(myself.cell());
        start_journal(&node, myself).await?;
        myself.send_every(TICK, || SupervisorMessage::Tick);
        let orphans = Orphans::default();
        Ok(SupervisorState {
            node,
            jobs: HashMap::new(),
            islands: vec![],
            waiting: vec![],
            leaving: false,
            orphans,
        })
    }

    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match letter.message {
            SupervisorMessage::Start(arguments, reply) => {
                if state.leaving {
                    let _ = reply.send(Err("the node is leaving".to_owned()));
                    return Ok(());
                }
                let arguments = arguments(letter.context);
                let (id, observers) = (arguments.id.clone(), arguments.observers.clone());
                let started = spawn(Job, arguments, &state.node.metrics.actors, Some(myself.cell())).await;
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
                state.leaving = true;
                state.tell_jobs(|| JobMessage::Stop);
                state.waiting.push((reply, false));
                state.answer_when_empty();
            }
            SupervisorMessage::HandOver(reply) => {
                state.leaving = true;
                state.node.grants.close(&state.node);
                state.tell_jobs(|| JobMessage::HandOver);
                state.waiting.push((reply, true));
                state.answer_when_empty();
            }
            SupervisorMessage::Island(order, context, reply) => {
                state.island_ordered(order, context, reply, myself);
            }
            SupervisorMessage::Started(started, key, reply) => state.island_started(*started, &key, reply),
            SupervisorMessage::Superseded(key) => state.end_islands(|island| island.key == key),
            SupervisorMessage::NodesChanged => {
                state.tell_jobs(|| JobMessage::NodesChanged);
                state.end_islands_of_lost_owners();
                state.look_for_orphans(myself);
            }
            SupervisorMessage::Tick => {
                state.report_load();
                state.node.prepared.sweep();
                state.node.grants.tick(&state.node);
                state.end_islands_of_lost_owners();
                state.look_for_orphans(myself);
            }
            SupervisorMessage::OrphansFound(found) => state.orphans_found(found, myself),
            SupervisorMessage::Ping(reply) => {
                let _ = reply.send(());
            }
            #[cfg(test)]
            SupervisorMessage::ToJob(id, message) => {
                if let Some(job) = state.jobs.values().find(|job| job.id == id) {
                    job.actor.send(*message);
                }
            }
            #[cfg(test)]
            SupervisorMessage::ToPopulation(message) => {
                if let Some(island) = state.islands.first() {
                    island.population.send(message);
                }
            }
            #[cfg(test)]
            SupervisorMessage::ToChronicle(message) => {
                if let Some(island) = state.islands.first() {
                    island.chronicle.send(message);
                }
            }
        }
        Ok(())
    }

    async fn child_event(
        &self,
        myself: &Address<Self::Message>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, _, _) => state.job_ended(who.get_id(), None),
            SupervisionEvent::ActorFailed(who, cause) if who.get_id() == state.node.pool.id() => {
                return Err(format!("the evaluator pool died: {cause}").into());
            }
            SupervisionEvent::ActorFailed(who, cause) if state.node.journal.is_held_by(who.get_id()) => {
                let how = cause_of_death(&cause);
                let cause = cause.to_string();
                let cause = redact(&cause);
                tracing::error!(cause = &*cause, "the journal died and is started again");
                state.node.metrics.actors.restarted(Journal::KIND, how);
                start_journal(&state.node, myself).await?;
            }
            SupervisionEvent::ActorFailed(who, cause) => state.child_died(who.get_id(), &cause),
            _ => {}
        }
        Ok(())
    }
}
