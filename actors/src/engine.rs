//! The engine: what an embedding program starts, and hands jobs to.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evohub_evolution::{Budget, Digest, RunSettings};
use evohub_monitoring::metrics::Metrics;
use evohub_store::{JobId, NewJob, ObservedStore, Store};
use tokio::sync::{broadcast, watch};

use crate::actor::{Address, spawn};
use crate::clock::now_millis;
use crate::error::EngineError;
use crate::event::{JobEvent, JobProgress};
use crate::generation::Patience;
use crate::job::{JobArguments, LEASE, Observers};
use crate::result::JobResult;
use crate::spec::JobSpec;
use crate::supervisor::{Supervisor, SupervisorMessage};
use crate::toolbox::{JobTools, Toolbox};

/// Events that a slow listener may fall behind before it misses some.
const EVENTS: usize = 4_096;
/// Longest wait for running jobs at shutdown, calls under way included.
const SHUTDOWN: Duration = Duration::from_secs(90);

/// What an engine is started with.
pub struct EngineConfig {
    /// Where jobs are kept.
    pub store: Arc<dyn Store>,
    /// What the embedding program brings.
    pub toolbox: Toolbox,
    /// Workers of the evaluator pool: calls under way at once, over all jobs.
    pub workers: usize,
}

impl EngineConfig {
    /// An engine on a store, with nothing of its own.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, toolbox: Toolbox::default(), workers: 256 }
    }
}

/// Runs jobs in this process. Cheap to clone; the actors end with [`Engine::shutdown`].
#[derive(Clone)]
pub struct Engine {
    store: Arc<dyn Store>,
    toolbox: Arc<Toolbox>,
    pub(crate) supervisor: Address<SupervisorMessage>,
    owner: String,
    pub(crate) patience: Patience,
}

impl Engine {
    /// Starts the actors.
    ///
    /// # Errors
    /// When they cannot be started.
    pub async fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let metrics = Arc::clone(config.toolbox.metrics());
        let arguments = (config.workers, Arc::clone(&metrics));
        let supervisor =
            spawn(Supervisor, arguments, &metrics.actors, None).await.map_err(|_| EngineError::Gone)?;
        let store = Arc::new(ObservedStore::new(config.store, Arc::clone(&metrics)));
        Ok(Self {
            store,
            toolbox: Arc::new(config.toolbox),
            supervisor,
            owner: format!("{}-{}", std::process::id(), unique()),
            patience: Patience::default(),
        })
    }

    /// Opens all that a job needs, so that whatever is wrong with its specification is said before anything is
    /// written.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub async fn prepare(&self, spec: JobSpec) -> Result<PreparedJob, EngineError> {
        let toolbox = Arc::clone(&self.toolbox);
        // Loading a local model takes a moment.
        let prepared = tokio::task::spawn_blocking(move || PreparedJob::new(spec, &toolbox)).await;
        prepared.map_err(|_| EngineError::Gone)?
    }

    /// Stores a job and starts it.
    ///
    /// # Errors
    /// What is wrong with the specification or the store.
    pub async fn submit(&self, spec: JobSpec) -> Result<JobHandle, EngineError> {
        let prepared = self.prepare(spec).await?;
        self.submit_prepared(prepared).await
    }

    /// Stores a prepared job and starts it.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub async fn submit_prepared(&self, job: PreparedJob) -> Result<JobHandle, EngineError> {
        let id = JobId(format!("{}-{}", slug(&job.spec.name), unique()));
        let spec = serde_json::to_value(&*job.spec).map_err(|error| EngineError::Spec(error.to_string()))?;
        let new = NewJob {
            id: id.clone(),
            name: job.spec.name.clone(),
            algorithm: job.spec.algorithm.name().to_owned(),
            spec,
            created_at: now_millis(),
        };
        self.store.insert_job(&new).await?;
        self.run(id, job, (0.0, 0)).await
    }

    /// Goes on with a job that was stopped or interrupted.
    ///
    /// # Errors
    /// When it is unknown, owned by a living process, or cannot be run here.
    pub async fn resume(&self, id: &JobId) -> Result<JobHandle, EngineError> {
        let record = self.store.job(id).await?;
        let spec: JobSpec = serde_json::from_value(record.spec)
            .map_err(|error| EngineError::Spec(format!("the stored job `{id}` cannot be read: {error}")))?;
        let prepared = self.prepare(spec).await?;
        self.resume_prepared(id, prepared).await
    }

    /// Goes on with a job that was stopped or interrupted, and whose stored specification was prepared.
    ///
    /// # Errors
    /// When it is unknown or owned by a living process.
    pub async fn resume_prepared(&self, id: &JobId, prepared: PreparedJob) -> Result<JobHandle, EngineError> {
        let result = self.store.job(id).await?.result;
        let earlier: Option<JobResult> = result.and_then(|result| serde_json::from_value(result).ok());
        let before = earlier.map_or((0.0, 0), |result| (result.seconds, result.saved.cache));
        self.run(id.clone(), prepared, before).await
    }

    async fn run(&self, id: JobId, job: PreparedJob, before: (f64, u64)) -> Result<JobHandle, EngineError> {
        let lease = self.store.claim(&id, &self.owner, LEASE).await?;
        let evaluations = self.store.totals(&id).await?.evaluations;
        let observers = Observers {
            events: broadcast::Sender::new(EVENTS),
            progress: Arc::new(watch::Sender::new(JobProgress::default())),
            result: Arc::new(watch::Sender::new(None)),
        };
        let handle = JobHandle {
            id: id.clone(),
            first_events: Some(observers.events.subscribe()).into(),
            events: observers.events.downgrade(),
            progress: observers.progress.subscribe(),
            result: observers.result.subscribe(),
            supervisor: self.supervisor.clone(),
        };
        let _ = observers.events.send(JobEvent::Started { job: id.to_string(), evaluations });
        let (store, patience) = (Arc::clone(&self.store), self.patience);
        let metrics = Arc::clone(self.toolbox.metrics());
        let arguments = Box::new(move |pool, context| JobArguments {
            id,
            spec: job.spec,
            settings: job.settings,
            tools: job.tools,
            store,
            pool,
            metrics,
            context,
            lease,
            patience,
            before,
            observers,
        });
        let start = |reply| SupervisorMessage::Start(arguments, reply);
        match self.supervisor.ask(start, None).await {
            Some(Ok(())) => Ok(handle),
            Some(Err(error)) => Err(EngineError::Spec(error)),
            None => Err(EngineError::Gone),
        }
    }

    /// Where all that it does is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        self.toolbox.metrics()
    }

    /// Whether the root of the actors answers within `limit`.
    pub async fn is_alive(&self, limit: Duration) -> bool {
        self.supervisor.ask(SupervisorMessage::Ping, Some(limit)).await.is_some()
    }

    /// Stops all jobs so that they can be resumed, and ends the actors.
    pub async fn shutdown(self) {
        self.supervisor.ask(SupervisorMessage::StopAll, Some(SHUTDOWN)).await;
        self.supervisor.stop_and_wait(SHUTDOWN).await;
        self.store.close().await;
    }
}

