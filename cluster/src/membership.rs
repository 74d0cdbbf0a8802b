//! Who is in the cluster, and who is still alive.

mod config;
mod dialer;
mod event;
mod hearsay;
mod links;
mod pulse;
mod roster;
mod silence;
mod watch;

pub use config::MembershipConfig;
pub use event::{Action, Change, DownCause, Event, UnlinkCause};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::{Facts, Gossip, Incarnation, Load, Member, MemberState, NodeId, NodeName, View};
use dialer::Dialer;
use links::Link;
use roster::Roster;

/// Who is in the cluster, as one node sees it: a state machine without clock, without I/O and without failure.
///
/// Every node sends its heartbeat to a few others, which follow it on the ring of names, and passes on what it hears
/// to a few that chance picks, so that its messages do not grow with the cluster. Who watches a node and hears
/// nothing newer of it, from it or from others, asks for it and then declares that life of it dead; the word of that
/// wins everywhere over any heartbeat of that life. A node that hears it of itself begins a new life.
#[derive(Debug)]
pub struct Membership {
    config: MembershipConfig,
    id: NodeId,
    seeds: Vec<Seed>,
    rng: Pcg64Mcg,
    roster: Roster,
    links: BTreeMap<NodeName, Link>,
    dialer: Dialer,
    /// When the last step was.
    stepped: Duration,
    /// When anybody was heard last.
    heard: Duration,
    heartbeat_at: Duration,
    /// When urgent news may be passed on, if there is any.
    relay_at: Option<Duration>,
    relayed: Duration,
    /// How often it is still to be passed on.
    relays: u32,
    is_over: bool,
    actions: Vec<Action>,
}

/// An address where others may be found.
#[derive(Debug)]
struct Seed {
    address: String,
    /// Who answered there last.
    name: Option<NodeName>,
}

impl Membership {
    /// A node that knows nobody but the addresses where it may find others. `seed` decides whom it tells what first.
    pub fn new(config: MembershipConfig, id: NodeId, facts: Facts, seeds: Vec<String>, seed: u64) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let myself =
            Member { id: id.clone(), facts, state: MemberState::Alive, load: Load::default(), version: 0 };
        Self {
            // Nodes that start together do not speak together.
            heartbeat_at: config.heartbeat.mul_f64(rng.random_range(0.0..1.0)),
            config,
            id,
            seeds: seeds.into_iter().map(|address| Seed { address, name: None }).collect(),
            rng,
            roster: Roster::new(myself),
            links: BTreeMap::new(),
            dialer: Dialer::default(),
            stepped: Duration::ZERO,
            heard: Duration::ZERO,
            relay_at: None,
            relayed: Duration::ZERO,
            relays: 0,
            is_over: false,
            actions: Vec::new(),
        }
    }

    /// Hears what happened at a time since an arbitrary start, the same for all steps, and says what is to be done,
    /// in that order.
    pub fn step(&mut self, now: Duration, event: Event) -> Vec<Action> {
        if self.is_over {
            return Vec::new();
        }
        self.excuse_absence(now);
        match event {
            Event::Tick => self.tick(now),
            Event::Linked { peer, facts } => self.linked(now, peer, facts),
            Event::Unlinked { peer, cause } => self.unlinked(now, &peer, cause),
            Event::Reached { address, peer } => self.reached(now, &address, peer),
            Event::DialFailed { address, refused } => self.dial_failed(now, &address, refused),
            Event::Gossip { from, gossip } => self.hear(now, &from, gossip),
            Event::LoadChanged(load) => self.change_load(now, load),
            Event::Drain => self.drain(now),
            Event::Leave => self.leave(now),
        }
        self.relay(now);
        std::mem::take(&mut self.actions)
    }

    /// All that is known now.
    pub fn view(&self) -> View {
        let members = self.roster.entries().map(|entry| Arc::clone(&entry.member));
        let linked = self.links.keys().cloned();
        View {
            myself: self.id.name.clone(),
            members: members.map(|member| (member.name().clone(), member)).collect(),
            reachable: linked.chain([self.id.name.clone()]).collect(),
        }
    }

    fn tick(&mut self, now: Duration) {
        self.watch(now);
        self.pulse(now);
        self.dial(now);
        if let Some(before) = now.checked_sub(self.config.forget_after) {
            self.roster.forget(before);
        }
    }

    fn change_load(&mut self, now: Duration, load: Load) {
        self.set_own(now, |own| own.load = load.bounded());
    }

    fn drain(&mut self, now: Duration) {
        self.set_own(now, |own| {
            own.state = MemberState::Draining;
            own.version += 1;
        });
        self.hurry(now);
    }

    fn leave(&mut self, now: Duration) {
        self.set_own(now, |own| *own = Member { version: own.version + 1, ..own.ended(MemberState::Left) });
        let members = self.own().into_iter().collect();
        let gossip = Gossip { members, asks: Vec::new() };
        let peers: Vec<_> = self.links.keys().cloned().collect();
        for to in peers {
            self.send(to, gossip.clone());
        }
        self.is_over = true;
    }

    /// Others have declared this node dead, or may have done so for a life that it does not remember.
    fn be_reborn(&mut self, now: Duration, died: Incarnation) {
        self.id.incarnation = died.next();
        let id = self.id.clone();
        self.set_own(now, |own| {
            own.id = id;
            own.version += 1;
        });
        self.hurry(now);
        self.changed(Change::Reborn(self.id.clone()));
    }

    /// Another process has the name of this node.
    fn be_replaced(&mut self) {
        self.changed(Change::Down { id: self.id.clone(), cause: DownCause::Replaced });
        self.is_over = true;
    }

    /// What this node tells of itself.
    fn own(&self) -> Option<Arc<Member>> {
        self.roster.get(&self.id.name).map(|entry| Arc::clone(&entry.member))
    }

    fn set_own(&mut self, now: Duration, change: impl FnOnce(&mut Member)) {
        if let Some(own) = self.own() {
            let mut own = Arc::unwrap_or_clone(own);
            change(&mut own);
            self.roster.set(now, own);
        }
    }

    fn send(&mut self, to: NodeName, gossip: Gossip) {
        let is_empty = gossip.members.is_empty() && gossip.asks.is_empty();
        if !is_empty && self.links.contains_key(&to) {
            self.actions.push(Action::Send { to, gossip });
        }
    }

    fn changed(&mut self, change: Change) {
        self.actions.push(Action::Changed(change));
    }

    /// When this process was stopped, or its machine slept, the others were not silent: it was deaf.
    fn excuse_absence(&mut self, now: Duration) {
        let gap = now.saturating_sub(self.stepped);
        self.stepped = now;
        if gap <= self.config.heartbeat {
            return;
        }
        self.heard = if gap > self.config.dead_after { now } else { (self.heard + gap).min(now) };
        for entry in self.roster.entries_mut() {
            entry.silence.excuse(&self.config, gap, now);
        }
    }
}

#[cfg(test)]
mod tests;
