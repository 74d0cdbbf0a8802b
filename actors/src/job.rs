//! A job: keeps its lease, has its islands hosted and started again when they are lost, ends it in time, and makes the
//! report.

mod closing;
mod islands;
mod owned;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use evohub_cluster::NodeName;
use evohub_evolution::Failure;
use evohub_monitoring::metrics::{JobMetrics, JobPhase, RestartCause};
use evohub_monitoring::redaction::redact;
use evohub_monitoring::traces::{TraceContext, set_parent};
use evohub_store::{JobId, JobState, Lease, StoreError};
use ractor::{ActorProcessingErr, SupervisionEvent, async_trait};
use strum::IntoStaticStr;
use tokio::time::Instant;
use tracing::Span;

use crate::actor::{Actor, Address, Letter, cause_of_death};
use crate::engine::PreparedJob;
use crate::event::{JobEvent, JobProgress};
use crate::generation::{Generation, GenerationMessage, GenerationReport};
use crate::means::Means;
use crate::node::Node;
use crate::population::{Finished, PopulationReport};
use crate::wire::{IslandKey, IslandOrder};

use closing::Closing;
use islands::{ENDING, Island};
pub(crate) use owned::{Conclusion, Observers, OwnedJob};
pub use standing::leader;

/// How long a lease lasts, and how often it is renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
const RENEWAL: Duration = Duration::from_secs(1);
/// Deaths of actors in a row without progress, after which the job is given up.
const MOST_RESTARTS: u32 = 5;
/// How long a stopping job waits for calls that are paid for.
const DRAIN: Duration = Duration::from_secs(60);

/// One job.
pub(crate) struct Job;

pub(crate) struct JobArguments {
    pub(crate) id: JobId,
    pub(crate) prepared: Arc<PreparedJob>,
    pub(crate) node: Arc<Node>,
    /// The trace of whoever submitted it.
    pub(crate) context: TraceContext,
    pub(crate) lease: Lease,
    /// Seconds and cache hits of earlier sessions.
    pub(crate) before: (f64, u64),
    pub(crate) observers: Observers,
}

impl JobArguments {
    /// The span of all that is done for the job.
    fn span(&self) -> Span {
        let span = tracing::info_span!(
            parent: None,
            "job",
            job_id = %self.id,
            algorithm = self.prepared.spec.algorithm.name(),
            status = tracing::field::Empty,
            evaluations = tracing::field::Empty,
            dollars = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
            otel.status_description = tracing::field::Empty,
        );
        set_parent(&span, &self.context);
        span
    }
}

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum JobMessage {
    /// A node is asked to host an island.
    Asked { search: u64, key: IslandKey, host: NodeName },
    /// A node hosts an island, or none could be found.
    Placed { island: u32, search: u64, found: Result<(IslandKey, NodeName), String> },
    /// An island has left its node.
    Moved { island: u32, search: u64 },
    /// An island reports.
    Island(IslandKey, PopulationReport),
    /// The generation of the report on test cases reports.
    Closing(GenerationReport),
    /// Nodes have come, gone or changed.
    NodesChanged,
    /// Time to renew the lease, and to look after the islands.
    Renew,
    /// The lease was renewed, or not; `true`: somebody wants the job to stop.
    Renewed(Result<bool, StoreError>),
    /// The minutes of searching are over.
    TimeUp,
    /// Stop, so that the job can be resumed.
    Stop,
    /// Stop, so that another node goes on with it.
    HandOver,
    /// Nothing is under way any more after a stop.
    Drained,
    /// All is durable: the job can be told to have ended.
    Flushed(Box<Ending>),
    #[cfg(test)]
    Panic,
}

/// How a job ends here.
pub(crate) struct Ending {
    /// How it stands then; running: another node goes on with it.
    state: JobState,
    error: Option<String>,
    reason: Option<evohub_evolution::FinishReason>,
}

pub(crate) struct JobActorState {
    arguments: JobArguments,
    islands: Vec<Island>,
    /// Searches for a node begun, over all islands.
    searches: u64,
    closing: Option<Closing>,
    finished: Option<Finished>,
    restarts: u32,
    evaluations_at_restart: u64,
    started: Instant,
    is_time_up: bool,
    /// How it is to stand when nothing is under way any more.
    stopping: Option<JobState>,
    ending: bool,
    metrics: JobMetrics,
    span: Span,
}

impl JobActorState {
    fn emit(&self, event: JobEvent) {
        self.arguments.observers.emit(event);
    }

