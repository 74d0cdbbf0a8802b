//! Links that come and go.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Action, DownCause, Membership, UnlinkCause};
use crate::{Facts, Gossip, Load, Member, MemberState, NodeId, NodeName};

/// A link that stands.
#[derive(Debug)]
pub(super) struct Link {
    /// The peer as it was named when the link was made. Its life may have grown since.
    pub(super) peer: NodeId,
}

impl Membership {
    pub(super) fn linked(&mut self, now: Duration, peer: NodeId, facts: Facts) {
        if peer.name == self.id.name {
            return self.linked_to_namesake(peer);
        }
        let known =
            self.roster.get(&peer.name).map(|entry| (entry.member.id.incarnation, entry.member.state));
        match known {
            Some((incarnation, _)) if peer.incarnation.boot < incarnation.boot => {
                let why = format!("a later process than {peer} has its name");
                return self.unlink(peer, why);
            }
            Some((incarnation, MemberState::Left)) if incarnation.boot == peer.incarnation.boot => {
                let why = format!("{peer} has left the cluster");
                return self.unlink(peer, why);
            }
            _ => {}
        }
        if let Some(old) = self.links.remove(&peer.name)
            && old.peer.incarnation.boot != peer.incarnation.boot
        {
            self.unlink(old.peer, format!("{peer} has taken its place"));
        }
        self.dialer.linked(now, &facts.address);
        self.links.insert(peer.name.clone(), Link { peer: peer.clone() });
        self.heard = now;
        let to = peer.name.clone();
        if known.is_none_or(|(incarnation, _)| incarnation < peer.incarnation) {
            let state = MemberState::Alive;
            self.learn(now, Member { id: peer, facts, state, load: Load::default(), version: 0 }.into());
        }
        if let Some(entry) = self.roster.get_mut(&to) {
            entry.broke = None;
            entry.silence.broken(now);
        }
        let members = self.roster.introduction(&self.id.name, &to);
        self.send(to, Gossip { members, asks: Vec::new() });
    }

    fn linked_to_namesake(&mut self, peer: NodeId) {
        if peer.incarnation.boot > self.id.incarnation.boot {
            self.be_replaced();
        } else {
            let why = format!("{peer} has the name of this node and is not newer");
            self.unlink(peer, why);
        }
    }

    pub(super) fn unlinked(&mut self, now: Duration, peer: &NodeId, cause: UnlinkCause) {
        let is_current = |link: &Link| link.peer.incarnation.boot == peer.incarnation.boot;
        if !self.links.get(&peer.name).is_some_and(is_current) {
            return;
        }
        self.links.remove(&peer.name);
        let Some(entry) = self.roster.get_mut(&peer.name) else { return };
        let address = entry.member.facts.address.clone();
        if cause == UnlinkCause::Closed && entry.member.is_living() {
            entry.broke = Some(now);
            self.dialer.broke(&self.config, now, &address, &mut self.rng);
            self.dial(now);
        } else {
            self.dialer.failed(&self.config, now, &address, &mut self.rng);
        }
    }

    pub(super) fn reached(&mut self, now: Duration, address: &str, peer: NodeName) {
        // Should no link come of it, the address waits its turn.
        if !self.links.contains_key(&peer) {
            self.dialer.failed(&self.config, now, address, &mut self.rng);
        }
        for entry in self.roster.entries_mut() {
            let is_other = entry.member.facts.address == address && *entry.member.name() != peer;
            entry.is_deserted |= is_other && entry.ended.is_some();
        }
        for seed in self.seeds.iter_mut().filter(|seed| seed.address == address) {
            seed.name = Some(peer.clone());
        }
    }

    pub(super) fn dial_failed(&mut self, now: Duration, address: &str, is_refused: bool) {
        self.dialer.failed(&self.config, now, address, &mut self.rng);
        if !is_refused {
            return;
        }
        let mut killed = Vec::new();
        for entry in self.roster.entries_mut().filter(|entry| entry.member.facts.address == address) {
            let has_just_broken = |broke: Duration| now.saturating_sub(broke) <= self.config.dead_after;
            if entry.ended.is_some() {
                entry.is_deserted = true;
            } else if entry.broke.is_some_and(has_just_broken) {
                entry.is_deserted = true;
                killed.push(entry.member.name().clone());
            }
        }
        for name in killed {
            self.declare_dead(now, &name, DownCause::Killed);
        }
    }

    /// Dials whom this node should be linked with and is not: the seeds, all who live, and for as long as they are
    /// remembered those who fell silent, since the two halves of a cluster that was cut in two know of each other
    /// only as dead.
    pub(super) fn dial(&mut self, now: Duration) {
        let mut wanted = BTreeMap::new();
        for entry in self.roster.entries() {
            let member = &entry.member;
            let is_lost = member.state == MemberState::Dead && !entry.is_deserted;
            let is_mine = *member.name() == self.id.name || member.facts.address.is_empty();
            if is_mine || self.links.contains_key(member.name()) || !(member.is_living() || is_lost) {
                continue;
            }
            // Of two that hear of each other at the same time, one goes first.
            let first_wait = match member.is_living() {
                true if self.id.name < *member.name() => Duration::ZERO,
                true => self.config.heartbeat,
                false => self.config.redial_max,
            };
            wanted.insert(member.facts.address.as_str(), first_wait);
        }
        for seed in &self.seeds {
            let is_found = |name: &NodeName| *name == self.id.name || self.links.contains_key(name);
            if !seed.name.as_ref().is_some_and(is_found) && !self.is_linked_at(&seed.address) {
                wanted.insert(&seed.address, Duration::ZERO);
            }
        }
        if let Some(own) = self.roster.get(&self.id.name) {
            wanted.remove(own.member.facts.address.as_str());
        }
        let dials = self.dialer.dial(&self.config, now, &wanted);
        self.actions.extend(dials.into_iter().map(|address| Action::Dial { address }));
    }

    fn is_linked_at(&self, address: &str) -> bool {
        let linked = self.links.keys().filter_map(|name| self.roster.get(name));
        linked.into_iter().any(|entry| entry.member.facts.address == address)
    }

    pub(super) fn unlink(&mut self, peer: NodeId, why: String) {
        self.actions.push(Action::Unlink { peer, why });
    }
}
