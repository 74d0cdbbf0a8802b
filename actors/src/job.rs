//! A job: keeps its lease, starts its population again when it dies, ends it in time, and makes the report.

mod closing;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use evohub_evolution::{Failure, RunSettings};
use evohub_monitoring::metrics::{JobMetrics, Metrics, RestartCause};
use evohub_monitoring::redaction::redact;
use evohub_monitoring::traces::{TraceContext, set_parent};
use evohub_store::{JobId, JobState, Lease, Store, StoreError};
use ractor::{ActorId, ActorProcessingErr, SupervisionEvent, async_trait};
use strum::IntoStaticStr;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tracing::Span;

use crate::actor::{Actor, Address, Letter, cause_of_death, spawn};
use crate::evaluator::Pool;
use crate::event::{JobEvent, JobProgress};
use crate::generation::{Generation, GenerationMessage, GenerationReport, Patience};
use crate::journal::{Journal, JournalArguments, JournalMessage};
use crate::means::Means;
use crate::population::{
    Finished, Population, PopulationArguments, PopulationMessage, PopulationReport, Standing,
};
use crate::result::JobResult;
use crate::spec::JobSpec;
use crate::toolbox::JobTools;

use closing::Closing;
pub use standing::leader;

/// How long a lease lasts, and how often it is renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
const RENEWAL: Duration = Duration::from_secs(1);
/// Deaths of the population in a row without progress, after which the job is given up.
const MOST_RESTARTS: u32 = 5;
/// Places in the pool for questions to the reflection model, on top of those for evaluations.
const REFLECTIONS: usize = 8;
/// Pieces asked ahead where they cost no money: enough to cover the time in which results become durable at tens of
/// thousands of them a second. Where they cost money, each reserves a part of the budget.
const FREE_LOOKAHEAD: usize = 1_024;
/// How long a stopping job waits for calls that are paid for.
const DRAIN: Duration = Duration::from_secs(60);

/// One job.
pub(crate) struct Job;

pub(crate) struct JobArguments {
    pub(crate) id: JobId,
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) settings: Arc<RunSettings>,
    pub(crate) tools: Arc<JobTools>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) pool: Pool,
    pub(crate) metrics: Arc<Metrics>,
    /// The trace of whoever submitted it.
    pub(crate) context: TraceContext,
    pub(crate) lease: Lease,
    pub(crate) patience: Patience,
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
            algorithm = self.spec.algorithm.name(),
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

/// Where observers of a job listen.
#[derive(Clone)]
pub(crate) struct Observers {
    pub(crate) events: broadcast::Sender<JobEvent>,
    pub(crate) progress: Arc<watch::Sender<JobProgress>>,
    pub(crate) result: Arc<watch::Sender<Option<JobResult>>>,
}

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum JobMessage {
    /// The population reports.
    Population(PopulationReport),
    /// The generation of the report on test cases reports.
    Closing(GenerationReport),
    /// The journal can write no more.
    JournalFailed(StoreError),
    /// Time to renew the lease.
    Renew,
    /// The lease was renewed, or not; `true`: somebody wants the job to stop.
    Renewed(Result<bool, StoreError>),
    /// The minutes of searching are over.
    TimeUp,
    /// Stop, so that the job can be resumed.
    Stop,
    /// Nothing is under way any more after a stop.
    Drained,
    /// All is durable: the job can be told to have ended.
    Flushed(Box<Ending>),
    #[cfg(test)]
    ToPopulation(PopulationMessage),
    #[cfg(test)]
    ToJournal(JournalMessage),
    #[cfg(test)]
    Panic,
}

/// How a job ends.
pub(crate) struct Ending {
    state: JobState,
    error: Option<String>,
    reason: Option<evohub_evolution::FinishReason>,
}

