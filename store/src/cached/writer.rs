//! The task that writes to the cache, so that nobody waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use evohub_monitoring::metrics::SharedCacheMetrics;

use super::{CacheConfig, value};
use crate::record::EvaluationRecord;
use crate::tier::Tier;

/// How many bytes may wait to be written. Beyond them, evaluations are dropped and counted.
const WAITING: usize = 16 << 20;

/// How many evaluations go out together.
const TOGETHER: usize = 128;

/// How long the cache may take for them.
const WRITE: Duration = Duration::from_secs(1);

/// One evaluation on its way.
struct Entry {
    name: String,
    value: Vec<u8>,
    /// Its place among the bytes that wait.
    _place: OwnedSemaphorePermit,
}

/// The way to the task. It ends when it has written all, after this was dropped or closed.
pub(super) struct Writer {
    line: Mutex<Option<Line>>,
    places: Arc<Semaphore>,
    counters: SharedCacheMetrics,
}

struct Line {
    entries: UnboundedSender<Entry>,
    task: JoinHandle<()>,
}

impl Writer {
    pub(super) fn start(tier: Arc<Tier>, config: CacheConfig, counters: SharedCacheMetrics) -> Self {
        let (entries, waiting) = unbounded_channel();
        let task = tokio::spawn(write_all(tier, config, counters.clone(), waiting));
        let line = Mutex::new(Some(Line { entries, task }));
        Self { line, places: Arc::new(Semaphore::new(WAITING)), counters }
    }

    /// Has evaluations written, as far as there is room for them.
    pub(super) fn write<'r>(&self, records: impl Iterator<Item = &'r EvaluationRecord>) {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = &*line else { return };
        for record in records {
            let Some(value) = value::written(record) else { continue };
            let size = u32::try_from(value.len()).unwrap_or(u32::MAX);
            let entry = Arc::clone(&self.places).try_acquire_many_owned(size).ok().map(|place| Entry {
                name: value::name(record.key),
                value,
                _place: place,
            });
            // The task ends only after the line.
            if entry.is_none_or(|entry| line.entries.send(entry).is_err()) {
                self.counters.dropped.inc();
            }
        }
    }

    /// Waits a moment until all is written, and takes no more.
    pub(super) async fn close(&self) {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Line { entries, mut task }) = line {
            drop(entries);
            if timeout(WRITE, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

async fn write_all(
    tier: Arc<Tier>,
    config: CacheConfig,
    counters: SharedCacheMetrics,
    mut waiting: UnboundedReceiver<Entry>,
) {
    let mut entries = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut entries, TOGETHER).await > 0 {
        let counter =
            if write(&tier, config, &entries).await { &counters.written } else { &counters.dropped };
        counter.inc_by(entries.len() as u64);
        entries.clear();
    }
}

/// Whether the cache took them.
async fn write(tier: &Tier, config: CacheConfig, entries: &[Entry]) -> bool {
    let Some(mut attempt) = tier.attempt() else { return false };
    let seconds = config.time_to_live.as_secs().max(1);
    let mut question = redis::pipe();
    for entry in entries {
        question.cmd("SET").arg(&entry.name).arg(&entry.value).arg("EX").arg(seconds).ignore();
    }
    let generation = attempt.generation();
    tier.answer::<()>(generation, WRITE, question.query_async(&mut attempt.connection)).await.is_ok()
}
