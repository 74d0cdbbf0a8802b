//! What can go wrong between nodes.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use evohub_monitoring::metrics::Refusal;

use crate::Recipient;

/// A node or a client that cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Other machines reach the address, and nothing is encrypted.
    #[error(
        "{address} can be reached from other machines and there are no certificates: give certificate, key and \
         authority, listen on 127.0.0.1, or say --insecure to do without"
    )]
    Exposed {
        /// As it was given.
        address: SocketAddr,
    },
    /// Others could not be told where the node is.
    #[error(
        "{address} stands for every address of this machine: say with --advertise HOST:PORT where others reach it"
    )]
    NoAddress {
        /// As it was given.
        address: SocketAddr,
    },
    /// The cookie is easily guessed.
    #[error(
        "the cookie has {length} characters and needs at least {shortest}, such as `openssl rand -hex 32` makes"
    )]
    Cookie {
        /// The characters that it has.
        length: usize,
        /// The characters that it needs.
        shortest: usize,
    },
    /// Somebody listens there already.
    #[error(
        "cannot listen on {0} for nodes: the port is taken by another program; choose another, or 0 for any free one"
    )]
    Taken(SocketAddr),
    /// The machine refuses to listen.
    #[error("cannot listen on {address} for nodes: {source}")]
    Bind {
        /// As it was given.
        address: SocketAddr,
        /// What the machine says.
        source: io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsFilesError),
    /// A client reached none of the nodes that it was told of.
    #[error("none of the addresses leads to the cluster: {tried}")]
    NoNode {
        /// What happened at each address.
        tried: String,
        /// Why the last of them refused, or was refused.
        refusal: Option<Refusal>,
    },
    /// The runtime has ended.
    #[error("the actor that receives messages cannot start: {0}")]
    Actor(String),
}

/// Certificates or keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFilesError {
    /// The file cannot be read.
    #[error("the {what} file {path} cannot be read: {source}")]
    Unreadable {
        /// `certificate`, `private key` or `authority`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the machine says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} holds no {what} in the PEM form (`-----BEGIN …`)")]
    Missing {
        /// `certificate`, `private key` or `authority`.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Certificate, key and authority do not fit each other, or are of a kind that is not known.
    #[error("the certificate {path} cannot be used: {problem}")]
    Unfit {
        /// The file of the certificate.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// No certificate is good for such a name.
    #[error(
        "no certificate can be good for `{0}`, which is no DNS name: take a name whose parts between dots begin and end \
         with a letter or a digit, and whose last part has a letter"
    )]
    NoDnsName(String),
    /// The certificate is for others.
    #[error(
        "the certificate {path} is not good for `{name}`: it needs that among its DNS names, such as `evohub cluster \
         certs` writes them"
    )]
    Name {
        /// The file of the certificate.
        path: PathBuf,
        /// What it should be good for.
        name: String,
    },
}

/// A message that was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no link to the recipient.
    #[error("{to} is not linked")]
    Unlinked {
        /// To whom it was to go.
        to: Recipient,
    },
    /// The recipient does not keep up with what it is sent.
    #[error("too much waits for {to} already: try again later, or elsewhere")]
    Full {
        /// To whom it was to go.
        to: Recipient,
    },
    /// No message is as large.
    #[error("the message for {to} has {size} bytes, and the largest that goes has {most}")]
    TooLarge {
        /// To whom it was to go.
        to: Recipient,
        /// Its bytes.
        size: usize,
        /// The bytes of the largest message.
        most: usize,
    },
}

/// A call without an answer. Whether the other end did what it was asked is known for [`CallError::NotSent`] and
/// [`CallError::Refused`] only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// It was not sent.
    #[error(transparent)]
    NotSent(#[from] SendError),
    /// The link went while the answer was awaited.
    #[error("the link to {to} went before its answer came")]
    Unlinked {
        /// Who was called.
        to: Recipient,
    },
    /// No answer came in time.
    #[error("{to} did not answer within {limit:?}")]
    TimedOut {
        /// Who was called.
        to: Recipient,
        /// How long the answer was awaited.
        limit: Duration,
    },
    /// The other end refused.
    #[error("{to} refused: {reason}")]
    Refused {
        /// Who was called.
        to: Recipient,
        /// Why.
        reason: String,
    },
    /// The other end dropped the call.
    #[error("{to} dropped the call without an answer")]
    Lost {
        /// Who was called.
        to: Recipient,
    },
}

impl CallError {
    /// Whether the call may succeed at another node, or later: everything but a refusal.
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::NotSent(SendError::TooLarge { .. }))
    }
}
