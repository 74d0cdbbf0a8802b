//! How a call is answered.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::link::{Link, Outcome};

/// Answers one call. Dropped without an answer, it tells the caller that the call is lost.
pub struct Responder {
    to: Option<To>,
    deadline: Instant,
}

enum To {
    Peer { link: Arc<Link>, number: u64 },
    Myself(oneshot::Sender<Outcome>),
}

impl Responder {
    pub(crate) fn to_peer(link: Arc<Link>, number: u64, limit: Duration) -> Self {
        Self { to: Some(To::Peer { link, number }), deadline: Instant::now() + limit }
    }

    pub(crate) fn to_myself(waiting: oneshot::Sender<Outcome>, limit: Duration) -> Self {
        Self { to: Some(To::Myself(waiting)), deadline: Instant::now() + limit }
    }

    /// Until when the caller waits.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Answers, or refuses with the reason why.
    pub fn send(mut self, answer: Result<Bytes, String>) {
        self.finish(answer.map_or_else(Outcome::Refused, Outcome::Answer));
    }

    fn finish(&mut self, outcome: Outcome) {
        match self.to.take() {
            Some(To::Peer { link, number }) => link.answer(number, outcome),
            // A caller that is gone needs no answer.
            Some(To::Myself(waiting)) => drop(waiting.send(outcome)),
            None => {}
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.finish(Outcome::Lost);
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