pub(crate) struct JobActorState {
    arguments: JobArguments,
    journal: Address<JournalMessage>,
    population: Option<Address<PopulationMessage>>,
    closing: Option<Closing>,
    standing: Standing,
    finished: Option<Finished>,
    cache_hits: u64,
    restarts: u32,
    evaluations_at_restart: u64,
    started: Instant,
    stopping: bool,
    ending: bool,
    metrics: JobMetrics,
    span: Span,
}

impl JobActorState {
    fn emit(&self, event: JobEvent) {
        // Nobody may be listening.
        let _ = self.arguments.observers.events.send(event);
    }

    fn show_progress(&self) {
        let progress = self.standing.progress;
        self.arguments.observers.progress.send_replace(JobProgress {
            evaluations: self.standing.evaluations,
            in_flight: self.standing.in_flight,
            dollars: self.standing.dollars,
            tokens: self.standing.tokens,
            best: progress.best,
            mean: progress.mean,
            diversity: progress.diversity,
            population: progress.population,
            generation: progress.generation,
            closing: self.closing.as_ref().map_or((0, 0), Closing::progress),
            seconds: self.started.elapsed().as_secs_f64(),
        });
    }

    fn means(&self) -> Means {
        let arguments = &self.arguments;
        Means {
            job: arguments.id.clone(),
            tools: Arc::clone(&arguments.tools),
            store: Arc::clone(&arguments.store),
            pool: arguments.pool.clone(),
            journal: self.journal.clone(),
            metrics: Arc::clone(&arguments.metrics),
            patience: arguments.patience,
            permits: permits(&arguments.spec, &arguments.tools),
        }
    }

    async fn start_population(&mut self, myself: &Address<JobMessage>) -> Result<(), ActorProcessingErr> {
        let arguments = &self.arguments;
        let reports = myself.clone();
        let means = self.means();
        let (cost, _) = arguments.tools.cost_models(&arguments.spec);
        let population = PopulationArguments {
            island: 0,
            settings: Arc::clone(&arguments.settings),
            cases: Arc::new(arguments.spec.data.search.clone()),
            lookahead: if cost.dollars_per_call > 0.0 { (means.permits / 4).max(2) } else { FREE_LOOKAHEAD },
            means,
            report: Box::new(move |report| {
                reports.send(JobMessage::Population(report));
            }),
            context: self.span.in_scope(TraceContext::current),
        };
        let actors = &arguments.metrics.actors;
        let population = spawn(Population, population, actors, Some(myself.cell())).await?;
        self.population = Some(population);
        Ok(())
    }

    async fn population_reported(
        &mut self,
        report: PopulationReport,
        myself: &Address<JobMessage>,
    ) -> Result<(), ActorProcessingErr> {
        match report {
            PopulationReport::Event(event) => self.emit(JobEvent::Island { island: 0, event }),
            PopulationReport::Standing(standing) => {
                self.standing = standing;
                self.show_progress();
            }
            PopulationReport::CacheHit => self.cache_hits += 1,
            PopulationReport::Retried(failure) => self.retried(failure),
            PopulationReport::GivenUp(failure) => {
                self.end(JobState::Failed, Some(failure.message), myself);
            }
            PopulationReport::Finished(finished) => {
                self.finished = Some(finished);
                // A job that is being stopped makes its report when it goes on.
                if !self.stopping {
                    self.start_closing(myself).await?;
                }
            }
        }
        Ok(())
    }

    fn retried(&self, failure: Failure) {
        tracing::info!(
            cause = failure.cause,
            error = failure.message,
            "a piece of work failed and is tried again"
        );
        self.emit(JobEvent::Retried { cause: failure.cause, message: failure.message });
    }

    /// Ends the children as planned.
    fn stop_children(&self) {
        self.population.iter().for_each(Address::stop);
        self.closing.iter().for_each(|closing| closing.generation.stop());
        self.journal.stop();
    }

