//! The newest events of a job, for those who follow it from afar.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::event::JobEvent;

/// Events that are kept.
const KEPT: usize = 4_096;
/// Events that are handed out at once.
const HANDED_OUT: usize = 256;

/// How far somebody has followed a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The fencing token of the owner whose log it points into.
    pub(crate) token: i64,
    /// Number of the next event.
    pub(crate) next: u64,
}

/// The newest events of a job under one owner.
pub(crate) struct EventLog {
    token: i64,
    events: Mutex<Events>,
    grown: watch::Sender<u64>,
}

#[derive(Default)]
struct Events {
    /// Number of the oldest that is kept.
    first: u64,
    kept: VecDeque<JobEvent>,
}

impl EventLog {
    /// An empty log of the owner with this fencing token.
    pub(crate) fn new(token: i64) -> Self {
        Self { token, events: Mutex::default(), grown: watch::Sender::new(0) }
    }

    pub(crate) fn push(&self, event: JobEvent) {
        let mut events = self.lock();
        if events.kept.len() == KEPT {
            events.kept.pop_front();
            events.first += 1;
        }
        events.kept.push_back(event);
        let next = events.first + events.kept.len() as u64;
        drop(events);
        self.grown.send_replace(next);
    }

    /// The events from a cursor on and the cursor behind them; if there are none, those that come within `wait`. A
    /// cursor into the log of another owner begins anew, and one that has fallen too far behind misses the oldest.
    pub(crate) async fn since(&self, cursor: Cursor, wait: Duration) -> (Cursor, Vec<JobEvent>) {
        let from = if cursor.token == self.token { cursor.next } else { 0 };
        let mut grown = self.grown.subscribe();
        let _ = tokio::time::timeout(wait, grown.wait_for(|next| *next > from)).await;
        let events = self.lock();
        let skipped = from.saturating_sub(events.first) as usize;
        let out: Vec<JobEvent> = events.kept.iter().skip(skipped).take(HANDED_OUT).cloned().collect();
        let next = events.first.max(from) + out.len() as u64;
        (Cursor { token: self.token, next }, out)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64) -> JobEvent {
        JobEvent::Closing { evaluations: number }
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_hears_all_in_order_and_waits_for_more() {
        let log = EventLog::new(3);
        (0..300).for_each(|number| log.push(event(number)));
        let (cursor, first) = log.since(Cursor::default(), Duration::ZERO).await;
        let (cursor, second) = log.since(cursor, Duration::ZERO).await;
        let heard: Vec<JobEvent> = first.into_iter().chain(second).collect();
        assert_eq!(heard, (0..300).map(event).collect::<Vec<_>>());
        let (same, none) = log.since(cursor, Duration::from_secs(5)).await;
        assert_eq!((same, none), (cursor, vec![]));
        let (_, late) =
            tokio::join!(async { log.push(event(300)) }, log.since(cursor, Duration::from_secs(5)));
        assert_eq!(late.1, [event(300)]);
    }

    #[tokio::test]
    async fn who_falls_behind_misses_the_oldest_and_a_new_owner_begins_anew() {
        let log = EventLog::new(3);
        (0..5_000).for_each(|number| log.push(event(number)));
        let (cursor, heard) = log.since(Cursor { token: 3, next: 10 }, Duration::ZERO).await;
        assert_eq!(heard.first(), Some(&event(5_000 - KEPT as u64)));
        assert_eq!(cursor.next, 5_000 - KEPT as u64 + HANDED_OUT as u64);
        let other = EventLog::new(4);
        other.push(event(7));
        assert_eq!(other.since(cursor, Duration::ZERO).await.1, [event(7)]);
    }
}
