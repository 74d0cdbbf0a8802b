//! The nodes that are known.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::silence::Silence;
use crate::{Gossip, Member, MemberState, NodeName};

/// The nodes that are known, the one that knows them included, and which of them to tell others about next.
#[derive(Debug)]
pub(super) struct Roster {
    entries: BTreeMap<NodeName, Entry>,
    /// Counts what was told, so that what was told longest ago can be found.
    tellings: u64,
}

/// A node, and what goes on about it.
#[derive(Debug)]
pub(super) struct Entry {
    /// The newest that is known of it.
    pub(super) member: Arc<Member>,
    /// For how long nothing was heard of it.
    pub(super) silence: Silence,
    /// When its link broke; `None` while it is linked, and when it never was in this life.
    pub(super) broke: Option<Duration>,
    /// When it was learned that it left or died.
    pub(super) ended: Option<Duration>,
    /// Whether nobody listens at its address since it left or died.
    pub(super) is_deserted: bool,
    /// To how many more nodes its state is told before anything else.
    urgency: u32,
    /// When it was told last, in tellings.
    told: u64,
    /// Whether something newer came since it was told last.
    is_untold: bool,
}

/// What became of something heard about a node.
#[derive(Debug)]
pub(super) enum Heard {
    /// A life or a state that was not known. What was known before, if anything.
    News(Option<Arc<Member>>),
    /// A newer heartbeat.
    Heartbeat,
    /// Nothing new.
    Known,
    /// Who told it should be told better.
    Outdated,
}

impl Entry {
    fn new(now: Duration, member: Arc<Member>) -> Self {
        Self {
            ended: (!member.is_living()).then_some(now),
            member,
            silence: Silence::new(now),
            broke: None,
            is_deserted: false,
            urgency: 0,
            told: 0,
            is_untold: true,
        }
    }
}

impl Roster {
    /// The most names of jobs, islands and actors that one message tells, so that no message gets large.
    const MAX_NAMES: usize = 4096;

    /// Knows one node, that which knows it.
    pub(super) fn new(myself: Member) -> Self {
        let mut roster = Self { entries: BTreeMap::new(), tellings: 0 };
        roster.set(Duration::ZERO, myself);
        roster
    }

    /// What is known of a node.
    pub(super) fn get(&self, name: &NodeName) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// What is known of a node, to change what goes on about it.
    pub(super) fn get_mut(&mut self, name: &NodeName) -> Option<&mut Entry> {
        self.entries.get_mut(name)
    }

