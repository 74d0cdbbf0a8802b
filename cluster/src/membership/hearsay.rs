//! What others tell, and what follows from it.

use std::sync::Arc;
use std::time::Duration;

use super::roster::Heard;
use super::{Change, DownCause, Membership};
use crate::{Gossip, Member, MemberState, NodeName};

impl Membership {
    pub(super) fn hear(&mut self, now: Duration, from: &NodeName, gossip: Gossip) {
        self.heard = now;
        let mut answer = Vec::new();
        for member in gossip.members {
            if *member.name() == self.id.name {
                self.hear_of_myself(now, &member, &mut answer);
                if self.is_over {
                    return;
                }
            } else {
                self.hear_of_other(now, member, &mut answer);
            }
        }
        for name in &gossip.asks {
            answer.extend(self.roster.get(name).map(|entry| Arc::clone(&entry.member)));
        }
        // Who speaks lives, even if what it says is no news.
        if let Some(entry) = self.roster.get_mut(from) {
            entry.silence.broken(now);
        }
        answer.truncate(Gossip::MAX_MEMBERS);
        self.send(from.clone(), Gossip { members: answer, asks: Vec::new() });
    }

    fn hear_of_myself(&mut self, now: Duration, member: &Member, answer: &mut Vec<Arc<Member>>) {
        let (mine, theirs) = (self.id.incarnation, member.id.incarnation);
        if theirs.boot > mine.boot {
            self.be_replaced();
        } else if theirs > mine || (theirs == mine && !member.is_living()) {
            self.be_reborn(now, theirs);
            answer.extend(self.own());
        } else if theirs < mine {
            answer.extend(self.own());
        }
    }

    fn hear_of_other(&mut self, now: Duration, member: Arc<Member>, answer: &mut Vec<Arc<Member>>) {
        match self.roster.hear(now, &member) {
            Heard::News(before) => self.follow(now, before, &member, DownCause::Told),
            Heard::Outdated => {
                answer.extend(self.roster.get(member.name()).map(|entry| Arc::clone(&entry.member)))
            }
            Heard::Heartbeat | Heard::Known => {}
        }
    }

    /// Takes in what this node found out by itself.
    pub(super) fn learn(&mut self, now: Duration, member: Arc<Member>) {
        if let Heard::News(before) = self.roster.hear(now, &member) {
            self.follow(now, before, &member, DownCause::Told);
        }
    }

    /// Ends the life of a member, and says so.
    pub(super) fn declare_dead(&mut self, now: Duration, name: &NodeName, cause: DownCause) {
        let before = self.roster.get(name).map(|entry| Arc::clone(&entry.member));
        if let Some(member) = self.roster.end(now, name, MemberState::Dead) {
            self.follow(now, before, &member, cause);
        }
    }

    /// Does what follows from a new life or a new state of a member.
    fn follow(&mut self, now: Duration, before: Option<Arc<Member>>, after: &Arc<Member>, death: DownCause) {
        self.hurry(now);
        let before = before.filter(|member| member.is_living());
        if let Some(before) = &before
            && (before.id != after.id || !after.is_living())
        {
            let cause = match after.state {
                _ if before.id != after.id => DownCause::Replaced,
                MemberState::Left => DownCause::Left,
                _ => death,
            };
            self.close_after(before, after, cause);
            self.changed(Change::Down { id: before.id.clone(), cause });
        }
        if !after.is_living() {
            return;
        }
        if before.as_ref().is_none_or(|before| before.id != after.id) {
            self.changed(Change::Up(after.id.clone()));
        }
        if after.state == MemberState::Draining {
            self.changed(Change::Draining(after.id.clone()));
        }
    }

    /// Closes the link of a life that has ended, so that calls over it fail at once. When the process goes on in a
    /// new life, so does the link.
    fn close_after(&mut self, before: &Member, after: &Member, cause: DownCause) {
        let boot = before.id.incarnation.boot;
        if after.is_living() && after.id.incarnation.boot == boot {
            return;
        }
        if self.links.get(before.name()).is_some_and(|link| link.peer.incarnation.boot == boot)
            && let Some(link) = self.links.remove(before.name())
        {
            self.unlink(link.peer, format!("{} is down: {}", before.id, cause.as_str()));
        }
    }
}