/// A job whose models, evaluator and operators are open.
pub struct PreparedJob {
    /// What was asked for.
    pub spec: Arc<JobSpec>,
    /// How its run is set up.
    pub settings: Arc<RunSettings>,
    /// What it is done with.
    pub tools: Arc<JobTools>,
}

impl PreparedJob {
    /// Opens all that a job needs, before there is an engine or a store. Loads local models, which can take seconds
    /// (or a download) and blocks.
    ///
    /// # Errors
    /// What is wrong with the specification, and what to do.
    pub fn new(spec: JobSpec, toolbox: &Toolbox) -> Result<Self, EngineError> {
        if spec.seeds.is_empty() {
            return Err(EngineError::Spec("a job needs at least one seed prompt".to_owned()));
        }
        if spec.data.test.is_empty() {
            return Err(EngineError::Spec("a job needs at least one test case".to_owned()));
        }
        spec.algorithm.validate().map_err(|error| EngineError::Spec(format!("`algorithm`: {error}")))?;
        let tools = toolbox.open(&spec)?;
        let (evaluation_cost, proposal_cost) = tools.cost_models(&spec);
        let budget = spec.budget;
        let settings = RunSettings {
            seed: spec.seed,
            algorithm: spec.algorithm.clone(),
            seeds: spec.seeds.clone(),
            reflection: spec.reflection.is_some(),
            limits: spec.limits,
            ranking_cases: spec
                .algorithm
                .ranking_cases(spec.data.search.validation.len(), budget.evaluations),
            budget: Budget {
                evaluations: budget.evaluations,
                dollars: budget.dollars,
                tokens: budget.tokens,
            },
            evaluation_cost,
            proposal_cost,
            closing_evaluations: 2 * spec.data.test.len() as u64,
        };
        Ok(Self { spec: Arc::new(spec), settings: Arc::new(settings), tools: Arc::new(tools) })
    }
}

/// A running job.
pub struct JobHandle {
    id: JobId,
    first_events: std::sync::Mutex<Option<broadcast::Receiver<JobEvent>>>,
    events: broadcast::WeakSender<JobEvent>,
    progress: watch::Receiver<JobProgress>,
    result: watch::Receiver<Option<JobResult>>,
    supervisor: Address<SupervisorMessage>,
}

impl JobHandle {
    /// The job's id.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// What happens from now on; the first caller hears all from the beginning. A listener that falls more than
    /// 4,096 events behind misses the oldest. It ends with the job.
    pub fn events(&self) -> broadcast::Receiver<JobEvent> {
        let first = self.first_events.lock().ok().and_then(|mut first| first.take());
        let later = || match self.events.upgrade() {
            Some(events) => events.subscribe(),
            None => broadcast::Sender::new(1).subscribe(),
        };
        first.unwrap_or_else(later)
    }

    /// Where it stands: always the newest state.
    pub fn progress(&self) -> watch::Receiver<JobProgress> {
        self.progress.clone()
    }

    /// What came of it, once it has ended, stopped or failed.
    ///
    /// # Errors
    /// [`EngineError::Gone`] when the job's actor died; it can be resumed from its records.
    pub async fn result(&self) -> Result<JobResult, EngineError> {
        let mut result = self.result.clone();
        let value = result.wait_for(Option::is_some).await.map_err(|_| EngineError::Gone)?;
        value.clone().ok_or(EngineError::Gone)
    }

    /// Stops it so that it can be resumed. Calls under way are waited for.
    pub fn stop(&self) {
        self.supervisor.send(SupervisorMessage::Stop(self.id.clone()));
    }
}

/// Eight hexadecimal digits that no other call of this or another process is likely to give.
fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let fields: [&[u8]; 3] = [&now.to_le_bytes(), &std::process::id().to_le_bytes(), &call.to_le_bytes()];
    Digest::of_fields(fields).short()
}

/// A name as part of an id: lower case letters, digits and dashes.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = name.chars().map(plain).take(40).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "job".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_readable_and_unique() {
        assert_eq!(slug("Movie sentiment (v2)"), "movie-sentiment--v2");
        assert_eq!(slug("???"), "job");
        assert_ne!(unique(), unique());
    }
}
