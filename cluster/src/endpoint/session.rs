//! The library's session over a connection of ours.

use std::sync::Arc;

use async_trait::async_trait;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use ractor_cluster::node::{NodeConnectionMode, SessionCheckReply};
use ractor_cluster::{NodeServerMessage, NodeSession, NodeSessionMessage};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep_until};

use super::Failure;
use super::channel::Channel;
use super::stream::{Ended, Stream, Watch};
use crate::link::Route;
use crate::{Peer, TransportLimits};

/// Why the library's session stops when the cookies differ, in its own words.
const REFUSED: &str = "auth_fail";

/// Why it stops when both ends have the same name.
const MYSELF: &str = "self_connection";

/// Runs the library's session over one connection, in the place of its `NodeServer`: which of several links to a peer
/// stays is not for the library to say.
///
/// Its session has both ends prove that they know the cookie, and gives each a stand-in for the gateway of the other.
/// In the names that it exchanges meanwhile, each end says which token messages to it must carry over this connection,
/// and which of the actors that the other will see is its gateway.
#[derive(Debug)]
pub(super) struct Session;

/// A connection to run a session over.
pub(super) struct Connection {
    pub(super) channel: Arc<Channel>,
    pub(super) stream: Stream,
    pub(super) deadline: Instant,
}

pub(super) struct State {
    channel: Arc<Channel>,
    session: ActorRef<NodeSessionMessage>,
    watch: Watch,
    /// What the other end said of itself.
    said: Option<Said>,
    /// Why the library's session stopped, in its own words.
    stopped: Option<String>,
}

/// What an end says of itself while the cookies are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    /// What messages to it must carry over this connection.
    token: u64,
    /// The number of its gateway.
    gateway: u64,
}

impl Said {
    fn write(self) -> String {
        format!("{:016x}.{}", self.token, self.gateway)
    }

    fn read(text: &str) -> Option<Self> {
        let (token, gateway) = text.split_once('.')?;
        Some(Self { token: u64::from_str_radix(token, 16).ok()?, gateway: gateway.parse().ok()? })
    }
}

/// Fills in what the library gives no name to.
fn filled<M: Default>(session: impl FnOnce(M) -> NodeSession, fill: impl FnOnce(&mut M)) -> NodeSession {
    let mut message = M::default();
    fill(&mut message);
    session(message)
}

#[async_trait]
impl Actor for Session {
    type Msg = NodeServerMessage;
    type State = State;
    type Arguments = Connection;

    async fn pre_start(
        &self,
        myself: ActorRef<NodeServerMessage>,
        connection: Connection,
    ) -> Result<State, ActorProcessingErr> {
        let Connection { channel, stream, deadline } = connection;
        channel.attach(myself.get_cell());
        let endpoint = channel.endpoint();
        let said = Said { token: channel.token(), gateway: endpoint.gateway.get_id().pid() };
        let session = filled(
            |message| {
                // The number tells the stand-ins of this session from those of others of the process.
                let number = rand::random();
                let cookie = endpoint.cookie.expose_secret().to_owned();
                let (server, mode) = (!channel.is_dialled(), NodeConnectionMode::Isolated);
                NodeSession::new(number, server, cookie, myself.clone(), message, mode)
            },
            |message| {
                message.name = match endpoint.myself() {
                    Peer::Node(id) => id.to_string(),
                    Peer::Client(id) => id.to_string(),
                };
                message.connection_string = said.write();
            },
        )
        .with_max_inbound_frame_size(TransportLimits::LARGEST_FRAME as u64);
        let (stream, watch) = stream.into_network(endpoint.metrics(), channel.peer().to_string());
        let (session, _) = Actor::spawn_linked(None, session, stream, myself.get_cell()).await?;
        tokio::spawn({
            let channel = Arc::clone(&channel);
            async move {
                sleep_until(deadline).await;
                channel.refuse(Failure::Late);
            }
        });
        Ok(State { channel, session, watch, said: None, stopped: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<NodeServerMessage>,
        message: NodeServerMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            // Links are compared when both ends have introduced themselves.
            NodeServerMessage::CheckSession { reply, .. } => {
                // A session that is gone needs no answer.
                let _ = reply.send(SessionCheckReply::NoOtherConnection);
            }
            NodeServerMessage::UpdateSession { name, .. } => match Said::read(&name.connection_string) {
                Some(said) => state.hear(said),
                None => state.channel.refuse(Failure::Garbage),
            },
            NodeServerMessage::ConnectionReady(_) => match state.route(&myself) {
                Some(route) => state.channel.routed(route),
                None => state.channel.refuse(Failure::Garbage),
            },
            _ => {}
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<NodeServerMessage>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(_, _, reason) => {
                state.stopped = reason;
                myself.stop(None);
            }
            SupervisionEvent::ActorFailed(_, error) => {
                tracing::warn!(address = %state.channel.peer(), %error, "a session broke down");
                myself.stop(None);
            }
            _ => {}
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<NodeServerMessage>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.session.stop(None);
        state.channel.shut(state.failure());
        Ok(())
    }
}

impl State {
    fn hear(&mut self, said: Said) {
        self.said = Some(said);
        // Only this node itself says what this node gave out: at the other end of the same connection.
        if let Some(other) = self.channel.endpoint().channels.get(said.token) {
            self.channel.refuse(Failure::Myself);
            other.refuse(Failure::Myself);
        }
    }

    /// The way to the gateway of the other end: what the session made to stand for it.
    fn route(&self, myself: &ActorRef<NodeServerMessage>) -> Option<Route> {
        let Said { token, gateway } = self.said?;
        let is_it = |id| matches!(id, ActorId::Remote { pid, .. } if pid == gateway);
        let gateway = self.session.get_cell().get_children().into_iter().find(|cell| is_it(cell.get_id()))?;
        Some(Route { gateway, token, session: myself.get_cell() })
    }

    /// Why the connection ended before it was a link, as far as can be told from here.
    fn failure(&self) -> Failure {
        match (self.stopped.as_deref(), self.watch.ended()) {
            (Some(REFUSED), _) => Failure::Cookie,
            (Some(MYSELF), _) => Failure::Myself,
            (_, Some(Ended::Certificate(problem))) => Failure::Certificate(problem),
            (_, Some(Ended::Closed)) if self.channel.is_dialled() && self.said.is_some() => {
                Failure::MaybeCookie
            }
            (_, Some(Ended::Closed)) => Failure::Closed,
            // It was this end that closed it.
            (_, None) => Failure::Garbage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read() {
        let said = Said { token: 7, gateway: 12 };
        assert_eq!(Said::read(&said.write()), Some(said));
        for text in ["", "7", "x.1", "7.", "7.-1", "127.0.0.1:80"] {
            assert_eq!(Said::read(text), None, "{text}");
        }
    }
}