    fn show_progress(&self) {
        let standing = self.standing();
        let progress = standing.progress;
        let now = JobProgress {
            evaluations: standing.evaluations,
            in_flight: standing.in_flight,
            dollars: standing.dollars,
            tokens: standing.tokens,
            best: progress.best,
            mean: progress.mean,
            diversity: progress.diversity,
            population: progress.population,
            generation: progress.generation,
            closing: self.closing.as_ref().map_or((0, 0), Closing::progress),
            seconds: self.started.elapsed().as_secs_f64(),
        };
        let before = self.arguments.observers.progress.send_replace(now);
        self.count_progress(&before, &now);
    }

    /// Says in metrics how the job gets on.
    fn count_progress(&self, before: &JobProgress, now: &JobProgress) {
        let results = |at: &JobProgress| (at.evaluations, at.tokens, at.generation, at.closing);
        if results(before) != results(now) {
            self.metrics.progressed();
        }
        // Before there is a population, the seeds are being measured.
        if now.population > 0 {
            self.metrics.best(now.best);
        }
        let budget = self.arguments.prepared.spec.budget;
        let dollars = budget.dollars.map(|most| now.dollars / most);
        let tokens = budget.tokens.map(|most| now.tokens as f64 / most as f64);
        if let Some(share) = dollars.into_iter().chain(tokens).reduce(f64::max) {
            self.metrics.spent(share);
        }
    }

    fn means(&self) -> Means {
        let JobArguments { id, prepared, node, .. } = &self.arguments;
        Means { job: id.clone(), prepared: Arc::clone(prepared), node: Arc::clone(node) }
    }

    fn retried(&self, failure: Failure) {
        tracing::info!(
            cause = failure.cause,
            error = failure.message,
            "a piece of work failed and is tried again"
        );
        self.emit(JobEvent::Retried { cause: failure.cause, message: failure.message });
    }

    /// Begins to end: waits until all is durable, then says how it ended.
    fn end(&mut self, state: JobState, error: Option<String>, myself: &Address<JobMessage>) {
        if self.ending {
            return;
        }
        self.ending = true;
        let reason = self.finished.as_ref().map(|finished| finished.finish.reason);
        let ending = Box::new(Ending { state, error, reason });
        let ended = self.order_all(IslandOrder::End, ENDING);
        let myself = myself.clone();
        tokio::spawn(async move {
            ended.await;
            myself.send(JobMessage::Flushed(ending));
        });
    }

    /// Stops so that the job can go on later: calls under way are waited for, because they are paid for.
    fn stop(&mut self, state: JobState, myself: &Address<JobMessage>) {
        if self.ending || self.stopping.is_some() {
            return;
        }
        self.stopping = Some(state);
        if state == JobState::Stopped {
            self.emit(JobEvent::Stopping);
        }
        let closing = self.closing.as_ref().map(|closing| closing.generation.clone());
        let (drained, myself) = (self.order_all(IslandOrder::Drain, DRAIN), myself.clone());
        tokio::spawn(async move {
            drained.await;
            // The report will be made anew from what is durable.
            if let Some(generation) = closing {
                generation.ask(GenerationMessage::Drain, Some(DRAIN)).await;
            }
            myself.send(JobMessage::Drained);
        });
    }

    fn renew(&self, myself: &Address<JobMessage>) {
        let (store, lease, myself) =
            (Arc::clone(&self.arguments.node.store), self.arguments.lease.clone(), myself.clone());
        tokio::spawn(async move {
            let result = store.renew(&lease, LEASE).await;
            myself.send(JobMessage::Renewed(result));
        });
    }

    fn not_renewed(&mut self, error: &StoreError, myself: &Address<JobMessage>) {
        tracing::warn!(%error, "the lease of the job could not be renewed");
        if error.kind == evohub_store::StoreErrorKind::Owned && !self.ending {
            // Whatever is written here from now on is refused, so there is nothing to wait for.
            self.ending = true;
            self.metrics.set(JobPhase::Moved);
            let message = format!("another process has taken the job over: {error}");
            self.arguments.observers.conclude(Conclusion::Elsewhere(message));
            myself.stop();
        }
    }

    /// An actor died; `true`: it is to be started again, `false`: the job is given up.
    fn may_restart(
        &mut self,
        actor: &str,
        how: RestartCause,
        cause: &str,
        myself: &Address<JobMessage>,
    ) -> bool {
        let evaluations = self.standing().evaluations;
        if evaluations > self.evaluations_at_restart {
            self.restarts = 0;
        }
        self.restarts += 1;
        self.evaluations_at_restart = evaluations;
        // What a panic says may hold anything, and it goes to the terminal and into records.
        let cause = redact(cause).into_owned();
        tracing::error!(actor, cause, "an actor died and is started again from the last checkpoint");
        if self.restarts > MOST_RESTARTS {
            let message = format!("the {actor} died {MOST_RESTARTS} times: {cause}");
            self.end(JobState::Failed, Some(message), myself);
            return false;
        }
        let kind =
            [Generation::KIND, crate::chronicle::Chronicle::KIND].into_iter().find(|kind| *kind == actor);
        let kind = kind.unwrap_or(crate::population::Population::KIND);
        self.arguments.node.metrics.actors.restarted(kind, how);
        self.emit(JobEvent::Restarted { actor: actor.to_owned(), cause });
        true
    }

