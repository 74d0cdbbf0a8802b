//! What nodes tell each other about the nodes.

use std::sync::Arc;

use crate::{Member, NodeName};

/// One message between two nodes about the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gossip {
    /// What the sender knows of nodes, itself included, at most [`Gossip::MAX_MEMBERS`].
    pub members: Vec<Arc<Member>>,
    /// Nodes that the sender has not heard of for a while: who knows more is to answer at once. At most
    /// [`Gossip::MAX_ASKED`].
    pub asks: Vec<NodeName>,
}

impl Gossip {
    /// The most members that a message tells of.
    pub const MAX_MEMBERS: usize = 64;
    /// The most nodes that a message asks for.
    pub const MAX_ASKED: usize = 64;
}
