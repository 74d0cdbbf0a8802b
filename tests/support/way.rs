//! A way to a server that can be cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::process::until;

/// The way to a server, which can be cut and mended.
pub(crate) struct Way {
    /// Where it begins.
    pub(crate) address: SocketAddr,
    to: SocketAddr,
    open: Option<Runtime>,
}

impl Way {
    pub(crate) fn to(to: SocketAddr) -> Self {
        let mut way = Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), to, open: None };
        way.mend();
        way
    }

    pub(crate) fn mend(&mut self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // Somebody else may have had the port for a moment.
        let bind = || runtime.block_on(TcpListener::bind(self.address)).ok();
        let listener = until("the way's port is free", bind);
        self.address = listener.local_addr().unwrap();
        let to = self.to;
        runtime.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(to).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        self.open = Some(runtime);
    }

    /// Nobody listens there any more, and what was under way is cut off.
    pub(crate) fn cut(&mut self) {
        self.open.take().unwrap().shutdown_timeout(Duration::from_secs(30));
    }
}