    fn island_died(
        &mut self,
        key: &IslandKey,
        actor: &str,
        by_error: bool,
        cause: String,
        myself: &Address<JobMessage>,
    ) {
        let how = if by_error { RestartCause::Error } else { RestartCause::Panic };
        if !self.ending && self.may_restart(actor, how, &cause, myself) {
            self.place(key.island, myself);
        }
    }
}

#[async_trait]
impl Actor for Job {
    const KIND: &'static str = "job";

    type Message = JobMessage;
    type State = JobActorState;
    type Arguments = JobArguments;

    async fn start(
        &self,
        myself: &Address<Self::Message>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.send_every(RENEWAL, || JobMessage::Renew);
        let spec = Arc::clone(&arguments.prepared.spec);
        if let Some(minutes) = spec.budget.minutes {
            let left = (minutes * 60.0 - arguments.before.0).max(0.0);
            myself.send_after(Duration::from_secs_f64(left), || JobMessage::TimeUp);
        }
        let earlier = Duration::from_secs_f64(arguments.before.0);
        let (metrics, span) = (arguments.node.metrics.evolution.job(earlier), arguments.span());
        let owned = OwnedJob { actor: myself.clone(), observers: arguments.observers.clone() };
        arguments.node.owned.insert(arguments.id.clone(), owned);
        let mut state = JobActorState {
            arguments,
            islands: (0..spec.islands.count).map(|_| Island::new()).collect(),
            searches: 0,
            closing: None,
            finished: None,
            restarts: 0,
            evaluations_at_restart: 0,
            started: Instant::now(),
            is_time_up: false,
            stopping: None,
            ending: false,
            metrics,
            span,
        };
        for island in 0..spec.islands.count {
            state.place(island, myself);
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match letter.message {
            JobMessage::Asked { search, key, host } => state.was_asked(search, key, host),
            JobMessage::Placed { island, search, found } => state.was_placed(island, search, found, myself),
            JobMessage::Moved { island, search } => state.moved(island, search, myself),
            JobMessage::Island(key, report) => state.island_reported(key, report, myself).await?,
            JobMessage::Closing(report) => state.closing_reported(report, myself),
            JobMessage::NodesChanged => state.look_after_islands(myself),
            JobMessage::Renew => {
                state.renew(myself);
                state.look_after_islands(myself);
            }
            JobMessage::Renewed(Ok(false)) => {}
            JobMessage::Renewed(Ok(true)) | JobMessage::Stop => state.stop(JobState::Stopped, myself),
            JobMessage::HandOver => state.stop(JobState::Running, myself),
            JobMessage::Renewed(Err(error)) => state.not_renewed(&error, myself),
            JobMessage::TimeUp => {
                state.is_time_up = true;
                (0..state.islands.len() as u32).for_each(|island| state.order(island, IslandOrder::Finish));
            }
            JobMessage::Drained => {
                let how = state.stopping.unwrap_or(JobState::Stopped);
                state.end(how, None, myself);
            }
            JobMessage::Flushed(ending) => {
                let result = state.result(&ending).await;
                state.tell_end(&ending, result).await;
                myself.stop();
            }
            #[cfg(test)]
            JobMessage::Panic => panic!("asked to"),
        }
        Ok(())
    }

    async fn ended(&self, state: &mut Self::State) {
        if let Some(closing) = &state.closing {
            closing.generation.stop();
        }
    }

    fn span(state: &Self::State) -> Span {
        state.span.clone()
    }

    async fn started(
        &self,
        _myself: &Address<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        tracing::info!(name = state.arguments.prepared.spec.name, "the search begins");
        Ok(())
    }

    async fn child_event(
        &self,
        myself: &Address<Self::Message>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        // Its only child is the generation of the report.
        let SupervisionEvent::ActorFailed(_, cause) = event else { return Ok(()) };
        let how = cause_of_death(&cause);
        let is_closing = !state.ending && state.closing.take().is_some();
        if is_closing && state.may_restart(Generation::KIND, how, &cause.to_string(), myself) {
            state.start_closing(myself).await?;
        }
        Ok(())
    }
}

impl Drop for JobActorState {
    fn drop(&mut self) {
        let JobArguments { id, node, observers, .. } = &self.arguments;
        // Unless another life of the job has begun here already.
        if node.owned.get(id).is_some_and(|owned| owned.observers.is_same(observers)) {
            node.owned.remove(id);
        }
    }
}
