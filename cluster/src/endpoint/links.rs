//! The links that stand.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::link::Link;
use crate::{ClientId, NodeName, Peer, Recipient};

/// The links that stand: one to each peer.
#[derive(Debug, Default)]
pub(crate) struct Links(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    nodes: HashMap<NodeName, Arc<Link>>,
    clients: HashMap<ClientId, Arc<Link>>,
}

/// What a new link is.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The only one to its peer.
    First,
    /// In the place of another to the same life of the peer.
    Instead(Arc<Link>),
    /// In the place of one to an earlier life of the peer.
    After(Arc<Link>),
    /// None: another to the same life of the peer stays.
    Spare,
    /// None: there is one to a later life of the peer.
    Outdated,
    /// None: there is no place for another client.
    Crowded,
}

impl Links {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link to a node.
    pub(crate) fn node(&self, name: &NodeName) -> Option<Arc<Link>> {
        self.read().nodes.get(name).cloned()
    }

    /// The link to a recipient.
    pub(crate) fn to(&self, recipient: &Recipient) -> Option<Arc<Link>> {
        match recipient {
            Recipient::Node(name) => self.node(name),
            Recipient::Client(id) => self.read().clients.get(id).cloned(),
            Recipient::Cluster => None,
        }
    }

    /// All links.
    pub(crate) fn all(&self) -> Vec<Arc<Link>> {
        let table = self.read();
        table.nodes.values().chain(table.clients.values()).cloned().collect()
    }

    /// The links to nodes.
    pub(crate) fn nodes(&self) -> Vec<Arc<Link>> {
        self.read().nodes.values().cloned().collect()
    }

    /// Puts a new link in its place, if it gets one. What was decided is told before anything else is.
    pub(super) fn admit(&self, link: &Arc<Link>, clients: usize, tell: impl FnOnce(Admission)) {
        let mut table = self.write();
        let admission = match link.peer() {
            Peer::Client(id) => {
                let other = table.clients.get(id).cloned();
                if other.is_none() && table.clients.len() >= clients {
                    Admission::Crowded
                } else {
                    table.clients.insert(*id, Arc::clone(link));
                    other.map_or(Admission::First, Admission::Instead)
                }
            }
            Peer::Node(id) => {
                let other = table.nodes.get(&id.name).cloned();
                let admission = compare(link, other);
                if !matches!(admission, Admission::Spare | Admission::Outdated) {
                    table.nodes.insert(id.name.clone(), Arc::clone(link));
                }
                admission
            }
        };
        tell(admission);
    }

    /// Takes a link out, and tells whether it stood: another may have taken its place.
    pub(super) fn dismiss(&self, link: &Arc<Link>, tell: impl FnOnce(bool)) {
        let mut table = self.write();
        let is_it = |other: Option<&Arc<Link>>| other.is_some_and(|other| Arc::ptr_eq(other, link));
        let stood = match link.peer() {
            Peer::Node(id) => is_it(table.nodes.get(&id.name)) && table.nodes.remove(&id.name).is_some(),
            Peer::Client(id) => is_it(table.clients.get(id)) && table.clients.remove(id).is_some(),
        };
        tell(stood);
    }
}

fn compare(link: &Link, other: Option<Arc<Link>>) -> Admission {
    let life = |link: &Link| link.node().map(|id| id.incarnation);
    match other {
        None => Admission::First,
        Some(other) if life(link) > life(&other) => Admission::After(other),
        Some(other) if life(link) < life(&other) => Admission::Outdated,
        Some(other) if link.replaces(&other) => Admission::Instead(other),
        Some(_) => Admission::Spare,
    }
}
