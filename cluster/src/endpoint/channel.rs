//! One connection, from its first byte to its last.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ractor::ActorCell;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{Endpoint, Failure, Happening, tls};
use crate::link::{Link, Route};
use crate::wire::{Farewell, Hello, Letter, NotUnderstood};
use crate::{Peer, UnlinkCause};

/// Messages that may arrive before this end has the way back, when the other end was quicker.
const MOST_EARLY: usize = 64;

/// How long the other end may take to read why it is refused.
pub(crate) const FAREWELL: Duration = Duration::from_millis(100);

/// Who made a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// This end, at this address; the number counts its dials.
    Dialled { address: String, dial: u64 },
    /// The other end.
    Accepted,
}

/// One connection: at first a stranger, who has to prove that it belongs here, then a link.
#[derive(Debug)]
pub(super) struct Channel {
    endpoint: Arc<Endpoint>,
    /// What the messages of the other end carry.
    token: u64,
    peer: SocketAddr,
    origin: Origin,
    /// What the other end showed.
    certificate: Option<CertificateDer<'static>>,
    session: OnceLock<ActorCell>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Opening(Box<Opening>),
    Open(Arc<Link>),
    Shut,
}

#[derive(Debug, Default)]
struct Opening {
    route: Option<Route>,
    hello: Option<Hello>,
    early: Vec<Bytes>,
    failure: Option<Failure>,
    /// Its place among those that have not proved themselves.
    _place: Option<OwnedSemaphorePermit>,
}

