//! What a cluster says of itself.

use std::collections::BTreeMap;

use evohub_cluster::Member;
use serde::{Deserialize, Serialize};

/// The nodes of a cluster, as one of them sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// Whose view it is.
    pub by: String,
    /// The time on the clock of its machine as it answered, in milliseconds since the Unix epoch; 0: it does not say.
    #[serde(default)]
    pub at: i64,
    /// The nodes, by name; those that are gone for as long as they are remembered.
    pub nodes: Vec<NodeStatus>,
}

/// A node of a cluster, as its last heartbeat said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// `alive`, `draining`, `left` or `dead`.
    pub state: String,
    /// Whether whoever answered is linked to it.
    pub reachable: bool,
    /// Where other nodes reach it.
    pub address: String,
    /// When its process started, in milliseconds since the Unix epoch.
    pub boot: u64,
    /// How often it was thought dead and came back.
    pub lives: u32,
    /// The version of its program.
    pub version: String,
    /// Evaluators that it has and not every node has.
    pub evaluators: Vec<String>,
    /// Evaluations that it can run at once.
    pub workers: u32,
    /// Workers at work.
    pub busy: u32,
    /// Evaluations that wait for a worker.
    pub queued: u32,
    /// Places in its pool that it has granted.
    pub permits: u32,
    /// Jobs that it owns, at most 64 of them.
    pub jobs: Vec<String>,
    /// Islands that it hosts (job and number), at most 256 of them.
    pub islands: Vec<(String, u32)>,
    /// Messages that wait, by kind of actor.
    pub mailboxes: BTreeMap<String, u64>,
}

impl NodeStatus {
    pub(crate) fn of(member: &Member, reachable: bool) -> Self {
        let Member { id, facts, load, state, .. } = member;
        Self {
            name: id.name.to_string(),
            state: state.as_str().to_owned(),
            reachable,
            address: facts.address.clone(),
            boot: id.incarnation.boot,
            lives: id.incarnation.life,
            version: facts.version.clone(),
            evaluators: facts.evaluators.iter().cloned().collect(),
            workers: load.workers,
            busy: load.busy,
            queued: load.queued,
            permits: load.permits,
            jobs: load.jobs.clone(),
            islands: load.islands.clone(),
            mailboxes: load.mailboxes.clone(),
        }
    }
}