    /// Begins to end: waits until all is durable, then says how it ended.
    fn end(&mut self, state: JobState, error: Option<String>, myself: &Address<JobMessage>) {
        if self.ending {
            return;
        }
        self.ending = true;
        let reason = self.finished.as_ref().map(|finished| finished.finish.reason);
        let ending = Box::new(Ending { state, error, reason });
        let (journal, myself) = (self.journal.clone(), myself.clone());
        tokio::spawn(async move {
            journal.ask(JournalMessage::Flush, Some(LEASE)).await;
            myself.send(JobMessage::Flushed(ending));
        });
    }

    /// Stops so that the job can go on later: calls under way are waited for, because they are paid for.
    fn stop(&mut self, myself: &Address<JobMessage>) {
        if self.ending || self.stopping {
            return;
        }
        self.stopping = true;
        self.emit(JobEvent::Stopping);
        let (population, closing) = (self.population.clone(), self.closing.as_ref());
        let (closing, myself) = (closing.map(|closing| closing.generation.clone()), myself.clone());
        tokio::spawn(async move {
            match (closing, population) {
                // The report will be made anew from what is durable.
                (Some(generation), _) => generation.ask(GenerationMessage::Drain, Some(DRAIN)).await,
                (None, Some(population)) => population.ask(PopulationMessage::Drain, Some(DRAIN)).await,
                (None, None) => None,
            };
            myself.send(JobMessage::Drained);
        });
    }

    fn renew(&self, myself: &Address<JobMessage>) {
        let (store, lease, myself) =
            (Arc::clone(&self.arguments.store), self.arguments.lease.clone(), myself.clone());
        tokio::spawn(async move {
            let result = store.renew(&lease, LEASE).await;
            myself.send(JobMessage::Renewed(result));
        });
    }

    /// The kind of a child.
    fn child(&self, id: ActorId) -> Option<&'static str> {
        if self.journal.id() == id {
            return Some(Journal::KIND);
        }
        if self.population.as_ref().is_some_and(|population| population.id() == id) {
            return Some(Population::KIND);
        }
        let closing = self.closing.as_ref().is_some_and(|closing| closing.generation.id() == id);
        closing.then_some(Generation::KIND)
    }

    /// Counts the one that died, and the other that is started again with it.
    fn count_restarts(&self, died: &'static str, how: RestartCause) {
        let searching = if self.closing.is_some() { Generation::KIND } else { Population::KIND };
        for actor in [Journal::KIND, searching] {
            let cause = if actor == died { how } else { RestartCause::Peer };
            self.arguments.metrics.actors.restarted(actor, cause);
        }
    }

    /// A child died. The journal holds results that nobody else has, and the population the run; each is started
    /// again with the other from the last checkpoint.
    async fn restart(
        &mut self,
        actor: &'static str,
        cause: &ActorProcessingErr,
        myself: &Address<JobMessage>,
    ) -> Result<(), ActorProcessingErr> {
        if self.standing.evaluations > self.evaluations_at_restart {
            self.restarts = 0;
        }
        self.restarts += 1;
        self.evaluations_at_restart = self.standing.evaluations;
        // What a panic says may hold anything, and it goes to the terminal and into records.
        let how = cause_of_death(cause);
        let cause = redact(&cause.to_string()).into_owned();
        tracing::error!(actor, cause, "an actor died and is started again from the last checkpoint");
        if self.restarts > MOST_RESTARTS {
            self.end(
                JobState::Failed,
                Some(format!("the {actor} died {MOST_RESTARTS} times: {cause}")),
                myself,
            );
            return Ok(());
        }
        self.count_restarts(actor, how);
        self.emit(JobEvent::Restarted { actor: actor.to_owned(), cause });
        if let Some(population) = self.population.take() {
            population.stop();
        }
        self.journal.stop();
        self.journal = start_journal(&self.arguments, myself).await?;
        if self.closing.take().is_some() {
            return self.start_closing(myself).await;
        }
        self.start_population(myself).await
    }
}

