//! A pool of workers with a queue of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::share::GaugeShare;

/// The figures of a pool, beside those of the actors. Its depth is what the pool itself says.
#[derive(Debug)]
pub struct PoolMetrics {
    pub(super) depth: GaugeShare,
    pub(super) figures: Figures,
    pub(super) alive: GaugeShare,
    pub(super) wait: Histogram,
    pub(super) handle: Histogram,
    pub(super) dead_letters: Counter,
    pub(super) messages: Box<[(&'static str, Counter)]>,
}

/// The newest figures, for those who report the load of a node.
#[derive(Debug, Default)]
pub(super) struct Figures {
    workers: AtomicU32,
    waiting: AtomicU32,
    busy: Arc<AtomicU32>,
}

impl PoolMetrics {
    /// Workers, those that are at work, and pieces of work that wait.
    pub fn figures(&self) -> (u32, u32, u32) {
        let Figures { workers, waiting, busy } = &self.figures;
        (workers.load(Ordering::Relaxed), busy.load(Ordering::Relaxed), waiting.load(Ordering::Relaxed))
    }

    /// So many pieces of work wait in its queue.
    pub fn set_depth(&self, depth: usize) {
        self.depth.set(depth as i64);
        self.figures.waiting.store(depth as u32, Ordering::Relaxed);
    }

    /// It has so many workers.
    pub fn set_workers(&self, workers: usize) {
        self.alive.set(workers as i64);
        self.figures.workers.store(workers as u32, Ordering::Relaxed);
    }

    /// A worker begins with a piece of work that waited so long. The time until the guard is dropped is the work's.
    pub fn begin(&self, message: &str, waited: Duration) -> PoolHandling {
        self.wait.observe(waited.as_secs_f64());
        self.messages.iter().filter(|(name, _)| *name == message).for_each(|(_, counter)| {
            counter.inc();
        });
        let busy = Arc::clone(&self.figures.busy);
        busy.fetch_add(1, Ordering::Relaxed);
        PoolHandling { handle: self.handle.clone(), busy, began: Instant::now() }
    }

    /// A piece of work was given up unworked.
    pub fn dead_letter(&self) {
        self.dead_letters.inc();
    }
}

/// A piece of work in the hands of a worker.
#[derive(Debug)]
pub struct PoolHandling {
    handle: Histogram,
    busy: Arc<AtomicU32>,
    began: Instant,
}

impl Drop for PoolHandling {
    fn drop(&mut self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
        self.handle.observe(self.began.elapsed().as_secs_f64());
    }
}
