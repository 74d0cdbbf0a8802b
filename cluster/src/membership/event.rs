//! What membership hears, and what it wants done.

use crate::{Facts, Gossip, Load, NodeId, NodeName};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Time has passed; see [`MembershipConfig::tick`](crate::MembershipConfig::tick).
    Tick,
    /// A link to a node stands, whoever dialled it. It takes the place of an earlier link to the same node.
    Linked {
        /// The life of the node as it was when the link was made.
        peer: NodeId,
        /// What the node can do.
        facts: Facts,
    },
    /// A link is gone.
    Unlinked {
        /// The peer as it was named by [`Event::Linked`].
        peer: NodeId,
        /// How it ended.
        cause: UnlinkCause,
    },
    /// A dial got an answer, and this is who answered. It is to be told also when no link comes of it: since there is
    /// one already, or since the node dialled itself (seed lists may name the node that reads them).
    Reached {
        /// What was dialled.
        address: String,
        /// Who answered.
        peer: NodeName,
    },
    /// A dial ended without a link.
    DialFailed {
        /// What was dialled.
        address: String,
        /// Whether nobody listens there (`ECONNREFUSED`), rather than that no answer came.
        refused: bool,
    },
    /// A linked node told something.
    Gossip {
        /// Who told it.
        from: NodeName,
        /// What it told.
        gossip: Gossip,
    },
    /// This node's own load has changed. Others hear of it with the next heartbeat.
    LoadChanged(Load),
    /// This node is to take no new work.
    Drain,
    /// This node says goodbye. Nothing is done after that.
    Leave,
}

/// How a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlinkCause {
    /// The other end closed it or broke down.
    Closed,
    /// This end closed it.
    Stopped,
    /// The other end did not keep to the protocol.
    Protocol,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Try to link with who listens there. [`Event::Linked`], [`Event::Reached`] or [`Event::DialFailed`] follows.
    Dial {
        /// `host:port`.
        address: String,
    },
    /// Send a message to a linked node.
    Send {
        /// To whom.
        to: NodeName,
        /// What.
        gossip: Gossip,
    },
    /// Close the link, so that calls over it fail at once.
    Unlink {
        /// The peer as it was named by [`Event::Linked`].
        peer: NodeId,
        /// What to say in the log.
        why: String,
    },
    /// Something to tell those who use the cluster.
    Changed(Change),
}

/// What became of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It works. It may not be linked yet.
    Up(NodeId),
    /// It takes no new work.
    Draining(NodeId),
    /// It is gone, and what it had to do is for others. Of this node itself it says that another process has taken
    /// its name, and nothing is done after that.
    Down {
        /// The life that ended.
        id: NodeId,
        /// How.
        cause: DownCause,
    },
    /// Others had declared this node dead, wherefore it has a new life: what it had to do has been given to others.
    Reborn(NodeId),
}

/// How a node went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DownCause {
    /// It said goodbye.
    Left,
    /// Its link broke, and nobody listens at its address.
    Killed,
    /// It was not heard of for too long.
    Silent,
    /// Another node found it dead.
    Told,
    /// A newer life of the same node has come.
    Replaced,
}

impl DownCause {
    /// The cause as it is written in labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Killed => "killed",
            Self::Silent => "silent",
            Self::Told => "told",
            Self::Replaced => "replaced",
        }
    }
}