/// How many pieces of work are to be in the pool at once: as many as the evaluator can use, and a few for the
/// reflection model.
fn permits(spec: &JobSpec, tools: &JobTools) -> usize {
    let reflecting = if spec.reflection.is_some() { REFLECTIONS } else { 0 };
    spec.slots.unwrap_or(tools.evaluator.concurrency().max(1) + reflecting)
}

async fn start_journal(
    arguments: &JobArguments,
    myself: &Address<JobMessage>,
) -> Result<Address<JournalMessage>, ActorProcessingErr> {
    let reports = myself.clone();
    let journal = JournalArguments {
        store: Arc::clone(&arguments.store),
        lease: arguments.lease.clone(),
        metrics: Arc::clone(&arguments.metrics),
        on_failure: Box::new(move |error| {
            reports.send(JobMessage::JournalFailed(error));
        }),
    };
    Ok(spawn(Journal, journal, &arguments.metrics.actors, Some(myself.cell())).await?)
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
        let journal = start_journal(&arguments, myself).await?;
        myself.send_every(RENEWAL, || JobMessage::Renew);
        if let Some(minutes) = arguments.spec.budget.minutes {
            let left = (minutes * 60.0 - arguments.before.0).max(0.0);
            myself.send_after(Duration::from_secs_f64(left), || JobMessage::TimeUp);
        }
        let cache_hits = arguments.before.1;
        let (metrics, span) = (arguments.metrics.evolution.job(), arguments.span());
        let mut state = JobActorState {
            arguments,
            journal,
            population: None,
            closing: None,
            standing: Standing::default(),
            finished: None,
            cache_hits,
            restarts: 0,
            evaluations_at_restart: 0,
            started: Instant::now(),
            stopping: false,
            ending: false,
            metrics,
            span,
        };
        state.start_population(myself).await?;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match letter.message {
            JobMessage::Population(report) => state.population_reported(report, myself).await?,
            JobMessage::Closing(report) => state.closing_reported(report, myself),
            JobMessage::JournalFailed(error) => {
                state.end(JobState::Failed, Some(format!("results cannot be written: {error}")), myself);
            }
            JobMessage::Renew => state.renew(myself),
            JobMessage::Renewed(Ok(false)) => {}
            JobMessage::Renewed(Ok(true)) | JobMessage::Stop => state.stop(myself),
            JobMessage::Renewed(Err(error)) => {
                tracing::warn!(%error, "the lease of the job could not be renewed");
                if error.kind == evohub_store::StoreErrorKind::Owned {
                    let message = format!("another process has taken the job over: {error}");
                    state.end(JobState::Failed, Some(message), myself);
                }
            }
            JobMessage::TimeUp => {
                if let Some(population) = &state.population {
                    population.send(PopulationMessage::Stop);
                }
            }
            JobMessage::Drained => state.end(JobState::Stopped, None, myself),
            JobMessage::Flushed(ending) => {
                let result = state.result(&ending).await;
                state.tell_end(&ending, result).await;
                myself.stop();
            }
            #[cfg(test)]
            JobMessage::ToPopulation(message) => {
                if let Some(population) = &state.population {
                    population.send(message);
                }
            }
            #[cfg(test)]
            JobMessage::ToJournal(message) => {
                state.journal.send(message);
            }
            #[cfg(test)]
            JobMessage::Panic => panic!("asked to"),
        }
        Ok(())
    }

    async fn ended(&self, state: &mut Self::State) {
        state.stop_children();
    }

    fn span(state: &Self::State) -> Span {
        state.span.clone()
    }

    async fn started(
        &self,
        _myself: &Address<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        tracing::info!(name = state.arguments.spec.name, "the search begins");
        Ok(())
    }

    async fn child_event(
        &self,
        myself: &Address<Self::Message>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let SupervisionEvent::ActorFailed(who, cause) = event else { return Ok(()) };
        if state.ending {
            return Ok(());
        }
        match state.child(who.get_id()) {
            Some(kind) => state.restart(kind, &cause, myself).await,
            None => Ok(()),
        }
    }
}
