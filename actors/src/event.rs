//! What observers see of a job.

use evohub_evolution::RunEvent;
use serde::{Deserialize, Serialize};

use crate::result::JobResult;

/// Something that happened in a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobEvent {
    /// The search began, or went on after a stop or a crash.
    Started {
        /// The job.
        job: String,
        /// Evaluations that were known already when it went on.
        evaluations: u64,
    },
    /// Something happened on an island.
    Island {
        /// Which one, from 0.
        island: u32,
        /// What.
        #[serde(flatten)]
        event: RunEvent,
    },
    /// A piece of work failed and will be tried again.
    Retried {
        /// A short stable name of the cause.
        cause: String,
        /// What happened.
        message: String,
    },
    /// An island is hosted by a node from now on.
    Placed {
        /// Which one, from 0.
        island: u32,
        /// Name of the node.
        node: String,
    },
    /// The job goes on under another node.
    TakenOver {
        /// Name of the node.
        node: String,
    },
    /// An actor died, or its node went, and it was started again from the last checkpoint.
    Restarted {
        /// Kind of the actor.
        actor: String,
        /// What it died of.
        cause: String,
    },
    /// Somebody asked it to stop: nothing more is given out, and calls under way are waited for.
    Stopping,
    /// The search is over and the report is being made.
    Closing {
        /// Evaluations on the sealed test cases to make.
        evaluations: u64,
    },
    /// The job ended or stopped.
    Ended(Box<JobResult>),
}

/// Where a job stands: the newest state, for displays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct JobProgress {
    /// Evaluations of the search known so far.
    pub evaluations: u64,
    /// Evaluations and proposals under way.
    pub in_flight: usize,
    /// US dollars spent.
    pub dollars: f64,
    /// Tokens spent.
    pub tokens: u64,
    /// Best mean score in the population.
    pub best: f64,
    /// Mean of the population's mean scores.
    pub mean: f64,
    /// Diversity of the population, 0 to 1.
    pub diversity: f64,
    /// Candidates in the population.
    pub population: u32,
    /// Generations or windows completed.
    pub generation: u32,
    /// Test evaluations made, and to make; both 0 before the report.
    pub closing: (u64, u64),
    /// Seconds since this session of the job began.
    pub seconds: f64,
}
