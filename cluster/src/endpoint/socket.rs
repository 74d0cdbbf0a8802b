//! Sockets that notice when the other end is gone.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::Failure;
use crate::ClusterError;

/// How many connections may wait to be taken.
const BACKLOG: u32 = 1024;

/// How long the machine resends what the other end does not acknowledge.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(4);

/// Listens at an address.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, ClusterError> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A node that starts anew has its old port at once.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ClusterError::Taken(address),
        _ => ClusterError::Bind { address, source },
    })
}

/// Reaches `host:port`: of several addresses, the first that answers.
pub(super) async fn dial(address: &str) -> Result<TcpStream, Failure> {
    let unreachable = |error: io::Error| Failure::Unreachable(error.to_string());
    let mut failure = Failure::Unreachable("the name has no address".to_owned());
    for target in tokio::net::lookup_host(address).await.map_err(unreachable)? {
        match connect(target).await {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => failure = Failure::Refused,
            Err(error) => failure = unreachable(error),
        }
    }
    Err(failure)
}

async fn connect(target: SocketAddr) -> io::Result<TcpStream> {
    let socket = if target.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    let stream = socket.connect(target).await?;
    // A port of this machine that nobody listens at, and that is the machine's choice for this end, is connected with
    // itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    prepare(&stream)?;
    Ok(stream)
}

/// Has the machine notice within seconds that the other end is gone.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new().with_time(Duration::from_secs(5)).with_interval(Duration::from_secs(2));
    #[cfg(not(windows))]
    let probes = probes.with_retries(3);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}
