//! What a client may take of the listener.

use std::time::Duration;

/// The most bytes of a request's head.
pub(super) const MOST_HEAD: usize = 16 * 1024;

/// The most headers of a request.
pub(super) const MOST_HEADERS: usize = 64;

/// The most bytes of a request's body.
pub(super) const MOST_BODY: u64 = 64 * 1024;

/// The most bytes of a filter for the logs.
pub(super) const MOST_FILTER: usize = 4 * 1024;

/// The time of a whole request, where nobody says otherwise.
pub(super) const REQUEST: Duration = Duration::from_secs(10);

/// What a client may take: time and connections. Beside these, a request's head has at most 16 KiB and 64 headers, and
/// its body at most 64 KiB.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For the handshake of TLS: 5 s.
    pub handshake: Duration,
    /// From a connection's start, or the answer before, to the end of the next request's head: 5 s.
    pub head: Duration,
    /// From the end of the head to the answer: 10 s.
    pub request: Duration,
    /// A client that takes nothing of its answer for this long is cut off: 5 s.
    pub write: Duration,
    /// For the answers under way when the listener shuts down: 5 s.
    pub shutdown: Duration,
    /// Connections at once: 128. Where there is no place for another, it gets that of the one that has waited longest
    /// without a complete request; while all have one, it waits.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let standard = Duration::from_secs(5);
        Self {
            handshake: standard,
            head: standard,
            request: REQUEST,
            write: standard,
            shutdown: standard,
            connections: 128,
        }
    }
}
