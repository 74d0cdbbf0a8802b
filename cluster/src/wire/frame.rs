//! Messages, many in a frame.

use std::time::Duration;

use bytes::Bytes;
use evohub_monitoring::traces::TraceContext;

/// What goes over a link at a time.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Frame {
    /// Counts the frames with parcels that an end sent, from 1; 0 for a frame without parcels.
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
    /// The sequence number of the last frame of the other end that was handled.
    #[prost(uint64, tag = "2")]
    pub(crate) acknowledged: u64,
    #[prost(message, repeated, tag = "3")]
    pub(crate) parcels: Vec<Parcel>,
}

/// A message, or a piece of one.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Parcel {
    #[prost(enumeration = "Kind", tag = "1")]
    pub(crate) kind: i32,
    /// The number of a call, for its answer.
    #[prost(uint64, tag = "2")]
    pub(crate) number: u64,
    #[prost(uint32, tag = "3")]
    pub(crate) topic: u32,
    #[prost(string, tag = "4")]
    pub(crate) traceparent: String,
    #[prost(string, tag = "5")]
    pub(crate) tracestate: String,
    /// How long the caller waits, in milliseconds.
    #[prost(uint32, tag = "6")]
    pub(crate) limit: u32,
    /// The bytes of the whole message, where this is only its first piece; else 0.
    #[prost(uint64, tag = "7")]
    pub(crate) size: u64,
    #[prost(bytes = "bytes", tag = "8")]
    pub(crate) body: Bytes,
}

/// What a parcel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Kind {
    /// A further piece of the message that was begun last.
    Piece = 0,
    /// A message without answer.
    Cast = 1,
    /// A message with an answer.
    Call = 2,
    /// The answer to a call.
    Answer = 3,
    /// Why a call is not answered.
    Refused = 4,
    /// A call that was dropped.
    Lost = 5,
    /// About the nodes.
    Gossip = 6,
    /// A sign of life.
    Ping = 7,
}

impl Parcel {
    /// About what a parcel takes beside its body and its trace.
    const HEAD: usize = 32;

    pub(crate) fn new(kind: Kind, number: u64, body: Bytes) -> Self {
        Self { kind: kind.into(), number, body, ..Self::default() }
    }

    /// The same with the trace that it goes on with.
    pub(crate) fn traced(mut self, context: &TraceContext) -> Self {
        self.traceparent = context.traceparent().unwrap_or_default();
        self.tracestate = context.tracestate().unwrap_or_default();
        self
    }

    /// The trace that it goes on with. One that is not understood counts as none: a message is worth more.
    pub(crate) fn context(&self) -> TraceContext {
        if self.traceparent.is_empty() {
            return TraceContext::default();
        }
        let state = (!self.tracestate.is_empty()).then_some(self.tracestate.as_str());
        TraceContext::from_headers(&self.traceparent, state)
            .or_else(|_| TraceContext::from_headers(&self.traceparent, None))
            .unwrap_or_default()
    }

    /// The same with the time that the caller waits.
    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// About how many bytes it takes in a frame.
    pub(crate) fn weight(&self) -> usize {
        self.body.len() + self.traceparent.len() + self.tracestate.len() + Self::HEAD
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn weighs_at_least_what_it_takes() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = TraceContext::from_headers(parent, Some("a=1")).unwrap();
        let parcel = Parcel::new(Kind::Call, u64::from(u32::MAX), Bytes::from(vec![1; 1000]))
            .traced(&context)
            .within(Duration::from_secs(60));
        assert_eq!(parcel.context(), context);
        assert!(parcel.encoded_len() <= parcel.weight() + 8);
    }

    #[test]
    fn a_trace_that_is_not_understood_is_none() {
        let parcel = Parcel { traceparent: "00-x".into(), ..Parcel::default() };
        assert!(parcel.context().is_empty());
    }
}
