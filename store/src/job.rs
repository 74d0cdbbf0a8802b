//! Jobs as they are stored.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Identity of a job, chosen at its submission: readable, unique within a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub String);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted, and running wherever its lease is held; without a living lease it was interrupted.
    Running,
    /// Stopped on request; can be resumed.
    Stopped,
    /// Ended with a result.
    Done,
    /// Ended without one.
    Failed,
}

impl JobState {
    /// The name used in the database and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// The state of a name, the inverse of [`JobState::as_str`].
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Running, Self::Stopped, Self::Done, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// A job to insert.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its identity.
    pub id: JobId,
    /// The name its user gave it.
    pub name: String,
    /// The optimizer it names.
    pub algorithm: String,
    /// The whole validated specification, test cases included; no secret is part of it.
    pub spec: serde_json::Value,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
}

/// A job as found in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its identity.
    pub id: JobId,
    /// The name its user gave it.
    pub name: String,
    /// The optimizer it names.
    pub algorithm: String,
    /// The whole validated specification.
    pub spec: serde_json::Value,
    /// How far it has come.
    pub state: JobState,
    /// Whether somebody asked it to stop and it has not ended since.
    pub stop_requested: bool,
    /// Who holds its lease at the time of reading.
    pub owner: Option<String>,
    /// What came of it, once it has ended or stopped.
    pub result: Option<serde_json::Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Milliseconds since the Unix epoch, of the last change of state.
    pub updated_at: i64,
}

/// The right to run a job until it expires. Its token grows with every claim, so that a store can tell a
/// stale owner from the present one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job owned.
    pub job: JobId,
    /// Fencing token: larger than that of every earlier lease of the job.
    pub token: i64,
}

/// The right to write for one island of a job. It counts for as long as the lease of the job counts that it was given
/// under, and no newer one of the island was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IslandLease {
    /// The lease of the job.
    pub lease: Lease,
    /// The island, from 0.
    pub island: u32,
    /// Fencing token: larger than that of every earlier lease of the island.
    pub token: i64,
}

/// A job that is to be run by somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningJob {
    /// Its identity.
    pub id: JobId,
    /// Who holds its lease at the time of reading; nobody: it was interrupted, or handed over.
    pub owner: Option<String>,
}
