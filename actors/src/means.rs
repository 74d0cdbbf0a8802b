//! What a job's actors work with.

use std::sync::Arc;

use evohub_monitoring::metrics::Metrics;
use evohub_store::{JobId, Store};

use crate::actor::Address;
use crate::evaluator::Pool;
use crate::generation::Patience;
use crate::journal::JournalMessage;
use crate::toolbox::JobTools;

/// What a job's actors work with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) job: JobId,
    pub(crate) tools: Arc<JobTools>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) pool: Pool,
    pub(crate) journal: Address<JournalMessage>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) patience: Patience,
    /// Pieces of work in the pool at once.
    pub(crate) permits: usize,
}
