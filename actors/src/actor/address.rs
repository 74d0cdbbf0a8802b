//! Where messages for an actor are sent.

use std::time::Duration;

use evohub_monitoring::metrics::Mailbox;
use evohub_monitoring::traces::TraceContext;
use ractor::{ACTIVE_STATES, ActorCell, ActorId, ActorRef, RpcReplyPort};

use super::envelope::{Envelope, Message};

/// Where messages for an actor are sent. Cheap to clone.
pub(crate) struct Address<M> {
    inner: ActorRef<Envelope<M>>,
    mailbox: Mailbox,
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), mailbox: self.mailbox.clone() }
    }
}

impl<M: Message> Address<M> {
    pub(super) fn new(inner: ActorRef<Envelope<M>>, mailbox: Mailbox) -> Self {
        Self { inner, mailbox }
    }

    /// Sends a message. An actor that is gone gets it as little as one that dies before it comes to it: whoever needs
    /// an answer brings a reply that says so when it is dropped.
    pub(crate) fn send(&self, message: M) {
        // The envelope comes back with the error, and is counted as a dead letter when it is dropped.
        let _ = self.inner.cast(Envelope::seal(message, &self.mailbox, TraceContext::default()));
    }

    /// The same for a message that begins something: what it begins belongs to the sender's trace.
    pub(crate) fn send_in_trace(&self, message: M) {
        let _ = self.inner.cast(Envelope::seal(message, &self.mailbox, TraceContext::current()));
    }

    /// Sends a message in the sender's trace and waits for the answer, for as long as the actor is there where there is
    /// no limit. `None`: it did not come in time, or the actor is gone.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        message: impl FnOnce(RpcReplyPort<T>) -> M,
        limit: Option<Duration>,
    ) -> Option<T> {
        let seal = |reply| Envelope::seal(message(reply), &self.mailbox, TraceContext::current());
        self.inner.call(seal, limit).await.ok()?.success_or(()).ok()
    }

    /// Sends a message later, if the actor is still there.
    pub(crate) fn send_after(&self, delay: Duration, message: impl FnOnce() -> M + Send + 'static) {
        let address = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if address.is_alive() {
                address.send(message());
            }
        });
    }

    /// Sends a message again and again, as long as the actor is there.
    pub(crate) fn send_every(&self, period: Duration, message: impl Fn() -> M + Send + 'static) {
        let address = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                if !address.is_alive() {
                    return;
                }
                address.send(message());
            }
        });
    }

    /// Ends the actor as planned, after the message it is at.
    pub(crate) fn stop(&self) {
        self.mailbox.retire();
        self.inner.stop(None);
    }

    /// The same, and waits for its end.
    pub(crate) async fn stop_and_wait(&self, limit: Duration) {
        self.mailbox.retire();
        let _ = self.inner.stop_and_wait(None, Some(limit)).await;
    }

    pub(crate) fn id(&self) -> ActorId {
        self.inner.get_id()
    }

    pub(crate) fn cell(&self) -> ActorCell {
        self.inner.get_cell()
    }

    fn is_alive(&self) -> bool {
        ACTIVE_STATES.contains(&self.inner.get_status())
    }
}
