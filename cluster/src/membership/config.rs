//! How often nodes speak, and how long silence may last.

use std::time::Duration;

/// How often nodes speak, and how long silence may last. All nodes of a cluster should have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipConfig {
    /// From one heartbeat to the next.
    pub heartbeat: Duration,
    /// After how long without a newer heartbeat a node is dead. At least four heartbeats.
    pub dead_after: Duration,
    /// The first wait before a node is dialled again.
    pub redial_min: Duration,
    /// The longest wait before a node is dialled again.
    pub redial_max: Duration,
    /// How many nodes watch each node.
    pub monitors: usize,
    /// To how many nodes at once news is passed on.
    pub gossip_peers: usize,
    /// For how long nodes that left or died are remembered.
    pub forget_after: Duration,
}

impl Default for MembershipConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(500),
            dead_after: Duration::from_secs(3),
            redial_min: Duration::from_millis(100),
            redial_max: Duration::from_secs(5),
            monitors: 4,
            gossip_peers: 3,
            forget_after: Duration::from_secs(600),
        }
    }
}

impl MembershipConfig {
    /// How often [`Event::Tick`](crate::Event::Tick) is to come.
    pub fn tick(&self) -> Duration {
        self.heartbeat / 10
    }
}
