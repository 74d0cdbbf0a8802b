//! Nodes that find, watch and reach each other.
//!
//! A [`Cluster`] is a node: it links with the others, knows who is alive, and sends messages. A [`Client`] is linked to
//! one node and is no member. What they receive goes to a [`Service`].
//!
//! What a node knows of the others is the work of [`Membership`], and where work goes that of [`placement`] and
//! [`Allotment`]: state machines without clock and without I/O. The links are connections of the library
//! `ractor_cluster`, each of which both ends have proved themselves on: by a cookie that they share, and by certificates
//! where they go beyond one machine.

mod allotment;
#[cfg(feature = "certificates")]
mod certificates;
mod client;
mod cluster;
mod config;
mod cookie;
mod endpoint;
mod error;
mod gossip;
mod incarnation;
mod link;
mod load;
mod member;
mod membership;
mod name;
mod node;
mod peer;
pub mod placement;
mod port;
mod responder;
mod service;
mod validity;
mod view;
mod wire;

pub use allotment::{Allotment, ConsumerId, Grant};
#[cfg(feature = "certificates")]
pub use certificates::{CertificatesError, test_certificates};
pub use client::Client;
pub use cluster::Cluster;
pub use config::{ClientConfig, ClusterConfig, TlsFiles, TransportLimits};
pub use cookie::new_cookie;
pub use error::{CallError, ClusterError, SendError, TlsFilesError};
pub use gossip::Gossip;
pub use incarnation::{Incarnation, NodeId};
pub use load::Load;
pub use member::{Facts, Member, MemberState};
pub use membership::{Action, Change, DownCause, Event, Membership, MembershipConfig, UnlinkCause};
pub use name::{InvalidNodeName, NodeName};
pub use peer::{ClientId, Peer, Recipient, Topic};
pub use port::{PortState, port_state};
pub use responder::Responder;
pub use service::Service;
pub use validity::{Validity, validity, verify_chain};
pub use view::View;
