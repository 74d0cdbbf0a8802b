//! All that a node knows of the nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{Member, MemberState, NodeName};

/// All that a node knows of the others and of itself, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The node whose view it is.
    pub myself: NodeName,
    /// All nodes that were heard of, the one whose view it is included; those that left or died for as long as they
    /// are remembered.
    pub members: BTreeMap<NodeName, Arc<Member>>,
    /// The nodes that are linked now, and the one whose view it is.
    pub reachable: BTreeSet<NodeName>,
}

impl View {
    /// What is known of a node.
    pub fn member(&self, name: &NodeName) -> Option<&Member> {
        self.members.get(name).map(Arc::as_ref)
    }

    /// The nodes that work, by name. Those that drain are not among them.
    pub fn alive(&self) -> impl Iterator<Item = &Member> {
        self.members.values().map(Arc::as_ref).filter(|member| member.state == MemberState::Alive)
    }

    /// The nodes whose processes live, be it that they drain, by name.
    pub fn living(&self) -> impl Iterator<Item = &Member> {
        self.members.values().map(Arc::as_ref).filter(|member| member.is_living())
    }

    /// Whether the node is linked now, or is the one whose view it is.
    pub fn is_reachable(&self, name: &NodeName) -> bool {
        self.reachable.contains(name)
    }

    /// Whether new work can be given to the node: it works, its checks pass, and it is reachable.
    pub fn is_usable(&self, name: &NodeName) -> bool {
        self.is_reachable(name)
            && self
                .member(name)
                .is_some_and(|member| member.state == MemberState::Alive && member.load.healthy)
    }

    /// The nodes to which new work can be given, by name.
    pub fn usable(&self) -> impl Iterator<Item = &Member> {
        self.alive().filter(|member| self.is_usable(member.name()))
    }
}
