//! The readings of the last minute, and curves over the whole time of watching.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::curve::Curve;
use super::figures::{Figures, Span, per_second};
use super::reading::Reading;

/// Rates are over this time, so that a few slow evaluations do not make them jump.
const RECENT: Duration = Duration::from_secs(10);

/// Latencies and shares are over this time.
const MINUTE: Duration = Duration::from_secs(60);

/// How far two readings of the start of one process may lie apart, in seconds: it is computed from clocks.
const SAME_START: f64 = 1.5;

/// Most jobs whose curves are kept.
const MOST_JOBS: usize = 16;

/// What was read, and when. Times are since the watching began.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The newest last; the first is the newest that is a minute old.
    readings: VecDeque<(Duration, Reading)>,
    curves: Curves,
    began_anew: Option<Duration>,
}

/// Curves over the whole time of watching.
#[derive(Debug, Clone, Default)]
pub(super) struct Curves {
    /// By job.
    pub(super) populations: BTreeMap<String, PopulationCurves>,
    /// Between each two readings.
    pub(super) evaluations_per_second: Curve,
}

/// Curves of a population.
#[derive(Debug, Clone, Default)]
pub(super) struct PopulationCurves {
    pub(super) best: Curve,
    pub(super) mean: Curve,
    pub(super) diversity: Curve,
}

impl History {
    /// Adds the newest reading. When it is of a process that began after the last one, what is known of the old one's
    /// counters is forgotten.
    pub(super) fn push(&mut self, at: Duration, reading: Reading) {
        let is_another = self.readings.back().is_some_and(|(_, last)| began_anew(last, &reading));
        if is_another {
            self.readings.clear();
            self.began_anew = Some(at);
        }
        self.curves.push(at, &reading, self.readings.back());
        self.readings.push_back((at, reading));
        while self.readings.get(1).is_some_and(|(second, _)| at.saturating_sub(*second) >= MINUTE) {
            self.readings.pop_front();
        }
    }

    /// When another process was found in the place of the one that was watched.
    pub(super) fn began_anew(&self) -> Option<Duration> {
        self.began_anew
    }

    pub(super) fn curves(&self) -> &Curves {
        &self.curves
    }

    /// The figures of the newest reading at this time, in seconds since 1970.
    pub(super) fn figures(&self, now: f64) -> Option<Figures> {
        let (_, reading) = self.readings.back()?;
        Some(Figures::new(reading, uptime(reading, now), self.span(RECENT), self.span(MINUTE)))
    }

    /// To the newest reading that is so old, or to the oldest.
    fn span(&self, length: Duration) -> Option<Span<'_>> {
        let (newest, _) = self.readings.back()?;
        let age = |at: Duration| newest.saturating_sub(at);
        let (at, since) = self
            .readings
            .iter()
            .rev()
            .find(|(at, _)| age(*at) >= length)
            .or_else(|| self.readings.front())
            .filter(|(at, _)| at < newest)?;
        Some(Span { since, seconds: Some(age(*at).as_secs_f64()) })
    }
}

impl Curves {
    fn push(&mut self, at: Duration, reading: &Reading, last: Option<&(Duration, Reading)>) {
        for (job, standing) in reading.standings.iter() {
            if self.populations.len() >= MOST_JOBS && !self.populations.contains_key(job) {
                continue;
            }
            let curves = self.populations.entry(job.to_owned()).or_default();
            let values = [
                (&mut curves.best, standing.best),
                (&mut curves.mean, standing.mean),
                (&mut curves.diversity, standing.diversity),
            ];
            values.into_iter().for_each(|(curve, value)| curve.push(at, value.unwrap_or(f64::NAN)));
        }
        // A process that was started again finds its job after a while: curves go only when there are others.
        if reading.standings.iter().len() > 0 {
            self.populations.retain(|job, _| reading.standings.get(job).is_some());
        }
        if let Some((then, last)) = last {
            let span = Span { since: last, seconds: Some(at.saturating_sub(*then).as_secs_f64()) };
            let rate = per_second(&reading.evaluations, span);
            self.evaluations_per_second.push(at, rate.unwrap_or(f64::NAN));
        }
    }
}

/// The figures of one reading alone, over the whole life of the process.
pub(super) fn figures_since_start(reading: &Reading, now: f64) -> Figures {
    let nothing = Reading::default();
    let uptime = uptime(reading, now);
    let span = Span::of_life(&nothing, uptime);
    Figures::new(reading, uptime, Some(span), Some(span))
}

/// Clocks of two machines may differ.
fn uptime(reading: &Reading, now: f64) -> Option<f64> {
    Some((now - reading.started_at?).max(0.0)).filter(|uptime| uptime.is_finite())
}

/// Whether a reading is of a process that began after an earlier reading.
fn began_anew(last: &Reading, now: &Reading) -> bool {
    let started_elsewhen = match (last.started_at, now.started_at) {
        (Some(last), Some(now)) => (last - now).abs() > SAME_START,
        _ => false,
    };
    let calls_fell = now
        .models
        .iter()
        .any(|(name, model)| last.models.get(name).is_some_and(|last| model.calls.fell_since(&last.calls)));
    let messages_fell = now
        .actors
        .iter()
        .any(|(kind, actor)| last.actors.get(kind).is_some_and(|last| actor.messages < last.messages));
    started_elsewhen
        || calls_fell
        || messages_fell
        || now.generations < last.generations
        || now.evaluations.by_outcome.fell_since(&last.evaluations.by_outcome)
        || now.process.cpu_seconds < last.process.cpu_seconds && now.process.cpu_seconds.is_some()
}

#[cfg(test)]
mod tests;
