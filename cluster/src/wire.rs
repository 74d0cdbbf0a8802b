//! What goes over a link.
//!
//! A message to a gateway is the eight bytes of the link's token, one byte that says what follows, and that in the form
//! of Protocol Buffers. Only [`Hello`] and [`Farewell`] must be understood by all versions of the protocol.

mod frame;
mod gossip;
mod hello;

pub(crate) use frame::{Frame, Kind, Parcel};
pub(crate) use gossip::{read as read_gossip, write as write_gossip};
pub(crate) use hello::{Farewell, Hello};

use bytes::{Buf, Bytes};
use prost::Message;

/// The version of the protocol. Nodes of different versions do not link.
pub(crate) const PROTOCOL: u32 = 1;

const HELLO: u8 = 0;
const FRAME: u8 = 1;
const FAREWELL: u8 = 2;

/// Something between two gateways.
#[derive(Debug)]
pub(crate) enum Letter {
    /// Who speaks.
    Hello(Hello),
    /// Messages.
    Frame(Frame),
    /// Why the link is closed.
    Farewell(Farewell),
}

/// Not of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotUnderstood;

impl Letter {
    /// As it goes to the gateway at the other end, over the link that has the token there.
    pub(crate) fn encode(&self, token: u64) -> Vec<u8> {
        let (kind, length) = match self {
            Self::Hello(hello) => (HELLO, hello.encoded_len()),
            Self::Frame(frame) => (FRAME, frame.encoded_len()),
            Self::Farewell(farewell) => (FAREWELL, farewell.encoded_len()),
        };
        let mut bytes = Vec::with_capacity(9 + length);
        bytes.extend_from_slice(&token.to_be_bytes());
        bytes.push(kind);
        let encoded = match self {
            Self::Hello(hello) => hello.encode(&mut bytes),
            Self::Frame(frame) => frame.encode(&mut bytes),
            Self::Farewell(farewell) => farewell.encode(&mut bytes),
        };
        debug_assert!(encoded.is_ok(), "a vector has room for everything");
        bytes
    }

    /// What came after the token.
    pub(crate) fn decode(mut bytes: Bytes) -> Result<Self, NotUnderstood> {
        let kind = bytes.try_get_u8().map_err(|_| NotUnderstood)?;
        let letter = match kind {
            HELLO => Hello::decode(bytes).map(Self::Hello),
            FRAME => Frame::decode(bytes).map(Self::Frame),
            FAREWELL => Farewell::decode(bytes).map(Self::Farewell),
            _ => return Err(NotUnderstood),
        };
        letter.map_err(|_| NotUnderstood)
    }
}

/// The token of the link that a message came over, and the rest of it.
pub(crate) fn open(bytes: Vec<u8>) -> Option<(u64, Bytes)> {
    let mut bytes = Bytes::from(bytes);
    let token = bytes.try_get_u64().ok()?;
    Some((token, bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let frame = Frame { sequence: 3, acknowledged: 2, parcels: vec![Parcel::default()] };
        let (token, rest) = open(Letter::Frame(frame.clone()).encode(7)).unwrap();
        assert_eq!(token, 7);
        assert!(matches!(Letter::decode(rest), Ok(Letter::Frame(same)) if same == frame));
    }

    proptest! {
        #[test]
        fn random_bytes_are_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some((_, rest)) = open(bytes) {
                let _ = Letter::decode(rest);
            }
        }
    }
}
