//! For how long nothing was heard of a node.

use std::time::Duration;

use crate::MembershipConfig;

/// For how long nothing was heard of a node, and how often it was asked for since.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    heard: Duration,
    asked: u32,
    ask_at: Duration,
}

/// Whom to ask for a node that is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// The node itself.
    Itself,
    /// Those round it too: perhaps it is only this node that cannot hear it.
    Neighbours,
}

impl Silence {
    /// How often a node is asked for, a heartbeat apart, before it is declared dead.
    const QUESTIONS: u32 = 3;

    /// Begins with a sign of life.
    pub(super) fn new(now: Duration) -> Self {
        Self { heard: now, asked: 0, ask_at: Duration::ZERO }
    }

    /// There was a sign of life.
    pub(super) fn broken(&mut self, now: Duration) {
        self.heard = now;
        self.asked = 0;
    }

    /// This node was not there for a while, so that it is not the fault of others that nothing was heard of them.
    pub(super) fn excuse(&mut self, config: &MembershipConfig, gap: Duration, now: Duration) {
        self.heard = if gap > config.dead_after { now } else { (self.heard + gap).min(now) };
        self.asked = 0;
    }

    /// Whether it has lasted so long that others cannot be expected to hear the node either.
    pub(super) fn is_long(&self, config: &MembershipConfig, now: Duration) -> bool {
        now.saturating_sub(self.heard) > config.dead_after
    }

    /// Whether it means that the node is dead: it has lasted long, and there was time to answer all questions.
    pub(super) fn is_deadly(&self, config: &MembershipConfig, now: Duration) -> bool {
        let questions = self.asked + u32::from(self.asked > 0 && now >= self.ask_at);
        self.is_long(config, now) && questions > Self::QUESTIONS
    }

    /// Whom to ask for the node now, if anybody, by one who watches it: two heartbeats have been missed.
    pub(super) fn ask(&mut self, config: &MembershipConfig, now: Duration) -> Option<Asking> {
        if now.saturating_sub(self.heard) < config.heartbeat * 5 / 2 || (self.asked > 0 && now < self.ask_at)
        {
            return None;
        }
        self.ask_at = now + config.heartbeat;
        self.asked = self.asked.saturating_add(1);
        Some(if self.asked == 1 { Asking::Itself } else { Asking::Neighbours })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// The time of the verdict of one who watches from a time on, looking every 10 ms.
    fn verdict(silence: &mut Silence, from: Duration) -> Duration {
        let config = MembershipConfig::default();
        let mut now = from;
        while !silence.is_deadly(&config, now) {
            silence.ask(&config, now);
            now += at(10);
        }
        now
    }

    #[test]
    fn is_deadly_after_three_seconds_to_who_watched() {
        let mut silence = Silence::new(at(0));
        silence.broken(at(1000));
        assert!((at(4001)..at(4300)).contains(&verdict(&mut silence, at(1000))));
    }

    #[test]
    fn who_begins_to_watch_a_silent_node_asks_first() {
        let config = MembershipConfig::default();
        let mut silence = Silence::new(at(0));
        assert!(silence.is_long(&config, at(9000)) && !silence.is_deadly(&config, at(9000)));
        assert_eq!(silence.ask(&config, at(9000)), Some(Asking::Itself));
        assert_eq!(silence.ask(&config, at(9400)), None);
        assert_eq!(silence.ask(&config, at(9500)), Some(Asking::Neighbours));
        assert_eq!(verdict(&mut silence, at(9500)), at(10_500));
        silence.broken(at(10_500));
        assert!(!silence.is_deadly(&config, at(20_000)), "questions that were answered do not count");
    }

    #[test]
    fn the_time_in_which_this_node_was_away_does_not_count() {
        let config = MembershipConfig::default();
        let mut silence = Silence::new(at(0));
        silence.excuse(&config, at(2000), at(3500));
        assert!((at(5001)..at(5300)).contains(&verdict(&mut silence, at(3500))));
        silence.excuse(&config, at(60_000), at(65_000));
        assert!((at(68_001)..at(68_300)).contains(&verdict(&mut silence, at(65_000))));
    }
}
