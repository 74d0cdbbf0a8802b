//! The one place that writes lines to the terminal: results to standard output, everything else to standard error. (The
//! live view of `evohub top` draws its own screen.)

use std::io::{self, IsTerminal, Write};

use evohub::monitoring::redaction::redact;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::Failure;

/// Steps of the bar from nothing to all.
pub(crate) const BAR_STEPS: u64 = 1_000;

/// Where results and messages go.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    quiet: bool,
    live: bool,
    bar: ProgressBar,
}

impl Output {
    /// Messages are left out when `quiet`; progress is live where standard error is a terminal.
    pub(crate) fn new(quiet: bool) -> Self {
        let live = !quiet && io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        Self { quiet, live, bar }
    }

    /// Whether progress is shown as it happens.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// The line that shows progress; hidden where nobody watches.
    pub(crate) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    /// Begins to show progress.
    pub(crate) fn show_bar(&self) {
        if self.live {
            if let Ok(style) = ProgressStyle::with_template("{bar:12} {wide_msg}") {
                self.bar.set_style(style);
            }
            self.bar.set_length(BAR_STEPS);
            self.bar.set_message("opening the models");
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        }
    }

    /// Prints a result, with a line break at its end. A reader that has closed the pipe has had enough.
    pub(crate) fn result(&self, text: &str) -> Result<(), Failure> {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let written = self.bar.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.write_all(end.as_bytes())?;
            stdout.flush()
        });
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::failed(format!("standard output cannot be written: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Says something that is no result.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.tell(text);
        }
    }

    /// Says that something should be looked at.
    pub(crate) fn warning(&self, text: &str) {
        // A user may write a key where a name belongs.
        self.note(&format!("warning: {}", redact(text)));
    }

    /// Says what went wrong.
    pub(crate) fn error(&self, text: &str) {
        self.tell(&format!("error: {text}"));
    }

    fn tell(&self, text: &str) {
        // Whoever has closed standard error does not want to know.
        let _ = self.bar.suspend(|| writeln!(io::stderr().lock(), "{text}"));
    }
}
