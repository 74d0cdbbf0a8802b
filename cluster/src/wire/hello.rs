//! How two ends introduce themselves.

use crate::{ClientId, Facts, Incarnation, NodeId, Peer};

/// Who speaks: the first message of each end, after both have proved that they know the cookie.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Hello {
    /// The version of the protocol.
    #[prost(uint32, tag = "1")]
    pub(crate) protocol: u32,
    /// The version of the program, to be named when the protocols differ.
    #[prost(string, tag = "2")]
    pub(crate) version: String,
    /// The name of a node; empty for a client.
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(uint64, tag = "4")]
    pub(crate) boot: u64,
    #[prost(uint32, tag = "5")]
    pub(crate) life: u32,
    /// The number of a client.
    #[prost(uint64, tag = "6")]
    pub(crate) client: u64,
    /// Where others reach the node.
    #[prost(string, tag = "7")]
    pub(crate) address: String,
    #[prost(string, repeated, tag = "8")]
    pub(crate) evaluators: Vec<String>,
    /// Counts the dials of the end that dialled; of two links, the later dial is the newer. 0 at the other end.
    #[prost(uint64, tag = "9")]
    pub(crate) dial: u64,
    #[prost(string, tag = "10")]
    pub(crate) store: String,
}

/// Why an end closes the link.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Farewell {
    #[prost(string, tag = "1")]
    pub(crate) reason: String,
}

impl Hello {
    /// Without the version of the protocol.
    pub(crate) fn new(myself: &Peer, facts: &Facts, dial: u64) -> Self {
        let mut hello = Self {
            version: facts.version.clone(),
            address: facts.address.clone(),
            evaluators: facts.evaluators.iter().cloned().collect(),
            store: facts.store.clone(),
            dial,
            ..Self::default()
        };
        match myself {
            Peer::Node(id) => {
                hello.name = id.name.as_str().to_owned();
                hello.boot = id.incarnation.boot;
                hello.life = id.incarnation.life;
            }
            Peer::Client(id) => hello.client = id.number(),
        }
        hello
    }

    /// Who speaks; `None` when that is no name.
    pub(crate) fn peer(&self) -> Option<Peer> {
        if self.name.is_empty() {
            return Some(Peer::Client(ClientId::from_number(self.client)));
        }
        let incarnation = Incarnation { boot: self.boot, life: self.life };
        Some(Peer::Node(NodeId { name: self.name.parse().ok()?, incarnation }))
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts {
            address: self.address.clone(),
            evaluators: self.evaluators.iter().cloned().collect(),
            version: self.version.clone(),
            store: self.store.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_who_speaks() {
        let id = NodeId { name: "a".parse().unwrap(), incarnation: Incarnation { boot: 5, life: 1 } };
        let facts = Facts {
            address: "h:1".into(),
            evaluators: ["x".into()].into(),
            version: "1.2".into(),
            store: "s".into(),
        };
        for peer in [Peer::Node(id), Peer::Client(ClientId::from_number(9))] {
            let hello = Hello::new(&peer, &facts, 4);
            assert_eq!((hello.peer(), hello.facts(), hello.dial), (Some(peer), facts.clone(), 4));
        }
        assert_eq!(Hello { name: "No Name".into(), ..Hello::default() }.peer(), None);
    }
}
