//! A log file that does not grow without end.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use file_rotate::compression::Compression;
use file_rotate::suffix::AppendCount;
use file_rotate::{ContentLimit, FileRotate};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;

use super::LogError;
use crate::metrics::TelemetryMetrics;

/// Most lines that wait to be written. What comes on top is dropped and counted.
const WAITING_LINES: usize = 16_384;

/// A log file. When it has grown to its size, it gets the ending `.1`, the one before it `.2`, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Where it is. The folder must be there.
    pub path: PathBuf,
    /// The size in bytes from which on the next line begins another file, 1 and more.
    pub size: usize,
    /// How many full files are kept besides the one that is written.
    pub kept: usize,
}

impl LogFile {
    /// A file that grows to 64 MiB, with five more kept.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), size: 64 << 20, kept: 5 }
    }

    /// Opens it for its owner alone. Lines are written from a thread of their own until the guard goes.
    pub(super) fn open(
        &self,
        metrics: Option<TelemetryMetrics>,
    ) -> Result<(LogWriter, WorkerGuard), LogError> {
        let wrong = |problem: String| LogError::File { path: self.path.clone(), problem };
        if self.size == 0 {
            return Err(wrong("a size of zero has no room for a line".to_owned()));
        }
        let path = absolute(&self.path).map_err(|error| wrong(error.to_string()))?;
        if !path.parent().is_some_and(Path::is_dir) {
            return Err(wrong("its folder does not exist; create it first".to_owned()));
        }
        let options = options();
        // The rotating writer says nothing when it cannot open a file.
        options.open(&path).map_err(|error| wrong(error.to_string()))?;
        let file = FileRotate::new(
            path,
            AppendCount::new(self.kept),
            ContentLimit::BytesSurpassed(self.size),
            Compression::None,
            Some(options),
        );
        let (lines, guard) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(WAITING_LINES)
            .thread_name("log-file")
            .finish(Tallied { file, metrics: metrics.clone() });
        Ok((LogWriter { lines, dropped: Arc::default(), metrics }, guard))
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Hands lines to the thread that writes them.
#[derive(Clone)]
pub(super) struct LogWriter {
    lines: NonBlocking,
    /// How many dropped lines the metrics know of.
    dropped: Arc<AtomicUsize>,
    metrics: Option<TelemetryMetrics>,
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.lines.write(line);
        let dropped = self.lines.error_counter().dropped_lines();
        let known = self.dropped.fetch_max(dropped, Relaxed);
        if let Some(metrics) = &self.metrics
            && dropped > known
        {
            metrics.log_lines_dropped((dropped - known) as u64);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Counts the lines that a file does not take, such as on a full disk.
struct Tallied<W> {
    file: W,
    metrics: Option<TelemetryMetrics>,
}

impl<W: Write> Write for Tallied<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line).inspect_err(|_| {
            if let Some(metrics) = &self.metrics {
                metrics.log_lines_dropped(1);
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::metrics::{BuildInfo, Metrics, MetricsConfig};

    /// Is as slow as whoever holds the other end likes, and then cannot write.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Err(io::Error::other("no space left"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_are_lost_are_counted() {
        let build = BuildInfo { version: "1".into(), revision: "r".into(), rustc: "c".into() };
        let metrics = Metrics::new(&MetricsConfig::new(build));
        let telemetry = Some(metrics.telemetry.clone());
        let (free, stuck) = channel();
        let (lines, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(4)
            .finish(Tallied { file: Stuck(stuck), metrics: telemetry.clone() });
        let writer = LogWriter { lines, dropped: Arc::default(), metrics: telemetry };
        for _ in 0..100 {
            writer.make_writer().write_all(b"line\n").unwrap();
        }
        drop(free);
        drop(guard);
        // Those that waited were lost when they were written, the others before.
        assert!(metrics.encode().contains("\nlog_lines_dropped_total 100\n"), "{}", metrics.encode());
    }
}
