//! Why a connection did not become a link.

use std::net::SocketAddr;

use evohub_monitoring::metrics::Refusal;

/// Why a connection did not become a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Nobody listens there.
    #[error("nobody listens there")]
    Refused,
    /// The machine says that it cannot be reached.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// No answer came.
    #[error("it does not answer")]
    Silent,
    /// It is on another machine, and nothing is encrypted.
    #[error(
        "{0} is on another machine and there are no certificates: give some, or say --insecure to do without"
    )]
    Exposed(SocketAddr),
    /// The cookies differ.
    #[error("the other end has another cookie")]
    Cookie,
    /// The other end did not go on when it had seen our answer to its challenge.
    #[error(
        "the other end closed the connection during the handshake: it may have another cookie, or another authority"
    )]
    MaybeCookie,
    /// A certificate is missing, or not good.
    #[error("{0}")]
    Certificate(String),
    /// The protocols differ.
    #[error("the other end speaks version {theirs} of the protocol (evohub {program}), and this one {ours}")]
    Version { theirs: u32, ours: u32, program: String },
    /// What came is not of the protocol.
    #[error("the other end does not speak the protocol of the cluster")]
    Garbage,
    /// The handshake was not over in time.
    #[error("the handshake was not over in time")]
    Late,
    /// There is no room for another.
    #[error("there is no room for another connection")]
    Crowded,
    /// The nodes keep their jobs in different places.
    #[error(
        "the nodes do not share a store, as `{0}` says: give all nodes of a cluster the same PostgreSQL database \
         (--store postgres://…)"
    )]
    Store(String),
    /// The name is taken.
    #[error("{0}")]
    Name(String),
    /// It is this node itself.
    #[error("it is this node itself")]
    Myself,
    /// The other end says why not.
    #[error("the other end refused: {0}")]
    Told(String),
    /// The other end went away.
    #[error("the other end closed the connection during the handshake")]
    Closed,
}

impl Failure {
    /// What it counts as, where one of the ends refused.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        Some(match self {
            Self::Cookie | Self::MaybeCookie => Refusal::Cookie,
            Self::Certificate(_) => Refusal::Certificate,
            Self::Version { .. } => Refusal::Version,
            Self::Garbage => Refusal::Garbage,
            Self::Late => Refusal::Late,
            Self::Crowded => Refusal::Crowded,
            Self::Name(_) => Refusal::Name,
            Self::Store(_) => Refusal::Store,
            Self::Refused
            | Self::Unreachable(_)
            | Self::Silent
            | Self::Exposed(_)
            | Self::Myself
            | Self::Told(_)
            | Self::Closed => return None,
        })
    }

    /// Whether the other end can be told, and should be.
    pub(crate) fn is_for_the_other(&self) -> bool {
        matches!(
            self,
            Self::Version { .. } | Self::Certificate(_) | Self::Name(_) | Self::Store(_) | Self::Crowded
        )
    }
}
