//! The same load on Ray.

use std::io::Write;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// The Python that has Ray.
const PYTHON: &str = "EVOHUB_BENCH_RAY";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/cluster/load.py");

/// What Ray is to do.
#[derive(Debug, Serialize)]
#[serde(tag = "load", rename_all = "snake_case")]
pub(crate) enum Load<'a> {
    /// Calls of 1 KB to an actor in another process, 64 at once.
    Calls,
    /// Waits, by actors of so many at once each.
    Waits { seconds: &'a [f64], processes: usize, at_once: usize },
    /// A node that does nothing for so long.
    Idle { seconds: u64 },
}

/// What came of it; what does not apply is zero.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Figures {
    /// Calls a second.
    pub(crate) rate: f64,
    /// How long it took; idle: until the node was there.
    pub(crate) seconds: f64,
    /// All memory of its processes.
    pub(crate) megabytes: f64,
}

/// Runs it, where there is a Ray.
pub(crate) async fn run(load: Load<'_>) -> Option<Figures> {
    let python = std::env::var(PYTHON).ok()?;
    let load = serde_json::to_vec(&load).unwrap();
    let ran = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(python);
        command.arg(PROGRAM).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&load).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = ran.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let figures = said.lines().last().and_then(|line| serde_json::from_str(line).ok());
    if figures.is_none() {
        let errors = String::from_utf8_lossy(&output.stderr);
        println!("  Ray           failed ({}): {errors}", output.status);
    }
    figures
}
