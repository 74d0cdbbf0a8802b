//! What others of the process know of a job that is owned here.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use super::JobMessage;
use crate::actor::Address;
use crate::event::{JobEvent, JobProgress};
use crate::event_log::EventLog;
use crate::result::JobResult;

/// A job that is owned here.
#[derive(Clone)]
pub(crate) struct OwnedJob {
    pub(crate) actor: Address<JobMessage>,
    pub(crate) observers: Observers,
}

/// How a job came to an end here.
#[derive(Debug, Clone)]
pub(crate) enum Conclusion {
    /// It ended, stopped or failed.
    Ended(Box<JobResult>),
    /// Another process goes on with it: why.
    Elsewhere(String),
}

/// Where observers of a job listen.
#[derive(Clone)]
pub(crate) struct Observers {
    pub(crate) events: broadcast::Sender<JobEvent>,
    pub(crate) log: Arc<EventLog>,
    pub(crate) progress: Arc<watch::Sender<JobProgress>>,
    pub(crate) conclusion: Arc<watch::Sender<Option<Conclusion>>>,
}

/// Events that a slow listener may fall behind before it misses some.
const EVENTS: usize = 4_096;

impl Observers {
    /// Nobody listens yet. `token` is the fencing token of the job's lease.
    pub(crate) fn new(token: i64) -> Self {
        Self {
            events: broadcast::Sender::new(EVENTS),
            log: Arc::new(EventLog::new(token)),
            progress: Arc::new(watch::Sender::new(JobProgress::default())),
            conclusion: Arc::new(watch::Sender::new(None)),
        }
    }

    pub(crate) fn emit(&self, event: JobEvent) {
        self.log.push(event.clone());
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    pub(crate) fn conclude(&self, conclusion: Conclusion) {
        self.conclusion.send_replace(Some(conclusion));
    }

    /// Whether both are of the same life of a job.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.log, &other.log)
    }
}
