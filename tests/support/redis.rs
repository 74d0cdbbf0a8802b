//! A Redis that goes away and comes back.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::process::until;

/// A Redis of a test's own.
pub(crate) struct Redis {
    port: u16,
    process: Option<Child>,
}

impl Redis {
    pub(crate) fn start() -> Self {
        // Somebody may take the port in between; below those that the system gives out, that is rare.
        loop {
            let mut redis = Self { port: rand::random_range(20_000..32_000), process: None };
            if TcpStream::connect(("127.0.0.1", redis.port)).is_err() {
                redis.begin();
                return redis;
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn begin(&mut self) {
        let port = self.port.to_string();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is found: on Debian, apt-get install redis-server");
        self.process = Some(process);
        until("Redis listens", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
