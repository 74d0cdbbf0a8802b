//! What is known of a process that is watched: its figures while it answers, and since when it does not.

use std::time::Duration;

use evohub::target::TargetError;

use super::figures::Figures;
use super::health::Health;
use super::history::{Curves, History};
use super::look::Look;

/// For how long it is said that another process was found.
const ANNOUNCED: Duration = Duration::from_secs(60);

/// The figures of a process over the time that it is watched. Times are since the watching began.
#[derive(Debug)]
pub(super) struct Session {
    address: String,
    history: History,
    /// The last that was told, or why it was not.
    health: Option<Result<Health, String>>,
    figures: Option<Figures>,
    last_answer: Duration,
    trouble: Option<String>,
}

/// What is shown at a moment.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) address: String,
    /// `None` until the process has answered once.
    pub(super) figures: Option<Figures>,
    pub(super) curves: Curves,
    pub(super) health: Option<Result<Health, String>>,
    /// What is wrong with the connection; the figures are the last ones then.
    pub(super) trouble: Option<Trouble>,
    /// How long ago another process was found in the place of the one before.
    pub(super) began_anew: Option<Duration>,
    pub(super) is_paused: bool,
    pub(super) interval: Duration,
}

/// A process that does not answer.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    /// For how long.
    pub(super) lasts: Duration,
    pub(super) cause: String,
}

impl Session {
    pub(super) fn new(address: String) -> Self {
        Self {
            address,
            history: History::default(),
            health: None,
            figures: None,
            last_answer: Duration::ZERO,
            trouble: None,
        }
    }

    /// Takes what the process said at a time; `clock` is the same time in seconds since 1970.
    pub(super) fn take(&mut self, at: Duration, clock: f64, look: Result<Look, TargetError>) {
        match look {
            Ok(Look { reading, health }) => {
                self.history.push(at, reading);
                self.figures = self.history.figures(clock);
                self.health = Some(health.map_err(|error| error.cause()));
                self.last_answer = at;
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(error.cause()),
        }
    }

    /// What is to be shown at a time.
    pub(super) fn view(&self, at: Duration, interval: Duration) -> View {
        let ago = |moment: Duration| at.saturating_sub(moment);
        let lasts = ago(self.last_answer);
        View {
            address: self.address.clone(),
            figures: self.figures.clone(),
            curves: self.history.curves().clone(),
            health: self.health.clone(),
            trouble: self.trouble.clone().map(|cause| Trouble { lasts, cause }),
            began_anew: self.history.began_anew().map(ago).filter(|ago| *ago < ANNOUNCED),
            is_paused: false,
            interval,
        }
    }
}
