//! Who handles the messages of others.

use evohub_monitoring::traces::TraceContext;

use bytes::Bytes;

use crate::{Peer, Responder, Topic};

/// Who handles the messages of others.
///
/// The methods are called one after another, over all links, and heartbeats wait for them: they must hand the work on
/// and not block. A message counts as handled, and makes room for another, when its method returns. One that panics is
/// lost; the caller is told so.
pub trait Service: Send + Sync + 'static {
    /// Takes a message that has no answer. What a peer casts over a link comes in the order in which it was sent, but
    /// for messages larger than a quarter of a frame, which come when they are complete.
    fn cast(&self, from: &Peer, topic: Topic, context: TraceContext, body: Bytes);

    /// Takes a message that has an answer.
    fn call(&self, from: &Peer, topic: Topic, context: TraceContext, body: Bytes, answer: Responder);

    /// Hears that a peer is not linked any more. Nothing that is on its way to it will arrive.
    fn gone(&self, peer: &Peer) {
        let _ = peer;
    }
}
