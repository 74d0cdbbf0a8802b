//! The jobs that a node has opened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evohub_store::{JobId, Store};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::engine::PreparedJob;
use crate::error::EngineError;
use crate::spec::JobSpec;
use crate::toolbox::Toolbox;

/// How long a job that nobody works for stays open.
const KEPT: Duration = Duration::from_secs(60);

/// The jobs that a node has opened, so that whoever works for one finds its models and evaluator ready.
#[derive(Default)]
pub(crate) struct PreparedJobs {
    jobs: Mutex<HashMap<JobId, Entry>>,
}

struct Entry {
    job: Arc<OnceCell<Arc<PreparedJob>>>,
    used: Instant,
}

impl PreparedJobs {
    /// The job, opened by its stored specification if it is not open yet. Who asks meanwhile waits for the same.
    ///
    /// # Errors
    /// When it is unknown, or what it needs cannot be had here.
    pub(crate) async fn get(
        &self,
        id: &JobId,
        store: &Arc<dyn Store>,
        toolbox: &Arc<Toolbox>,
    ) -> Result<Arc<PreparedJob>, EngineError> {
        let cell = self.cell(id);
        let open = async || {
            let spec = stored_spec(&**store, id).await?;
            let toolbox = Arc::clone(toolbox);
            // Loading a local model takes a moment.
            let opened = tokio::task::spawn_blocking(move || PreparedJob::new(spec, &toolbox)).await;
            opened.map_err(|_| EngineError::Gone)?.map(Arc::new)
        };
        cell.get_or_try_init(open).await.cloned()
    }

    /// The job, if it is open.
    pub(crate) fn opened(&self, id: &JobId) -> Option<Arc<PreparedJob>> {
        self.cell(id).get().cloned()
    }

    /// Adds a job that is open already.
    pub(crate) fn add(&self, id: &JobId, job: PreparedJob) -> Arc<PreparedJob> {
        let job = Arc::new(job);
        let cell = Arc::new(OnceCell::new_with(Some(Arc::clone(&job))));
        self.lock().insert(id.clone(), Entry { job: cell, used: Instant::now() });
        job
    }

    /// Closes the jobs that nobody works for any more.
    pub(crate) fn sweep(&self) {
        self.lock().retain(|_, entry| {
            let is_used = entry.job.get().is_none_or(|job| Arc::strong_count(job) > 1);
            is_used || entry.used.elapsed() < KEPT
        });
    }

    fn cell(&self, id: &JobId) -> Arc<OnceCell<Arc<PreparedJob>>> {
        let mut jobs = self.lock();
        let entry =
            jobs.entry(id.clone()).or_insert_with(|| Entry { job: Arc::default(), used: Instant::now() });
        entry.used = Instant::now();
        Arc::clone(&entry.job)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, Entry>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stored specification of a job.
///
/// # Errors
/// When it is unknown, or no specification of this version.
async fn stored_spec(store: &dyn Store, id: &JobId) -> Result<JobSpec, EngineError> {
    let record = store.job(id).await?;
    serde_json::from_value(record.spec)
        .map_err(|error| EngineError::Spec(format!("the stored job `{id}` cannot be read: {error}")))
}
