//! What a job's actors work with.

use std::sync::Arc;

use evohub_store::{JobId, Store};
use ractor::ActorRef;

use crate::evaluator::PoolMessage;
use crate::generation::Patience;
use crate::journal::JournalMessage;
use crate::toolbox::JobTools;

/// What a job's actors work with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) job: JobId,
    pub(crate) tools: Arc<JobTools>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) pool: ActorRef<PoolMessage>,
    pub(crate) journal: ActorRef<JournalMessage>,
    pub(crate) patience: Patience,
    /// Pieces of work in the pool at once.
    pub(crate) permits: usize,
}
