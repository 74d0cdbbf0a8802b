//! A link to a peer: one connection over which both have introduced themselves.

mod assembly;
mod calls;
mod outbox;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use evohub_monitoring::traces::TraceContext;
use ractor::ActorCell;
use ractor::message::SerializedMessage;

pub(crate) use assembly::Assembly;
pub(crate) use calls::{Calls, Outcome};
pub(crate) use outbox::{NoPlace, Outbox};

use crate::endpoint::{Endpoint, FAREWELL, Happening, stop_after};
use crate::wire::{Farewell, Frame, Kind, Letter, NotUnderstood, Parcel, read_gossip, write_gossip};
use crate::{
    CallError, Facts, Gossip, NodeId, Peer, Recipient, Responder, SendError, Topic, TransportLimits,
    UnlinkCause,
};

/// A link to a peer. It is there until it is closed from either side; what is sent after that is refused.
pub(crate) struct Link {
    peer: Peer,
    facts: Facts,
    /// Whether this end dialled.
    dialled: bool,
    /// The number of the dial at the end that dialled.
    dial: u64,
    since: Instant,
    endpoint: Arc<Endpoint>,
    route: Route,
    outbox: Mutex<Outbox>,
    inbox: Mutex<Inbox>,
    calls: Calls,
    /// When the peer was last heard, in milliseconds since the link stands.
    heard: AtomicU64,
    cause: Mutex<Option<UnlinkCause>>,
}

/// The way to the gateway of the other end.
#[derive(Debug)]
pub(crate) struct Route {
    /// What stands for the gateway of the other end here.
    pub(crate) gateway: ActorCell,
    /// The token of the link at the other end.
    pub(crate) token: u64,
    /// Our end of the connection. Stopped, it closes.
    pub(crate) session: ActorCell,
}

#[derive(Debug)]
struct Inbox {
    last: u64,
    assembly: Assembly,
}

impl Route {
    /// Sends over the connection, if it is still there; else nobody is there to read it.
    pub(crate) fn send(&self, letter: &Letter) {
        let args = letter.encode(self.token);
        let message = SerializedMessage::Cast { variant: String::new(), args, metadata: None };
        let _ = self.gateway.send_serialized(message);
    }
}

impl Link {
    pub(crate) fn new(
        endpoint: Arc<Endpoint>,
        peer: Peer,
        facts: Facts,
        (dialled, dial): (bool, u64),
        route: Route,
    ) -> Self {
        let limits = endpoint.limits().clone();
        Self {
            peer,
            facts,
            dialled,
            dial,
            since: Instant::now(),
            route,
            inbox: Mutex::new(Inbox { last: 0, assembly: Assembly::new(limits.message) }),
            outbox: Mutex::new(Outbox::new(limits)),
            calls: Calls::default(),
            heard: AtomicU64::new(0),
            cause: Mutex::default(),
            endpoint,
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The node at the other end.
    pub(crate) fn node(&self) -> Option<&NodeId> {
        match &self.peer {
            Peer::Node(id) => Some(id),
            Peer::Client(_) => None,
        }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// For how long the peer has been silent.
    pub(crate) fn silence(&self) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        self.since.elapsed().saturating_sub(heard)
    }

    /// Whether it takes the place of another link of the same life of the same peer. Both ends come to the same answer:
    /// where one has dialled twice, the later dial counts. Where both have dialled at the same time, that of the lower
    /// name counts. An end that dials while it has had a link for long has lost that link.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        if self.dialled == other.dialled {
            return self.dial > other.dial;
        }
        let settled = 2 * self.limits().handshake;
        if other.since.elapsed() > settled {
            return true;
        }
        let is_lower = match (self.endpoint.myself(), &self.peer) {
            (Peer::Node(myself), Peer::Node(peer)) => myself.name < peer.name,
            _ => true,
        };
        self.dialled == is_lower
    }

