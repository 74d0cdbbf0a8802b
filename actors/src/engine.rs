//! The engine: what an embedding program starts, and hands jobs to.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evohub_cluster::{Cluster, ClusterConfig, NodeName};
use evohub_evaluation::GenerationConfig;
use evohub_evolution::{AlgorithmConfig, Budget, CaseSet, Digest, IslandSettings, RunSettings};
use evohub_monitoring::metrics::Metrics;
use evohub_store::{JobId, NewJob, ObservedStore, Store};
use tokio::sync::{broadcast, watch};

use crate::actor::{Address, spawn};
use crate::clock::now_millis;
use crate::error::EngineError;
use crate::evaluator::start_pool;
use crate::event::{JobEvent, JobProgress};
use crate::gateway::Gateway;
use crate::job::{Conclusion, JobArguments, LEASE, Observers};
use crate::node::Node;
use crate::result::JobResult;
use crate::spec::{EvaluatorSpec, JobSpec};
use crate::supervisor::{Supervisor, SupervisorMessage};
use crate::toolbox::{JobTools, Toolbox};

/// Longest wait for running jobs at shutdown, calls under way included.
const SHUTDOWN: Duration = Duration::from_secs(90);
/// How long evaluations of other nodes are waited for when this one leaves, and how often they are looked after.
const VISITS: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(20);
/// Islands of a job, at most: each keeps a state of its own.
const MOST_ISLANDS: u32 = 256;
/// The name of a node that is alone.
const ALONE: &str = "here";

/// What an engine is started with.
pub struct EngineConfig {
    /// Where jobs are kept.
    pub store: Arc<dyn Store>,
    /// What the embedding program brings.
    pub toolbox: Toolbox,
    /// Workers of the evaluator pool: calls under way at once, over all jobs.
    pub workers: usize,
    /// The cluster to be a node of; `None`: this process works alone.
    pub cluster: Option<ClusterConfig>,
}

impl EngineConfig {
    /// An engine on a store, with nothing of its own.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, toolbox: Toolbox::default(), workers: 256, cluster: None }
    }
}

/// Runs jobs in this process, and as a node of a cluster in others. Cheap to clone; the actors end with
/// [`Engine::shutdown`] or [`Engine::leave`].
#[derive(Clone)]
pub struct Engine {
    node: Arc<Node>,
    pub(crate) supervisor: Address<SupervisorMessage>,
}

