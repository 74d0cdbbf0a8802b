//! Who has fallen silent.

use std::collections::BTreeMap;
use std::time::Duration;

use super::silence::Asking;
use super::{DownCause, Membership};
use crate::{Gossip, NodeName};

impl Membership {
    /// Asks for those that were not heard of, and declares dead those that were not heard of for too long.
    pub(super) fn watch(&mut self, now: Duration) {
        let mut asks: Vec<(NodeName, Asking)> = Vec::new();
        let mut dead = Vec::new();
        for name in self.watched(now) {
            let Some(entry) = self.roster.get_mut(&name) else { continue };
            if entry.silence.is_deadly(&self.config, now) {
                dead.push(name);
            } else if asks.len() < Gossip::MAX_ASKED
                && let Some(asking) = entry.silence.ask(&self.config, now)
            {
                asks.push((name, asking));
            }
        }
        self.ask(asks);
        for name in self.verdicts(now, dead) {
            self.declare_dead(now, &name, DownCause::Silent);
        }
    }

    /// Whom this node watches: those that precede it on the ring, as many as are to watch a node. The silent ones
    /// among them do not count, since they do not watch those before them.
    fn watched(&self, now: Duration) -> Vec<NodeName> {
        let mut watched = Vec::new();
        let mut awake = 0;
        for entry in self.roster.predecessors(&self.id.name).filter(|entry| entry.member.is_living()) {
            watched.push(entry.member.name().clone());
            awake += usize::from(!entry.silence.is_long(&self.config, now));
            if awake == self.config.monitors {
                break;
            }
        }
        watched
    }

    /// Who of those that fell silent is to be declared dead now. A node that hears nobody at all may itself be the
    /// one that is cut off: it waits until it has heard nobody for long enough to give up all links at once, so that
    /// it does not tell those who can still hear it that the others are dead.
    fn verdicts(&self, now: Duration, silent: Vec<NodeName>) -> Vec<NodeName> {
        let deaf_for = now.saturating_sub(self.heard);
        if deaf_for <= self.config.dead_after / 2 {
            return silent;
        }
        if deaf_for <= self.config.dead_after {
            return Vec::new();
        }
        let others = self.roster.entries().filter(|entry| entry.member.is_living());
        others.map(|entry| entry.member.name().clone()).filter(|name| *name != self.id.name).collect()
    }

    fn ask(&mut self, asks: Vec<(NodeName, Asking)>) {
        let mut questions: BTreeMap<NodeName, Vec<NodeName>> = BTreeMap::new();
        for (name, asking) in asks {
            let neighbours = match asking {
                Asking::Itself if self.links.contains_key(&name) => 0,
                _ => 2 * self.config.monitors,
            };
            let around = self.roster.successors(&name).map(|entry| entry.member.name());
            let others = around.filter(|other| self.links.contains_key(*other)).take(neighbours);
            for to in [&name].into_iter().chain(others) {
                questions.entry(to.clone()).or_default().push(name.clone());
            }
        }
        for (to, asks) in questions {
            self.send(to, Gossip { members: Vec::new(), asks });
        }
    }
}
