//! What a node says of its own accord.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::seq::IteratorRandom;

use super::Membership;
use crate::{Gossip, NodeName};

impl Membership {
    /// How often news is passed on at once. One time would reach all but one in twenty; the heartbeats that follow
    /// tell the few that are left.
    const RELAYS: u32 = 3;

    /// The heartbeat, when it is time for it.
    pub(super) fn pulse(&mut self, now: Duration) {
        if now < self.heartbeat_at {
            return;
        }
        let next = self.heartbeat_at + self.config.heartbeat;
        self.heartbeat_at = if next > now { next } else { now + self.config.heartbeat };
        self.set_own(now, |own| own.version += 1);
        let own: Vec<_> = self.own().into_iter().collect();
        let mut messages: BTreeMap<NodeName, Gossip> = BTreeMap::new();
        for watcher in self.watchers(now) {
            messages.insert(watcher, Gossip { members: own.clone(), asks: Vec::new() });
        }
        let peers = self.some_peers();
        if !peers.is_empty() {
            let members = self.roster.news(&self.id.name, peers.len());
            for peer in peers {
                messages.entry(peer).or_default().members.clone_from(&members);
            }
        }
        for (to, gossip) in messages {
            self.send(to, gossip);
        }
    }

    /// There is news that others are to hear at once.
    pub(super) fn hurry(&mut self, now: Duration) {
        self.relays = Self::RELAYS;
        let at = now.max(self.relayed + self.config.tick());
        self.relay_at.get_or_insert(at);
    }

    /// Passes urgent news on, when it is time for it: much news that comes in a short time goes together.
    pub(super) fn relay(&mut self, now: Duration) {
        if self.is_over || self.relay_at.is_none_or(|at| at > now) {
            return;
        }
        self.relayed = now;
        self.relays = self.relays.saturating_sub(1);
        self.relay_at = (self.relays > 0).then(|| now + self.config.tick());
        let peers = self.some_peers();
        if peers.is_empty() {
            return;
        }
        let members = self.roster.urgent(&self.id.name, peers.len());
        for peer in peers {
            self.send(peer, Gossip { members: members.clone(), asks: Vec::new() });
        }
    }

    /// The nodes that watch this one: those that follow it on the ring. The silent ones among them do not count, and
    /// nor do those that this node cannot reach.
    fn watchers(&self, now: Duration) -> Vec<NodeName> {
        let mut watchers = Vec::new();
        let mut awake = 0;
        for entry in self.roster.successors(&self.id.name) {
            if !entry.member.is_living() || !self.links.contains_key(entry.member.name()) {
                continue;
            }
            watchers.push(entry.member.name().clone());
            awake += usize::from(!entry.silence.is_long(&self.config, now));
            if awake == self.config.monitors || watchers.len() == 2 * self.config.monitors {
                break;
            }
        }
        watchers
    }

    fn some_peers(&mut self) -> Vec<NodeName> {
        let is_living =
            |name: &&NodeName| self.roster.get(name).is_some_and(|entry| entry.member.is_living());
        self.links
            .keys()
            .filter(is_living)
            .sample(&mut self.rng, self.config.gossip_peers)
            .into_iter()
            .cloned()
            .collect()
    }
}