impl Channel {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        peer: SocketAddr,
        origin: Origin,
        certificate: Option<CertificateDer<'static>>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            endpoint,
            token: rand::random(),
            peer,
            origin,
            certificate,
            session: OnceLock::new(),
            state: Mutex::new(State::Opening(Box::new(Opening { _place: place, ..Opening::default() }))),
        }
    }

    pub(super) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    pub(super) fn token(&self) -> u64 {
        self.token
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn is_dialled(&self) -> bool {
        matches!(self.origin, Origin::Dialled { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session that holds the connection, to be stopped with it.
    pub(super) fn attach(&self, session: ActorCell) {
        // It is attached once, when it starts.
        let _ = self.session.set(session);
    }

    /// Closes the connection.
    pub(super) fn stop(&self) {
        if let Some(session) = self.session.get() {
            session.stop(None);
        }
    }

    /// Both ends know the cookie, and this is the way to the other.
    pub(super) fn routed(self: &Arc<Self>, route: Route) {
        let dial = match self.origin {
            Origin::Dialled { dial, .. } => dial,
            Origin::Accepted => 0,
        };
        let protocol = self.endpoint.protocol;
        let hello = Hello { protocol, ..Hello::new(&self.endpoint.myself(), self.endpoint.facts(), dial) };
        route.send(&Letter::Hello(hello));
        let mut state = self.state();
        if let State::Opening(opening) = &mut *state {
            opening.route = Some(route);
            self.go_on(&mut state);
        }
    }

    /// Takes a message of the other end.
    pub(super) fn receive(self: &Arc<Self>, message: Bytes) {
        let mut state = self.state();
        match &mut *state {
            State::Shut => {}
            State::Open(link) => {
                let link = Arc::clone(link);
                drop(state);
                if handle(&link, message).is_err() {
                    self.violated(&link);
                }
            }
            State::Opening(opening) if opening.hello.is_some() => {
                if opening.early.len() < MOST_EARLY {
                    opening.early.push(message);
                } else {
                    self.fail(&mut state, Failure::Garbage);
                }
            }
            State::Opening(opening) => match Letter::decode(message) {
                Ok(Letter::Hello(hello)) => {
                    opening.hello = Some(hello);
                    self.go_on(&mut state);
                }
                Ok(Letter::Farewell(Farewell { reason })) => self.fail(&mut state, Failure::Told(reason)),
                Ok(Letter::Frame(_)) | Err(NotUnderstood) => self.fail(&mut state, Failure::Garbage),
            },
        }
    }

    /// Makes a link of it when all that it takes is there.
    fn go_on(self: &Arc<Self>, state: &mut State) {
        let State::Opening(opening) = state else { return };
        let Some(hello) = &opening.hello else { return };
        let peer = match self.judge(hello) {
            Ok(peer) => peer,
            Err(failure) => return self.fail(state, failure),
        };
        let Some(route) = opening.route.take() else { return };
        let (dialled, address) = match &self.origin {
            Origin::Dialled { address, dial } => ((true, *dial), Some(address.clone())),
            Origin::Accepted => ((false, hello.dial), None),
        };
        let early = std::mem::take(&mut opening.early);
        let link = Arc::new(Link::new(Arc::clone(&self.endpoint), peer, hello.facts(), dialled, route));
        *state = State::Open(Arc::clone(&link));
        // It has its place before its first message is handled: whoever handles that may answer.
        self.endpoint.links.admit(&link, self.endpoint.limits.clients, |admission| {
            self.endpoint.tell(Happening::Opened { link: Arc::clone(&link), address, admission });
        });
        if early.into_iter().any(|message| handle(&link, message).is_err()) {
            self.violated(&link);
        }
    }

    /// Who the other end is, if it may be.
    pub(super) fn judge(&self, hello: &Hello) -> Result<Peer, Failure> {
        let ours = self.endpoint.protocol;
        if hello.protocol != ours {
            let program = hello.version.chars().take(40).collect();
            return Err(Failure::Version { theirs: hello.protocol, ours, program });
        }
        let peer = hello.peer().ok_or(Failure::Garbage)?;
        match (&peer, self.endpoint.myself()) {
            (Peer::Node(peer), Peer::Node(myself)) if peer.name == myself.name => {
                return Err(Failure::Name(format!(
                    "there are two nodes called `{}`: each needs a name of its own",
                    peer.name
                )));
            }
            (Peer::Node(peer), Peer::Node(_)) if hello.store != self.endpoint.facts().store => {
                return Err(Failure::Store(peer.name.to_string()));
            }
            (Peer::Client(_), Peer::Client(_)) => {
                return Err(Failure::Name("two clients do not link: one end must be a node".to_owned()));
            }
            _ => {}
        }
        if self.endpoint.tls.is_some() {
            let name = tls::name_of(&peer);
            let certificate = self.certificate.as_ref();
            if !certificate.is_some_and(|certificate| tls::is_good_for(certificate, name)) {
                let problem = format!("the certificate of the other end is not good for `{name}`");
                return Err(Failure::Certificate(problem));
            }
        }
        Ok(peer)
    }

    /// Refuses the other end, and closes the connection when it had time to hear why.
    fn fail(&self, state: &mut State, failure: Failure) {
        let State::Opening(opening) = state else { return };
        if opening.failure.is_some() {
            return;
        }
        let told = opening.route.as_ref().filter(|_| failure.is_for_the_other());
        if let Some(route) = told {
            route.send(&Letter::Farewell(Farewell { reason: failure.to_string() }));
        }
        let wait = told.map_or(Duration::ZERO, |_| FAREWELL);
        opening.failure = Some(failure);
        if let Some(session) = self.session.get() {
            stop_after(session.clone(), wait);
        }
    }

    /// Refuses the other end, unless it is linked already.
    pub(super) fn refuse(&self, failure: Failure) {
        self.fail(&mut self.state(), failure);
    }

    fn violated(&self, link: &Link) {
        tracing::warn!(peer = %link.peer(), address = %self.peer, "a peer does not keep to the protocol: its link is closed");
        link.close(UnlinkCause::Protocol, "a message is not of the protocol");
    }

    /// The connection is gone. `failure` is why, if it was no link yet and nothing better is known.
    pub(super) fn shut(&self, failure: Failure) {
        self.endpoint.forget(self);
        let state = std::mem::replace(&mut *self.state(), State::Shut);
        match state {
            State::Shut => {}
            State::Open(link) => {
                link.shut(UnlinkCause::Closed);
                let cause = link.cause();
                self.endpoint.links.dismiss(&link, |stood| {
                    self.endpoint.tell(Happening::Closed { link: Arc::clone(&link), cause, stood });
                });
            }
            State::Opening(opening) => {
                let address = match &self.origin {
                    Origin::Dialled { address, .. } => Some(address.clone()),
                    Origin::Accepted => None,
                };
                let failure = opening.failure.unwrap_or(failure);
                if address.is_none() {
                    tracing::debug!(address = %self.peer, reason = %failure, "a connection was refused");
                }
                self.endpoint.failed(address, failure);
            }
        }
    }
}

/// Has a link take a message.
fn handle(link: &Arc<Link>, message: Bytes) -> Result<(), NotUnderstood> {
    match Letter::decode(message)? {
        Letter::Frame(frame) => link.receive(frame),
        Letter::Farewell(Farewell { reason }) => {
            tracing::debug!(peer = %link.peer(), %reason, "the other end closes the link");
            link.closed_by_peer();
            Ok(())
        }
        Letter::Hello(_) => Err(NotUnderstood),
    }
}

/// Closes a connection when the other end had time to read what was sent.
pub(crate) fn stop_after(session: ActorCell, wait: Duration) {
    if wait.is_zero() {
        return session.stop(None);
    }
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        session.stop(None);
    });
}
