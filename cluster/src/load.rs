//! What a node has to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a node reports about itself with each heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Evaluations that it can run at once.
    pub workers: u32,
    /// Workers that run one now.
    pub busy: u32,
    /// Evaluations that wait for a worker.
    pub queued: u32,
    /// Permits that it has granted, to others and to itself.
    pub permits: u32,
    /// Jobs that it owns, at most [`Load::MAX_JOBS`].
    pub jobs: Vec<String>,
    /// Islands that it hosts (job, number), at most [`Load::MAX_ISLANDS`].
    pub islands: Vec<(String, u32)>,
    /// Messages that wait, by kind of actor.
    pub mailboxes: BTreeMap<String, u64>,
    /// Whether its own checks pass. A node that is not healthy is given no new work.
    pub healthy: bool,
}

impl Load {
    /// The most jobs that a node names.
    pub const MAX_JOBS: usize = 64;
    /// The most islands that a node names.
    pub const MAX_ISLANDS: usize = 256;

    /// Workers with nothing to do, when those who wait have been served.
    pub fn free_workers(&self) -> u32 {
        self.workers.saturating_sub(self.busy).saturating_sub(self.queued)
    }

    /// The names of jobs, islands and actors in it.
    pub(crate) fn names(&self) -> usize {
        self.jobs.len() + self.islands.len() + self.mailboxes.len()
    }

    /// Keeps to what one heartbeat may hold.
    pub(crate) fn bounded(mut self) -> Self {
        self.jobs.truncate(Self::MAX_JOBS);
        self.islands.truncate(Self::MAX_ISLANDS);
        self
    }
}

/// A healthy node that can do nothing yet.
impl Default for Load {
    fn default() -> Self {
        Self {
            workers: 0,
            busy: 0,
            queued: 0,
            permits: 0,
            jobs: Vec::new(),
            islands: Vec::new(),
            mailboxes: BTreeMap::new(),
            healthy: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_takes_a_worker() {
        let load = Load { workers: 8, busy: 3, queued: 2, ..Load::default() };
        assert_eq!(load.free_workers(), 3);
        assert_eq!(Load { queued: 20, ..load }.free_workers(), 0);
    }

    #[test]
    fn names_no_more_than_fits() {
        let load = Load {
            jobs: vec!["job".into(); 100],
            islands: (0..1000).map(|number| ("job".into(), number)).collect(),
            ..Load::default()
        };
        let bounded = load.bounded();
        assert_eq!((bounded.jobs.len(), bounded.islands.len()), (64, 256));
    }
}
