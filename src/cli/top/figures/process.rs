//! The process and its runtime.

use serde::Serialize;

use super::{Span, whole};
use crate::cli::top::reading::Process;

/// The process and its runtime.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProcessFigures {
    /// Processors it keeps busy: 1.5 is one and a half.
    pub(crate) cpus: Option<f64>,
    pub(crate) resident_memory_bytes: Option<u64>,
    pub(crate) open_fds: Option<u64>,
    pub(crate) max_fds: Option<u64>,
    pub(crate) tokio_workers: Option<u64>,
    pub(crate) tokio_tasks: Option<u64>,
    /// Tasks that wait in the queue that all workers share.
    pub(crate) tokio_queue: Option<u64>,
}

impl ProcessFigures {
    pub(super) fn new(now: &Process, recent: Option<Span<'_>>) -> Self {
        let cpus = recent.and_then(|span| {
            let before = span.since.process.cpu_seconds.unwrap_or(0.0);
            span.rate(now.cpu_seconds? - before)
        });
        Self {
            cpus,
            resident_memory_bytes: now.memory_bytes.map(whole),
            open_fds: now.open_fds.map(whole),
            max_fds: now.max_fds.map(whole),
            tokio_workers: now.workers.map(whole),
            tokio_tasks: now.tasks.map(whole),
            tokio_queue: now.queue.map(whole),
        }
    }
}