    fn limits(&self) -> &TransportLimits {
        self.endpoint.limits()
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to(&self) -> Recipient {
        Recipient::from(&self.peer)
    }

    /// Sends what may go now. The lock is held meanwhile, for the frames to leave in their order.
    fn flush(&self, outbox: &mut Outbox) {
        while let Some(frame) = outbox.next_frame(Instant::now()) {
            self.route.send(&Letter::Frame(frame));
        }
    }

    fn post(&self, parcel: Parcel) -> Result<(), SendError> {
        let (size, most) = (parcel.body.len(), self.limits().message);
        if size > most {
            return Err(SendError::TooLarge { to: self.to(), size, most });
        }
        let mut outbox = self.outbox();
        outbox.push(parcel).map_err(|problem| match problem {
            NoPlace::Closed => SendError::Unlinked { to: self.to() },
            NoPlace::Full => SendError::Full { to: self.to() },
        })?;
        self.flush(&mut outbox);
        Ok(())
    }

    /// Sends a message that has no answer.
    pub(crate) fn cast(&self, topic: Topic, context: &TraceContext, body: Bytes) -> Result<(), SendError> {
        let parcel = Parcel::new(Kind::Cast, 0, body).traced(context);
        self.post(Parcel { topic: topic.0.into(), ..parcel })
    }

    /// Sends a message and waits for its answer.
    pub(crate) async fn call(
        &self,
        topic: Topic,
        context: &TraceContext,
        body: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let mut ticket = self.calls.begin();
        let parcel = Parcel::new(Kind::Call, ticket.number, body).traced(context).within(limit);
        self.post(Parcel { topic: topic.0.into(), ..parcel })?;
        let outcome = tokio::time::timeout(limit, &mut ticket.outcome).await;
        let outcome = outcome.map_err(|_| CallError::TimedOut { to: self.to(), limit })?;
        outcome.unwrap_or(Outcome::Unlinked).into_answer(self.to())
    }

    /// Answers a call of the other end.
    pub(crate) fn answer(&self, number: u64, outcome: Outcome) {
        let parcel = match outcome {
            Outcome::Answer(body) => match self.post(Parcel::new(Kind::Answer, number, body)) {
                Ok(()) | Err(SendError::Unlinked { .. }) => return,
                // The caller must not wait in vain. There are no more of these than calls that it made.
                Err(problem) => Parcel::new(Kind::Refused, number, problem.to_string().into()),
            },
            Outcome::Refused(reason) => {
                let reason = reason.chars().take(1000).collect::<String>();
                Parcel::new(Kind::Refused, number, reason.into())
            }
            Outcome::Lost | Outcome::Unlinked => Parcel::new(Kind::Lost, number, Bytes::new()),
        };
        let mut outbox = self.outbox();
        outbox.force(parcel);
        self.flush(&mut outbox);
    }

    /// Tells the other end of the nodes.
    pub(crate) fn gossip(&self, gossip: &Gossip) {
        let mut outbox = self.outbox();
        for message in write_gossip(gossip) {
            outbox.push_urgent(Parcel::new(Kind::Gossip, 0, message));
        }
        self.flush(&mut outbox);
    }

    /// Asks for a sign of life; see [`is_stalled`](Self::is_stalled).
    pub(crate) fn ping(&self) {
        let mut outbox = self.outbox();
        outbox.push_urgent(Parcel::new(Kind::Ping, 0, Bytes::new()));
        self.flush(&mut outbox);
    }

    /// Whether the other end has left what it was sent for too long.
    pub(crate) fn is_stalled(&self) -> bool {
        let since = self.outbox().waits_since();
        since.is_some_and(|since| since.elapsed() > self.limits().stalled)
    }

    /// Whether all that was sent has been handled, and no call waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.calls.is_idle() && self.outbox().is_idle()
    }