impl Engine {
    /// Starts the actors, and joins the cluster.
    ///
    /// # Errors
    /// When they cannot be started, the address of the node cannot be listened at, or the store cannot be shared.
    pub async fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig { store, toolbox, workers, cluster } = config;
        let metrics = Arc::clone(toolbox.metrics());
        let name = cluster.as_ref().map_or_else(alone, |cluster| cluster.name.clone());
        let pool = start_pool(workers, &metrics).await.map_err(|_| EngineError::Gone)?;
        let evaluators = toolbox.evaluator_names();
        let store: Arc<dyn Store> = Arc::new(ObservedStore::new(store, Arc::clone(&metrics)));
        let node = Arc::new(Node::new(store, Arc::new(toolbox), pool, workers, name));
        let supervisor = spawn(Supervisor, Arc::clone(&node), &metrics.actors, None).await;
        let engine = Self { supervisor: supervisor.map_err(|_| EngineError::Gone)?, node };
        if let Some(mut cluster) = cluster {
            cluster.facts.evaluators = evaluators;
            if let Err(error) = engine.join(cluster, metrics).await {
                engine.supervisor.stop_and_wait(SHUTDOWN).await;
                return Err(error);
            }
        }
        Ok(engine)
    }

    async fn join(&self, mut config: ClusterConfig, metrics: Arc<Metrics>) -> Result<(), EngineError> {
        let store = &self.node.store;
        let (identity, address) = (store.identity().await?, store.address());
        if identity.is_none() && !config.seeds.is_empty() {
            return Err(EngineError::Spec(format!(
                "the store {address} is for one node alone: give all nodes of a cluster the same PostgreSQL, as in \
                 `--store postgres://user@host/database`"
            )));
        }
        // One that cannot be shared is like no other's.
        config.facts.store = identity.unwrap_or_else(|| format!("{address} of one node alone, {}", unique()));
        let gateway = Arc::new(Gateway::new(self.clone()));
        let cluster = Cluster::start(config, gateway, metrics).await?;
        let (view, changes) = (cluster.view(), cluster.changes());
        self.node.join(cluster);
        tokio::spawn(crate::gateway::note_ends(Arc::downgrade(&self.node), changes));
        tokio::spawn(crate::gateway::watch_nodes(Arc::downgrade(&self.node), view));
        Ok(())
    }

    /// The engine of actors that run already.
    pub(crate) fn of(node: Arc<Node>, supervisor: Address<SupervisorMessage>) -> Self {
        Self { node, supervisor }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Opens all that a job needs, so that whatever is wrong with its specification is said before anything is
    /// written.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub async fn prepare(&self, spec: JobSpec) -> Result<PreparedJob, EngineError> {
        let toolbox = Arc::clone(&self.node.toolbox);
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
        let id = new_id(&job.spec.name);
        self.insert(&id, &job).await?;
        let job = self.node.prepared.add(&id, job);
        self.run(id, job, (0.0, 0), None).await
    }

    /// Makes a job durable, under an id that was chosen by [`new_id`].
    pub(crate) async fn insert(&self, id: &JobId, job: &PreparedJob) -> Result<(), EngineError> {
        let spec = serde_json::to_value(&*job.spec).map_err(|error| EngineError::Spec(error.to_string()))?;
        let new = NewJob {
            id: id.clone(),
            name: job.spec.name.clone(),
            algorithm: job.spec.algorithm.name().to_owned(),
            spec,
            created_at: now_millis(),
        };
        Ok(self.node.store.insert_job(&new).await?)
    }

    /// Goes on with a job that was stopped or interrupted.
    ///
    /// # Errors
    /// When it is unknown, owned by a living process, or cannot be run here.
    pub async fn resume(&self, id: &JobId) -> Result<JobHandle, EngineError> {
        let prepared = self.node.prepared(id).await?;
        self.go_on(id, prepared, None).await
    }

    /// Goes on with a job that was stopped or interrupted, and whose stored specification was prepared.
    ///
    /// # Errors
    /// When it is unknown or owned by a living process.
    pub async fn resume_prepared(&self, id: &JobId, prepared: PreparedJob) -> Result<JobHandle, EngineError> {
        let prepared = self.node.prepared.add(id, prepared);
        self.go_on(id, prepared, None).await
    }

    async fn go_on(
        &self,
        id: &JobId,
        prepared: Arc<PreparedJob>,
        dead: Option<&str>,
    ) -> Result<JobHandle, EngineError> {
        let result = self.node.store.job(id).await?.result;
        let earlier: Option<JobResult> = result.and_then(|result| serde_json::from_value(result).ok());
        let before = earlier.map_or((0.0, 0), |result| (result.seconds, result.saved.cache));
        self.run(id.clone(), prepared, before, dead).await
    }

    /// Goes on with a job whose owner is known to be gone, or that nobody owns.
    pub(crate) async fn take_over(
        &self,
        id: &JobId,
        prepared: Arc<PreparedJob>,
        dead: Option<&str>,
    ) -> Result<Observers, EngineError> {
        self.go_on(id, prepared, dead).await?;
        self.node.owned.get(id).map(|owned| owned.observers).ok_or(EngineError::Gone)
    }

    pub(crate) async fn run(
        &self,
        id: JobId,
        prepared: Arc<PreparedJob>,
        before: (f64, u64),
        dead: Option<&str>,
    ) -> Result<JobHandle, EngineError> {
        let node = Arc::clone(&self.node);
        let lease = node.store.claim(&id, &node.owner(), LEASE, dead).await?;
        let evaluations = node.store.totals(&id).await?.evaluations;
        let observers = Observers::new(lease.token);
        let handle = JobHandle {
            id: id.clone(),
            first_events: Some(observers.events.subscribe()).into(),
            events: observers.events.downgrade(),
            progress: observers.progress.subscribe(),
            conclusion: observers.conclusion.subscribe(),
            supervisor: self.supervisor.clone(),
        };
        observers.emit(JobEvent::Started { job: id.to_string(), evaluations });
        let arguments =
            Box::new(move |context| JobArguments { id, prepared, node, context, lease, before, observers });
        let start = |reply| SupervisorMessage::Start(arguments, reply);
        match self.supervisor.ask(start, None).await {
            Some(Ok(())) => Ok(handle),
            Some(Err(error)) => Err(EngineError::Spec(error)),
            None => Err(EngineError::Gone),
        }
    }

    /// Where all that it does is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.node.metrics
    }

    /// The cluster that it is a node of.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.node.cluster()
    }

    /// Whether the root of the actors answers within `limit`.
    pub async fn is_alive(&self, limit: Duration) -> bool {
        self.supervisor.ask(SupervisorMessage::Ping, Some(limit)).await.is_some()
    }

    /// Stops all jobs so that they can be resumed, and ends the actors.
    pub async fn shutdown(self) {
        self.supervisor.ask(SupervisorMessage::StopAll, Some(SHUTDOWN)).await;
        self.end().await;
    }

    /// Gives all jobs and islands to the other nodes of the cluster, and ends the actors. Without other nodes the jobs
    /// wait for one to come.
    pub async fn leave(self) {
        if let Some(cluster) = self.node.cluster() {
            cluster.drain();
        }
        self.supervisor.ask(SupervisorMessage::HandOver, Some(SHUTDOWN)).await;
        let began = tokio::time::Instant::now();
        while self.node.visiting.load(Ordering::Relaxed) > 0 && began.elapsed() < VISITS {
            tokio::time::sleep(GLANCE).await;
        }
        self.end().await;
    }

    async fn end(self) {
        if let Some(cluster) = self.node.cluster() {
            cluster.clone().leave().await;
        }
        self.supervisor.stop_and_wait(SHUTDOWN).await;
        self.node.store.close().await;
    }
}