    /// All nodes, by name.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// All nodes, by name, to change what goes on about them.
    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.values_mut()
    }

    /// The other nodes in the order in which they follow a node on the ring of names.
    pub(super) fn successors(&self, name: &NodeName) -> impl Iterator<Item = &Entry> {
        let after = self.entries.range((Bound::Excluded(name.clone()), Bound::Unbounded));
        let before = self.entries.range(..name.clone());
        after.chain(before).map(|(_, entry)| entry)
    }

    /// The other nodes in the order in which they precede a node on the ring of names.
    pub(super) fn predecessors(&self, name: &NodeName) -> impl Iterator<Item = &Entry> {
        let before = self.entries.range(..name.clone());
        let after = self.entries.range((Bound::Excluded(name.clone()), Bound::Unbounded));
        before.rev().chain(after.rev()).map(|(_, entry)| entry)
    }

    /// Replaces what is known of a node by something newer.
    pub(super) fn set(&mut self, now: Duration, member: impl Into<Arc<Member>>) {
        let member = member.into();
        let urgency = 3 * (self.entries.len() + 1).next_power_of_two().ilog2().max(1);
        let name = member.name().clone();
        match self.entries.get_mut(&name) {
            Some(entry) if entry.member.standing() == member.standing() => {
                entry.member = member;
                entry.is_untold = true;
            }
            Some(entry) if entry.member.id == member.id => {
                entry.ended = (!member.is_living()).then_some(now);
                entry.member = member;
                entry.urgency = urgency;
            }
            _ => {
                let entry = Entry { urgency, ..Entry::new(now, member) };
                self.entries.insert(name, entry);
            }
        }
    }

    /// Takes over what was told of another node, if it is newer.
    pub(super) fn hear(&mut self, now: Duration, member: &Arc<Member>) -> Heard {
        let known = self.entries.get(member.name()).map(|entry| Arc::clone(&entry.member));
        let heard = match &known {
            Some(known) if known.standing() > member.standing() => return Heard::Outdated,
            Some(known) if !member.supersedes(known) => return Heard::Known,
            Some(known) if known.standing() == member.standing() => Heard::Heartbeat,
            _ => Heard::News(known),
        };
        self.set(now, Arc::clone(member));
        if let Some(entry) = self.entries.get_mut(member.name()) {
            entry.silence.broken(now);
        }
        heard
    }

    /// Forgets those who left or died before a time.
    pub(super) fn forget(&mut self, before: Duration) {
        self.entries.retain(|_, entry| entry.ended.is_none_or(|ended| ended >= before));
    }

    /// What to tell some nodes: first what is urgent, then what is newer than when it was told, longest ago first.
    /// Those who left or died are told of while that is news, and to who does not know it.
    pub(super) fn news(&mut self, myself: &NodeName, nodes: usize) -> Vec<Arc<Member>> {
        let told =
            self.pick(myself, |entry| entry.urgency > 0 || (entry.is_untold && entry.member.is_living()));
        self.tell(&told, nodes, false);
        told
    }

    /// What to tell some nodes at once, if anything.
    pub(super) fn urgent(&mut self, myself: &NodeName, nodes: usize) -> Vec<Arc<Member>> {
        let told = self.pick(myself, |entry| entry.urgency > 0);
        self.tell(&told, nodes, false);
        told
    }

    /// What to tell a node that may know nothing yet.
    pub(super) fn introduction(&mut self, myself: &NodeName, peer: &NodeName) -> Vec<Arc<Member>> {
        let told = self.pick(myself, |entry| {
            entry.urgency > 0 || entry.member.is_living() || entry.member.name() == peer
        });
        self.tell(&told, 1, true);
        told
    }

    fn pick(&self, myself: &NodeName, is_worth_telling: impl Fn(&Entry) -> bool) -> Vec<Arc<Member>> {
        let others = self.entries.values().filter(|entry| entry.member.name() != myself);
        let mut worth: Vec<&Entry> = others.filter(|entry| is_worth_telling(entry)).collect();
        worth.sort_by_key(|entry| (std::cmp::Reverse(entry.urgency), entry.told));
        let mut names = 0;
        let mut told: Vec<_> =
            self.entries.get(myself).map(|own| Arc::clone(&own.member)).into_iter().collect();
        for entry in worth.into_iter().take(Gossip::MAX_MEMBERS - told.len()) {
            names += entry.member.load.names();
            if names > Self::MAX_NAMES {
                break;
            }
            told.push(Arc::clone(&entry.member));
        }
        told
    }

    /// Notes what was told to how many nodes. What only newcomers were told is still news to others.
    fn tell(&mut self, told: &[Arc<Member>], nodes: usize, only_newcomers: bool) {
        for member in told {
            self.tellings += 1;
            let Some(entry) = self.entries.get_mut(member.name()) else { continue };
            entry.urgency = entry.urgency.saturating_sub(u32::try_from(nodes).unwrap_or(u32::MAX));
            entry.told = self.tellings;
            entry.is_untold &= only_newcomers;
        }
    }

    /// Ends the life of a node, if this is the life that it has, and says whether it did.
    pub(super) fn end(&mut self, now: Duration, name: &NodeName, state: MemberState) -> Option<Arc<Member>> {
        let member = self.entries.get(name).filter(|entry| entry.member.is_living())?.member.ended(state);
        self.set(now, member);
        self.entries.get(name).map(|entry| Arc::clone(&entry.member))
    }
}
