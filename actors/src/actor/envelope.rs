//! What a message travels in.

use evohub_monitoring::metrics::{Handling, Mailbox, Ticket};
use evohub_monitoring::traces::TraceContext;

/// A message of an actor of ours.
pub(crate) trait Message: Send + 'static {
    /// The kind of the message, for metrics.
    fn kind(&self) -> &'static str;
}

impl<M: Send + 'static> Message for M
where
    for<'a> &'a M: Into<&'static str>,
{
    fn kind(&self) -> &'static str {
        self.into()
    }
}

/// A message under way, counted in its mailbox.
pub(crate) struct Envelope<M> {
    message: M,
    context: TraceContext,
    ticket: Ticket,
}

/// No message of ours leaves the process as it is: what goes to other nodes has a form of its own.
impl<M: Message> ractor::Message for Envelope<M> {}

/// A message that has arrived.
pub(crate) struct Letter<M> {
    pub(crate) message: M,
    /// The trace that what it begins belongs to; empty where it begins nothing.
    pub(crate) context: TraceContext,
}

impl<M: Message> Envelope<M> {
    /// Seals a message, with the trace that what it begins belongs to.
    pub(super) fn seal(message: M, mailbox: &Mailbox, context: TraceContext) -> Self {
        let ticket = mailbox.seal(message.kind());
        Self { message, context, ticket }
    }

    /// The message, and the guard of its handling.
    pub(super) fn open(self) -> (Letter<M>, Handling) {
        (Letter { message: self.message, context: self.context }, self.ticket.open())
    }
}