#[expect(clippy::expect_used, reason = "a constant, read in a test")]
fn alone() -> NodeName {
    ALONE.parse().expect("a name of a node")
}

/// An id for a job, that no other has.
pub(crate) fn new_id(name: &str) -> JobId {
    JobId(format!("{}-{}", slug(name), unique()))
}

/// A job whose models, evaluator and operators are open.
pub struct PreparedJob {
    /// What was asked for.
    pub spec: Arc<JobSpec>,
    /// How its runs are set up: the first island of as many as there are, with the whole budget.
    pub settings: Arc<RunSettings>,
    /// What the search sees.
    pub(crate) cases: Arc<CaseSet>,
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
        check(&spec)?;
        let tools = toolbox.open(&spec)?;
        let (evaluation_cost, reflection) = tools.cost_models(&spec);
        let budget = spec.budget;
        let settings = RunSettings {
            seed: spec.seed,
            algorithm: spec.algorithm_on(0).clone(),
            seeds: spec.seeds_on(0).to_vec(),
            reflection,
            limits: spec.limits,
            ranking_cases: spec.ranking_cases_on(0),
            repeats: spec.final_repeats(),
            budget: Budget {
                evaluations: budget.evaluations,
                dollars: budget.dollars,
                tokens: budget.tokens,
            },
            evaluation_cost,
            closing_evaluations: 2 * spec.data.test.len() as u64 * u64::from(spec.repeats.test),
            distance: spec.diversity.distance,
            embedding_cost: tools.embedding_cost(),
            island: IslandSettings { index: 0, count: spec.islands.count, migration: spec.islands.migration },
        };
        let cases = Arc::new(spec.data.search.clone());
        Ok(Self { spec: Arc::new(spec), settings: Arc::new(settings), cases, tools: Arc::new(tools) })
    }

    /// How the run of an island is set up: with its share of the budget, and with what it has of its own.
    pub(crate) fn island_settings(&self, index: u32) -> RunSettings {
        RunSettings {
            algorithm: self.spec.algorithm_on(index).clone(),
            seeds: self.spec.seeds_on(index).to_vec(),
            ranking_cases: self.spec.ranking_cases_on(index),
            ..self.settings.for_island(index)
        }
    }

    /// Most pieces of work that an island may have under way at once, where the job says so.
    pub(crate) fn places_of_an_island(&self) -> Option<usize> {
        let count = self.spec.islands.count as usize;
        self.spec.slots.map(|slots| slots.div_ceil(count))
    }
}

