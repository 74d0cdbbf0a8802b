//! Exporters, which tell Prometheus how servers and the machine are.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A process of an exporter; it ends when dropped.
pub(crate) struct Exporter(Child);

impl Exporter {
    /// One that looks at a PostgreSQL with this address.
    pub(crate) fn postgres(at: SocketAddr, url: &str) -> Self {
        let mut command = Command::new("prometheus-postgres-exporter");
        command.env("DATA_SOURCE_NAME", format!("{url}?sslmode=disable"));
        Self::start(command, at)
    }

    /// One that looks at a Redis with this address.
    pub(crate) fn redis(at: SocketAddr, url: &str) -> Self {
        let mut command = Command::new("prometheus-redis-exporter");
        command.arg(format!("--redis.addr={url}"));
        Self::start(command, at)
    }

    /// One that looks at the machine, as far as anybody asks for it.
    pub(crate) fn machine(at: SocketAddr) -> Self {
        let mut command = Command::new("prometheus-node-exporter");
        command.arg("--collector.disable-defaults");
        command.args(
            ["cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev", "stat", "uname"]
                .map(|kind| format!("--collector.{kind}")),
        );
        Self::start(command, at)
    }

    fn start(mut command: Command, at: SocketAddr) -> Self {
        command.arg(format!("--web.listen-address={at}"));
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("`{name}` cannot be started ({error}): install it (on Debian: apt-get install {name})")
        });
        Self(child)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
