//! Lets as many spans wait to be sent as there is room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};

/// Stands in the number of waiting spans once the gate is closed.
const CLOSED: usize = usize::MAX;

/// Counts the spans from the moment they end until the collector has answered, so that each is counted once: by the
/// exporter, or by whoever closes the gate.
///
/// The queue behind it has at least the same room, and so never drops a span on its own.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    waiting: Arc<AtomicUsize>,
    room: usize,
}

impl Gate {
    pub(super) fn new(room: usize) -> Self {
        Self { waiting: Arc::default(), room }
    }

    /// Whether a span may come in.
    pub(super) fn enter(&self) -> bool {
        self.change(|waiting| (waiting < self.room).then_some(waiting + 1))
    }

    /// Whether spans went out that nobody has counted yet.
    pub(super) fn leave(&self, spans: usize) -> bool {
        self.change(|waiting| waiting.checked_sub(spans))
    }

    /// Lets no span in or out any more. The number of those that were inside.
    pub(super) fn close(&self) -> usize {
        match self.waiting.swap(CLOSED, AcqRel) {
            CLOSED => 0,
            inside => inside,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.waiting.load(Acquire) == CLOSED
    }

    fn change(&self, step: impl Fn(usize) -> Option<usize>) -> bool {
        let step = |waiting| if waiting == CLOSED { None } else { step(waiting) };
        self.waiting.fetch_update(AcqRel, Acquire, step).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_in_what_there_is_room_for() {
        let gate = Gate::new(2);
        assert!(gate.enter() && gate.enter() && !gate.enter());
        assert!(gate.leave(1) && gate.enter() && !gate.enter());
        assert!(!gate.is_closed());
        assert_eq!(gate.close(), 2);
        assert!(!gate.leave(2), "those were counted by who closed it");
        assert!(!gate.enter() && gate.is_closed());
        assert_eq!(gate.close(), 0);
    }
}
