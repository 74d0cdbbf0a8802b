//! Whether an address can be listened at.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// How long somebody who listens may take to accept a connection.
const ACCEPT: Duration = Duration::from_secs(2);

/// What was found at an address of this machine.
#[derive(Debug)]
#[non_exhaustive]
pub enum PortState {
    /// It could be listened at.
    Free,
    /// Somebody listens there.
    Held,
    /// The machine does not let this program listen there, and nobody else does.
    Refused(io::Error),
}

/// Looks at an address of this machine, for at most two seconds. It is listened at for a moment only, and only when
/// nobody else does.
pub async fn port_state(address: SocketAddr) -> PortState {
    let mut target = address;
    // One that stands for all is reached by way of this machine's own.
    if target.ip().is_unspecified() {
        target.set_ip(match target.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    if address.port() != 0 && matches!(timeout(ACCEPT, TcpStream::connect(target)).await, Ok(Ok(_))) {
        return PortState::Held;
    }
    match TcpListener::bind(address).await {
        Ok(_) => PortState::Free,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => PortState::Held,
        Err(error) => PortState::Refused(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_free_or_held() {
        let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = held.local_addr().unwrap();
        assert!(matches!(port_state(address).await, PortState::Held));
        drop(held);
        assert!(matches!(port_state(address).await, PortState::Free));
        // Of a documentation's network: no machine has it.
        let elsewhere = "192.0.2.1:0".parse().unwrap();
        assert!(matches!(port_state(elsewhere).await, PortState::Refused(_)));
    }
}