/// Whether a specification is in order, as far as can be seen without opening anything.
fn check(spec: &JobSpec) -> Result<(), EngineError> {
    if spec.seeds.is_empty() {
        return Err(EngineError::Spec("a job needs at least one seed prompt".to_owned()));
    }
    if spec.data.test.is_empty() {
        return Err(EngineError::Spec("a job needs at least one test case".to_owned()));
    }
    if spec.islands.count == 0 || spec.islands.count > MOST_ISLANDS {
        let count = spec.islands.count;
        return Err(EngineError::Spec(format!(
            "`islands.count` is {count}, and must be from 1 to {MOST_ISLANDS}"
        )));
    }
    spec.islands.migration.validate().map_err(|error| EngineError::Spec(format!("`islands`: {error}")))?;
    spec.repeats.validate().map_err(|(key, error)| EngineError::Spec(format!("`repeats.{key}` {error}")))?;
    spec.algorithm.validate().map_err(|error| EngineError::Spec(format!("`algorithm`: {error}")))?;
    if spec.islands.each.len() > spec.islands.count as usize {
        let (each, count) = (spec.islands.each.len(), spec.islands.count);
        let message = format!("`islands.each` describes {each} islands, and there are {count}");
        return Err(EngineError::Spec(message));
    }
    for (island, own) in spec.islands.each.iter().enumerate() {
        own.algorithm
            .as_ref()
            .map_or(Ok(()), AlgorithmConfig::validate)
            .map_err(|error| EngineError::Spec(format!("`islands.each[{island}].algorithm`: {error}")))?;
    }
    if let EvaluatorSpec::Prompt(_) = spec.evaluator {
        for (name, range) in &spec.parameters {
            let checked = GenerationConfig::check_range(name, range);
            checked.map_err(|error| EngineError::Spec(format!("`parameters.{name}`: {error}")))?;
        }
    }
    Ok(())
}

/// A running job.
pub struct JobHandle {
    id: JobId,
    first_events: std::sync::Mutex<Option<broadcast::Receiver<JobEvent>>>,
    events: broadcast::WeakSender<JobEvent>,
    progress: watch::Receiver<JobProgress>,
    conclusion: watch::Receiver<Option<Conclusion>>,
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
    /// [`EngineError::Elsewhere`] when another process goes on with the job, or can: its actor here died.
    pub async fn result(&self) -> Result<JobResult, EngineError> {
        let mut conclusion = self.conclusion.clone();
        let conclusion = conclusion.wait_for(Option::is_some).await.map_err(|_| EngineError::Gone)?;
        match conclusion.clone() {
            Some(Conclusion::Ended(result)) => Ok(*result),
            Some(Conclusion::Elsewhere(why)) => Err(EngineError::Elsewhere(why)),
            None => Err(EngineError::Gone),
        }
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
        assert_eq!(alone().to_string(), ALONE);
    }
}
