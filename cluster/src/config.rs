//! How a node, or a client, is set up.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::endpoint::{CLIENT, Tls, check_cookie};
use crate::{ClusterError, Facts, MembershipConfig, NodeName, TlsFilesError};

/// How a node is set up.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// What it is called. No other node of the cluster may have the name.
    pub name: NodeName,
    /// Where it listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Where others reach it, `host:port`, when that is not where it listens.
    pub advertise: Option<String>,
    /// Where other nodes may be found, `host:port`. They are tried for ever. The node's own address may be among them.
    pub seeds: Vec<String>,
    /// The secret that all nodes and clients of a cluster share.
    pub cookie: SecretString,
    /// The certificates. Without them a node keeps to this machine.
    pub tls: Option<TlsFiles>,
    /// Goes beyond this machine without TLS: whoever can read the network reads everything.
    pub insecure: bool,
    /// What the node can do. Its address is filled in.
    pub facts: Facts,
    /// How often nodes speak, and how long silence may last.
    pub membership: MembershipConfig,
    /// What a link may take.
    pub limits: TransportLimits,
}

impl ClusterConfig {
    /// Whether a node can be started from it. Reads the certificates and listens nowhere.
    ///
    /// # Errors
    /// As [`Cluster::start`](crate::Cluster::start), but for the address being taken.
    pub fn check(&self) -> Result<(), ClusterError> {
        check_cookie(&self.cookie)?;
        self.checked().map(drop)
    }

    /// The certificates, when all that can be known before listening is in order.
    pub(crate) fn checked(&self) -> Result<Option<Tls>, ClusterError> {
        if self.tls.is_none() && !self.insecure && !self.listen.ip().is_loopback() {
            return Err(ClusterError::Exposed { address: self.listen });
        }
        if self.listen.ip().is_unspecified() && self.advertise.is_none() {
            return Err(ClusterError::NoAddress { address: self.listen });
        }
        let tls = self.tls.as_ref().map(|files| Tls::from_files(files, self.name.as_str()));
        Ok(tls.transpose()?)
    }
}

/// How a client is set up.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Where nodes may be found, `host:port`. They are tried in this order.
    pub addresses: Vec<String>,
    /// The secret that all nodes and clients of a cluster share.
    pub cookie: SecretString,
    /// The certificates; that of a client is good for the name `client`. Without them it reaches this machine only.
    pub tls: Option<TlsFiles>,
    /// Goes beyond this machine without TLS: whoever can read the network reads everything.
    pub insecure: bool,
    /// What the link may take.
    pub limits: TransportLimits,
}

/// The files for mutual TLS, in the PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those between it and the authority. A certificate is good for the nodes whose names
    /// are among its DNS names.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// The certificates of the authorities that the certificates of others must come from.
    pub authority: PathBuf,
}

impl TlsFiles {
    /// Whether a client can be linked with them.
    ///
    /// # Errors
    /// When a file cannot be used, they do not fit each other, or the certificate is not good for `client`.
    pub fn check_for_client(&self) -> Result<(), TlsFilesError> {
        Tls::from_files(self, CLIENT).map(drop)
    }
}

/// What a link may take. All nodes of a cluster should have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportLimits {
    /// The bytes that go over a link at a time, 16 KiB to 512 KiB. Messages of up to a quarter of it arrive in the order
    /// in which they were sent; larger ones go in pieces between the others.
    pub frame: usize,
    /// The bytes that may be on their way to a peer: sent, and not yet handled there. At least two frames.
    pub window: usize,
    /// The bytes of messages that may wait for the window. What comes on top is refused at once.
    pub outbox: usize,
    /// The bytes of the largest message.
    pub message: usize,
    /// How long it may take to reach an address.
    pub dial: Duration,
    /// How long a new connection may take to prove that it belongs here.
    pub handshake: Duration,
    /// Connections that have not proved that yet. Further ones are closed at once.
    pub unauthenticated: usize,
    /// Clients that may be linked at once.
    pub clients: usize,
    /// How long a peer may take to handle what it was sent before the link to it is given up.
    pub stalled: Duration,
}

impl Default for TransportLimits {
    fn default() -> Self {
        Self {
            frame: 256 << 10,
            window: 4 << 20,
            outbox: 8 << 20,
            message: 64 << 20,
            dial: Duration::from_secs(2),
            handshake: Duration::from_secs(3),
            unauthenticated: 64,
            clients: 256,
            stalled: Duration::from_secs(5),
        }
    }
}

impl TransportLimits {
    /// The most bytes that are taken in as one, whatever this end sends.
    pub(crate) const LARGEST_FRAME: usize = 1 << 20;

    /// The same within what is possible.
    pub(crate) fn clamped(mut self) -> Self {
        self.frame = self.frame.clamp(16 << 10, Self::LARGEST_FRAME / 2);
        self.window = self.window.max(2 * self.frame);
        self.unauthenticated = self.unauthenticated.max(1);
        self
    }

    /// The most bytes of a message that goes in one piece.
    pub(crate) fn piece(&self) -> usize {
        self.frame / 4
    }
}
