//! Calls that wait for their answers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered.
    Answer(Bytes),
    /// It was refused, and why.
    Refused(String),
    /// It was dropped.
    Lost,
    /// The link went.
    Unlinked,
}

/// Calls over one link that wait for their answers.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    callers: HashMap<u64, oneshot::Sender<Outcome>>,
    is_closed: bool,
}

/// A call that waits for its answer. Dropped, it waits no more.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    pub(crate) number: u64,
    pub(crate) outcome: oneshot::Receiver<Outcome>,
    calls: &'a Calls,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another call. Its outcome is there at once when the link is closed.
    pub(crate) fn begin(&self) -> Ticket<'_> {
        let (answer, outcome) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.last += 1;
        let number = waiting.last;
        if waiting.is_closed {
            // The receiver is held by this very function.
            let _ = answer.send(Outcome::Unlinked);
        } else {
            waiting.callers.insert(number, answer);
        }
        Ticket { number, outcome, calls: self }
    }

    /// Says what became of a call, and whether anybody waited for that.
    pub(crate) fn end(&self, number: u64, outcome: Outcome) -> bool {
        let caller = self.lock().callers.remove(&number);
        caller.is_some_and(|caller| caller.send(outcome).is_ok())
    }

    /// Ends all calls, those that are yet to begin included.
    pub(crate) fn close(&self) {
        let callers = {
            let mut waiting = self.lock();
            waiting.is_closed = true;
            std::mem::take(&mut waiting.callers)
        };
        for (_, caller) in callers {
            // A caller that is gone needs no answer.
            let _ = caller.send(Outcome::Unlinked);
        }
    }

    /// Whether nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().callers.is_empty()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.calls.lock().callers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_callers() {
        let calls = Calls::default();
        let (mut first, second) = (calls.begin(), calls.begin());
        assert!(calls.end(first.number, Outcome::Lost));
        assert_eq!(first.outcome.try_recv(), Ok(Outcome::Lost));
        let late = second.number;
        drop((first, second));
        assert!(calls.is_idle());
        assert!(!calls.end(late, Outcome::Lost), "nobody waits any more");
    }

    #[test]
    fn all_end_with_the_link() {
        let calls = Calls::default();
        let mut before = calls.begin();
        calls.close();
        let mut after = calls.begin();
        assert_eq!(before.outcome.try_recv(), Ok(Outcome::Unlinked));
        assert_eq!(after.outcome.try_recv(), Ok(Outcome::Unlinked));
    }
}
