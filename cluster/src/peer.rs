//! Who is at the other end of a link.

use std::fmt;

use crate::{NodeId, NodeName};

/// A client during the life of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(u64);

/// Who is at the other end of a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A node, in the life in which the link was made.
    Node(NodeId),
    /// A client.
    Client(ClientId),
}

/// To whom a message goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// A node, in whatever life it is.
    Node(NodeName),
    /// A client that is linked to this node.
    Client(ClientId),
    /// Whichever node a client is linked to.
    Cluster,
}

/// What a message is about, for the service at the other end to tell its messages apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub u16);

impl ClientId {
    /// One that nobody else has.
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client-{:016x}", self.0)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "{}", id.name),
            Self::Client(id) => write!(f, "{id}"),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => write!(f, "node {name}"),
            Self::Client(id) => write!(f, "{id}"),
            Self::Cluster => f.write_str("the cluster"),
        }
    }
}

impl From<&NodeName> for Recipient {
    fn from(name: &NodeName) -> Self {
        Self::Node(name.clone())
    }
}

impl From<ClientId> for Recipient {
    fn from(id: ClientId) -> Self {
        Self::Client(id)
    }
}

impl From<&Peer> for Recipient {
    fn from(peer: &Peer) -> Self {
        match peer {
            Peer::Node(id) => Self::Node(id.name.clone()),
            Peer::Client(id) => Self::Client(*id),
        }
    }
}
