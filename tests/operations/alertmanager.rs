//! A real Alertmanager, for one test.

use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The file of its configuration, in its folder.
pub(crate) const CONFIGURED: &str = "alertmanager.yml";

/// An Alertmanager; it ends when dropped.
pub(crate) struct Alertmanager {
    program: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Alertmanager {
    /// Starts one as a folder has it configured, where its data go, too.
    pub(crate) fn start(folder: TempDir, address: SocketAddr) -> Self {
        let log = File::create(folder.path().join("log")).unwrap();
        let program = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", folder.path().join(CONFIGURED).display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            // Nobody to share what it knows with.
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "`prometheus-alertmanager` cannot be started ({error}): install it (on Debian: apt-get \
                     install prometheus-alertmanager)"
                )
            });
        Self { program, address, folder }
    }

    /// Whether it listens. It must not have ended.
    pub(crate) async fn is_ready(&mut self) -> bool {
        if let Some(status) = self.program.try_wait().unwrap() {
            panic!("Alertmanager has ended with {status}; it said:\n{}", self.said());
        }
        let answer = reqwest::get(format!("http://{}/-/ready", self.address)).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// The alerts that it has now, with what it does about them.
    pub(crate) async fn alerts(&self) -> Vec<Value> {
        let text = reqwest::get(format!("http://{}/api/v2/alerts", self.address)).await.unwrap();
        let text = text.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// What it has told of itself.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
