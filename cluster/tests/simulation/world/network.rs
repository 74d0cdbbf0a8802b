//! Links, and the network that they go over.

use std::time::Duration;

use evohub_cluster::{Event, Facts, Gossip, NodeId};

use super::{Happening, TIMEOUT, World, address, facts};

#[derive(Debug)]
pub(super) struct Link {
    pub(super) ends: [End; 2],
    pub(super) is_stalled: bool,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) node: usize,
    pub(super) boot: u64,
    pub(super) id: NodeId,
    pub(super) facts: Facts,
    pub(super) state: EndState,
    /// When the last that was sent to it arrives.
    pub(super) arrived: Duration,
    /// What a cut keeps from it.
    pub(super) held: Vec<Gossip>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum EndState {
    Opening,
    Up,
    Down,
}

impl World {
    /// Nothing that one node sends reaches the other from now on.
    pub fn cut(&mut self, from: usize, to: usize) {
        if from != to {
            self.cuts.insert((from, to));
        }
    }

    /// Neither of two groups hears the other from now on.
    pub fn partition(&mut self, is_left: impl Fn(usize) -> bool) {
        for (left, right) in self.pairs().filter(|(one, other)| is_left(*one) != is_left(*other)) {
            self.cut(left, right);
        }
    }

    /// The network is whole again.
    pub fn heal(&mut self) {
        self.cuts.clear();
        for link in 0..self.links.len() {
            self.links[link].is_stalled = false;
            for end in 0..2 {
                for gossip in std::mem::take(&mut self.links[link].ends[end].held) {
                    self.deliver(link, end, |link, end| Happening::Message { link, end, gossip });
                }
            }
        }
    }

    /// The link between two nodes breaks.
    pub fn break_link(&mut self, one: usize, other: usize) {
        if let Some(&link) = self.newest.get(&pair(one, other)) {
            self.deliver(link, 0, |link, end| Happening::Closed { link, end });
            self.deliver(link, 1, |link, end| Happening::Closed { link, end });
        }
    }

    /// A dial arrives.
    pub(super) fn connect(&mut self, from: usize, boot: u64, to: usize) {
        let address = address(to);
        let peer = self.nodes[to].name.clone();
        let (wait, event) = if self.is_severed(from, to) || self.is_frozen(to) {
            (TIMEOUT, Event::DialFailed { address, refused: false })
        } else if !self.is_running(to) {
            (self.delay(), Event::DialFailed { address, refused: true })
        } else {
            if !self.is_linked(from, boot, to) {
                self.link(from, boot, to);
            }
            (self.delay(), Event::Reached { address, peer })
        };
        self.schedule(wait, Happening::Outcome { node: from, boot, event });
    }

    fn link(&mut self, from: usize, boot: u64, to: usize) {
        if self.boot(from) != Some(boot) {
            return;
        }
        if let Some(&old) = self.newest.get(&pair(from, to)) {
            // Whoever still has the old link has a new one in its place.
            self.links[old].ends.iter_mut().for_each(|end| end.state = EndState::Down);
        }
        let end = |node: usize| {
            let process = self.nodes[node].process.as_ref().unwrap();
            let name = &self.nodes[node].name;
            End {
                node,
                boot: process.boot,
                id: process.membership.view().member(name).unwrap().id.clone(),
                facts: facts(node),
                state: EndState::Opening,
                arrived: self.now,
                held: Vec::new(),
            }
        };
        let link = self.links.len();
        self.links.push(Link { ends: [end(from), end(to)], is_stalled: false });
        self.newest.insert(pair(from, to), link);
        self.deliver(link, 0, |link, end| Happening::Opened { link, end });
        self.open(link, 1);
    }

    pub(super) fn open(&mut self, link: usize, end: usize) {
        let [it, other] = [end, 1 - end].map(|end| &self.links[link].ends[end]);
        if it.state == EndState::Opening && self.boot(it.node) == Some(it.boot) {
            let (node, event) =
                (it.node, Event::Linked { peer: other.id.clone(), facts: other.facts.clone() });
            self.links[link].ends[end].state = EndState::Up;
            self.feed(node, event);
        }
    }

    /// One end closes a link.
    pub(super) fn close(&mut self, link: usize, end: usize) {
        self.links[link].ends[end].state = EndState::Down;
        let [it, other] = [end, 1 - end].map(|end| self.links[link].ends[end].node);
        if self.cuts.contains(&(it, other)) {
            self.schedule(TIMEOUT, Happening::Closed { link, end: 1 - end });
        } else {
            self.deliver(link, 1 - end, |link, end| Happening::Closed { link, end });
        }
    }

    /// Sends something over a link, where nothing overtakes.
    pub(super) fn deliver(&mut self, link: usize, end: usize, what: impl FnOnce(usize, usize) -> Happening) {
        let arrival = self.now + self.delay();
        let it = &mut self.links[link].ends[end];
        it.arrived = arrival.max(it.arrived + Duration::from_nanos(1));
        let wait = it.arrived - self.now;
        self.schedule(wait, what(link, end));
    }

    fn is_linked(&self, from: usize, boot: u64, to: usize) -> bool {
        self.newest.get(&pair(from, to)).is_some_and(|&link| {
            let is_whole = |end: &End| {
                let is_same = end.node != from || end.boot == boot;
                end.state != EndState::Down && is_same && self.boot(end.node) == Some(end.boot)
            };
            self.links[link].ends.iter().all(is_whole)
        })
    }

    pub(super) fn is_severed(&self, one: usize, other: usize) -> bool {
        self.cuts.contains(&(one, other)) || self.cuts.contains(&(other, one))
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let nodes = self.nodes.len();
        (0..nodes).flat_map(move |one| (0..nodes).map(move |other| (one, other)))
    }
}

pub(super) fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}
