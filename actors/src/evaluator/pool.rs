//! The pool that the workers are in: a `ractor` factory.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use evohub_monitoring::metrics::{Metrics, PoolMetrics, RestartCause};
use ractor::factory::{
    Factory, FactoryArguments, FactoryMessage, FactoryStatsLayer, Job, JobOptions, WorkerId, queues, routing,
    worker_builder,
};
use ractor::{Actor, ActorCell, ActorId, ActorRef, SpawnErr};

use super::{EvaluatorWorker, Task, Work};

/// The kind of the workers, as metrics name it.
const KIND: &str = "evaluator";

/// The pool's own messages.
pub(super) type PoolMessage = FactoryMessage<(), Work>;

/// The pool of workers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool {
    inner: ActorRef<PoolMessage>,
    metrics: Arc<PoolMetrics>,
}

/// What each worker is started with.
#[derive(Clone)]
pub(crate) struct Shared(pub(super) Arc<WorkerArguments>);

impl ractor::Message for Shared {}

/// What the workers share.
pub(crate) struct WorkerArguments {
    pub(super) metrics: Arc<Metrics>,
    pub(super) pool: Arc<PoolMetrics>,
    started: Mutex<HashSet<WorkerId>>,
}

impl WorkerArguments {
    /// A worker starts: for the second time, when the first of its number died.
    pub(super) fn started(&self, id: WorkerId) {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if !started.insert(id) {
            self.metrics.actors.restarted(KIND, RestartCause::Panic);
        }
    }
}

impl Pool {
    /// Gives a piece of work to the pool. A pool that is gone drops the work, and its reply says so.
    pub(crate) fn dispatch(&self, work: Work) {
        let job = Job { key: (), msg: work, options: JobOptions::default(), accepted: None };
        if self.inner.cast(FactoryMessage::Dispatch(job)).is_err() {
            self.metrics.dead_letter();
        }
    }

    /// Has the pool end with whoever it is linked to.
    pub(crate) fn link(&self, supervisor: ActorCell) {
        self.inner.link(supervisor);
    }

    /// Workers, those that are at work, and pieces of work that wait.
    pub(crate) fn figures(&self) -> (u32, u32, u32) {
        self.metrics.figures()
    }

    pub(crate) fn id(&self) -> ActorId {
        self.inner.get_id()
    }
}

/// What the factory itself says of its queue, ten times a second.
struct Depth(Arc<PoolMetrics>);

impl FactoryStatsLayer for Depth {
    fn record_queue_depth(&self, _factory: &str, depth: usize) {
        self.0.set_depth(depth);
    }

    fn record_worker_count(&self, _factory: &str, count: usize) {
        self.0.set_workers(count);
    }
}

/// Starts a pool of so many workers.
pub(crate) async fn start_pool(workers: usize, metrics: &Arc<Metrics>) -> Result<Pool, SpawnErr> {
    let factory = Factory::<
        (),
        Work,
        Shared,
        EvaluatorWorker,
        routing::QueuerRouting<(), Work>,
        queues::DefaultQueue<(), Work>,
    >::default();
    let pool = Arc::new(metrics.actors.pool(KIND, &Task::KINDS));
    let shared = Shared(Arc::new(WorkerArguments {
        metrics: Arc::clone(metrics),
        pool: Arc::clone(&pool),
        started: Mutex::default(),
    }));
    let arguments = FactoryArguments::builder()
        .worker_builder(Box::new(worker_builder(move |_| (EvaluatorWorker, shared.clone()))))
        .queue(queues::DefaultQueue::default())
        .router(routing::QueuerRouting::default())
        .num_initial_workers(workers)
        .stats(Arc::new(Depth(Arc::clone(&pool))) as Arc<dyn FactoryStatsLayer>)
        .build();
    let (inner, _) = Actor::spawn(None, factory, arguments).await?;
    Ok(Pool { inner, metrics: pool })
}