    /// Takes a frame of the other end.
    ///
    /// # Errors
    /// When it is not of the protocol.
    pub(crate) fn receive(self: &Arc<Self>, frame: Frame) -> Result<(), NotUnderstood> {
        let heard = self.since.elapsed().as_millis();
        self.heard.store(u64::try_from(heard).unwrap_or(u64::MAX), Ordering::Relaxed);
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let (sequence, acknowledged) = (frame.sequence, frame.acknowledged);
        if sequence != 0 && sequence != inbox.last + 1 {
            return Err(NotUnderstood);
        }
        {
            let mut outbox = self.outbox();
            if !outbox.acknowledge(acknowledged) {
                return Err(NotUnderstood);
            }
            if sequence == 0 {
                self.flush(&mut outbox);
                return Ok(());
            }
            outbox.cork();
        }
        inbox.last = sequence;
        let bytes = frame.parcels.iter().map(Parcel::weight).sum();
        let handled = frame.parcels.into_iter().try_for_each(|parcel| match inbox.assembly.take(parcel)? {
            Some(whole) => self.handle(whole, bytes),
            None => Ok(()),
        });
        let mut outbox = self.outbox();
        outbox.uncork(sequence);
        self.flush(&mut outbox);
        handled
    }

    fn handle(self: &Arc<Self>, mut parcel: Parcel, frame: usize) -> Result<(), NotUnderstood> {
        // A small body that is kept must not keep all of its frame.
        if parcel.size == 0 && parcel.body.len() < frame / 2 {
            parcel.body = Bytes::copy_from_slice(&parcel.body);
        }
        let topic = Topic(u16::try_from(parcel.topic).map_err(|_| NotUnderstood)?);
        let service = self.endpoint.service();
        match parcel.kind() {
            Kind::Cast => {
                self.guard(|| service.cast(&self.peer, topic, parcel.context(), parcel.body.clone()))
            }
            Kind::Call => {
                let limit = Duration::from_millis(parcel.limit.into());
                let answer = Responder::to_peer(Arc::clone(self), parcel.number, limit);
                self.guard(|| service.call(&self.peer, topic, parcel.context(), parcel.body.clone(), answer));
            }
            Kind::Answer => self.end(parcel.number, Outcome::Answer(parcel.body)),
            Kind::Refused => {
                let reason = String::from_utf8_lossy(&parcel.body).into_owned();
                self.end(parcel.number, Outcome::Refused(reason));
            }
            Kind::Lost => self.end(parcel.number, Outcome::Lost),
            Kind::Gossip => {
                let from = self.node().ok_or(NotUnderstood)?.name.clone();
                let gossip = read_gossip(parcel.body)?;
                self.endpoint.tell(Happening::Gossip { from, gossip });
            }
            Kind::Ping => {}
            Kind::Piece => return Err(NotUnderstood),
        }
        Ok(())
    }

    fn guard(&self, handle: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(handle)).is_err() {
            tracing::error!(peer = %self.peer, "a message was lost: its handler panicked");
        }
    }

    fn end(&self, number: u64, outcome: Outcome) {
        if !self.calls.end(number, outcome) {
            self.endpoint.metrics().cluster.late_answer();
        }
    }

    /// Closes the link from this end, and tells the other why.
    pub(crate) fn close(&self, cause: UnlinkCause, reason: &str) {
        if self.shut(cause) {
            self.route.send(&Letter::Farewell(Farewell { reason: reason.to_owned() }));
            stop_after(self.route.session.clone(), FAREWELL);
        }
    }

    /// Closes the link since the other end does.
    pub(crate) fn closed_by_peer(&self) {
        self.shut(UnlinkCause::Closed);
        self.route.session.stop(None);
    }

    /// Takes nothing more, and ends all calls. Says whether it was open.
    pub(crate) fn shut(&self, cause: UnlinkCause) -> bool {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
        let was_open = self.outbox().close();
        self.calls.close();
        was_open
    }

    /// How it ended.
    pub(crate) fn cause(&self) -> UnlinkCause {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(UnlinkCause::Closed)
    }
}

impl Outcome {
    /// As the caller hears it.
    pub(crate) fn into_answer(self, to: Recipient) -> Result<Bytes, CallError> {
        match self {
            Self::Answer(body) => Ok(body),
            Self::Refused(reason) => Err(CallError::Refused { to, reason }),
            Self::Lost => Err(CallError::Lost { to }),
            Self::Unlinked => Err(CallError::Unlinked { to }),
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("peer", &self.peer)
            .field("dialled", &self.dialled)
            .finish_non_exhaustive()
    }
}
