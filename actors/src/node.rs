//! What the actors of a process share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use evohub_cluster::{Cluster, Member, NodeName, View};
use evohub_monitoring::metrics::Metrics;
use evohub_store::{JobId, Store};

use crate::actor::Address;
use crate::engine::PreparedJob;
use crate::error::EngineError;
use crate::evaluator::Pool;
use crate::flights::Flights;
use crate::generation::{GenerationMessage, Patience};
use crate::grants::Grants;
use crate::job::OwnedJob;
use crate::journal::JournalMessage;
use crate::post::Post;
use crate::prepared::PreparedJobs;
use crate::spec::EvaluatorSpec;
use crate::supervisor::SupervisorMessage;
use crate::toolbox::Toolbox;

/// What the actors of a process share: the node of a cluster, or a process alone.
pub(crate) struct Node {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) toolbox: Arc<Toolbox>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pool: Pool,
    pub(crate) flights: Flights,
    pub(crate) prepared: PreparedJobs,
    pub(crate) journal: Post<JournalMessage>,
    pub(crate) supervisor: Post<SupervisorMessage>,
    /// Places in the pool of this process.
    pub(crate) grants: Grants,
    pub(crate) consumers: Consumers,
    /// Pieces of work of other nodes whose results have not been sent back yet.
    pub(crate) visiting: Arc<AtomicU64>,
    /// The nodes whose processes are known to have ended, by the newest boot that has: nobody listens any more where they
    /// did, or they said goodbye.
    pub(crate) ended: Registry<NodeName, u64>,
    /// The jobs that are owned here.
    pub(crate) owned: Registry<JobId, OwnedJob>,
    pub(crate) patience: RwLock<Patience>,
    name: NodeName,
    cluster: OnceLock<Cluster>,
}

impl Node {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        toolbox: Arc<Toolbox>,
        pool: Pool,
        workers: usize,
        name: NodeName,
    ) -> Self {
        Self {
            store,
            metrics: Arc::clone(toolbox.metrics()),
            toolbox,
            pool,
            flights: Flights::default(),
            prepared: PreparedJobs::default(),
            journal: Post::default(),
            supervisor: Post::default(),
            grants: Grants::new(workers),
            consumers: Consumers::default(),
            visiting: Arc::default(),
            ended: Registry::default(),
            owned: Registry::default(),
            patience: RwLock::default(),
            name,
            cluster: OnceLock::new(),
        }
    }

    /// Its name in the cluster; alone, any.
    pub(crate) fn name(&self) -> &NodeName {
        &self.name
    }

    /// Who holds the leases of the jobs that are owned here: this node in this life of its process, or this process.
    pub(crate) fn owner(&self) -> String {
        match self.cluster() {
            Some(cluster) => format!("{}#{}", self.name, cluster.id().incarnation.boot),
            None => format!("process {}", std::process::id()),
        }
    }

    /// The cluster that it has joined.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.get()
    }

    /// Belongs to a cluster from now on.
    pub(crate) fn join(&self, cluster: Cluster) {
        // It is joined once, right after the start.
        let _ = self.cluster.set(cluster);
    }

    pub(crate) fn view(&self) -> Option<Arc<View>> {
        Some(self.cluster()?.view().borrow().clone())
    }

    /// The other nodes that work can be sent to, for an evaluator where not every node has it.
    pub(crate) fn helpers(&self, evaluator: Option<&str>) -> Vec<NodeName> {
        let Some(view) = self.view() else { return vec![] };
        let capable = |member: &&Member| evaluator.is_none_or(|name| member.facts.evaluators.contains(name));
        let others = view.usable().filter(|member| *member.name() != self.name).filter(capable);
        others.map(|member| member.name().clone()).collect()
    }

    pub(crate) fn patience(&self) -> Patience {
        *self.patience.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job, opened here.
    ///
    /// # Errors
    /// When it is unknown, or what it needs cannot be had here.
    pub(crate) async fn prepared(&self, id: &JobId) -> Result<Arc<PreparedJob>, EngineError> {
        self.prepared.get(id, &self.store, &self.toolbox).await
    }
}

/// The name of the evaluator that a job needs, where not every node has it.
pub(crate) fn evaluator_name(spec: &EvaluatorSpec) -> Option<&str> {
    match spec {
        EvaluatorSpec::Prompt(_) => None,
        EvaluatorSpec::Custom(name) => Some(name),
    }
}

/// Who is known under a key at the moment.
pub(crate) struct Registry<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Registry<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: std::hash::Hash + Eq + Clone, V: Clone> Registry<K, V> {
    pub(crate) fn insert(&self, key: K, value: V) {
        self.lock().insert(key, value);
    }

    pub(crate) fn remove(&self, key: &K) {
        self.lock().remove(key);
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.lock().get(key).cloned()
    }

    pub(crate) fn values(&self) -> Vec<V> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, V>> {
        // No code that can panic runs while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The generations of a process, under the numbers by which pools on all nodes know them.
#[derive(Default)]
pub(crate) struct Consumers {
    registry: Registry<u64, Address<GenerationMessage>>,
    next: AtomicU64,
}

impl Consumers {
    /// Gives a generation its number.
    pub(crate) fn add(&self, generation: Address<GenerationMessage>) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.registry.insert(number, generation);
        number
    }

    pub(crate) fn remove(&self, number: u64) {
        self.registry.remove(&number);
    }

    /// Tells one of them.
    pub(crate) fn send(&self, number: u64, message: GenerationMessage) {
        if let Some(generation) = self.registry.get(&number) {
            generation.send(message);
        }
    }

    /// Tells all of them that nodes have come, gone or changed.
    pub(crate) fn nodes_changed(&self) {
        for generation in self.registry.values() {
            generation.send(GenerationMessage::NodesChanged);
        }
    }
}
