//! Live progress of a job on a terminal, and its milestones as plain lines elsewhere.

use std::fmt::Write as _;

use evohub::{JobBudget, JobEvent, JobProgress, JobSpec};
use tokio::sync::watch;

use super::follow::improvement;
use super::output::{BAR_STEPS, Output};

/// Shows how a job goes on.
pub(crate) struct Display {
    output: Output,
    budget: JobBudget,
    progress: watch::Receiver<JobProgress>,
    /// Evaluations that were known when this session began: its rate does not count them.
    before: u64,
}

impl Display {
    pub(crate) fn new(spec: &JobSpec, output: &Output, progress: watch::Receiver<JobProgress>) -> Self {
        Self { output: output.clone(), budget: spec.budget, progress, before: 0 }
    }

    /// Takes note of an event; milestones get a line.
    pub(crate) fn note(&mut self, event: &JobEvent) {
        match event {
            JobEvent::Started { evaluations, .. } => {
                self.before = *evaluations;
                if *evaluations > 0 {
                    self.output.note(&format!("going on; {evaluations} evaluations are known already"));
                }
            }
            JobEvent::Restarted { actor, cause } => {
                self.output
                    .warning(&format!("the {actor} died and goes on from the last checkpoint: {cause}"));
            }
            JobEvent::TakenOver { node } => {
                self.output.warning(&format!("node {node} has taken the job over"));
            }
            JobEvent::Stopping => {
                self.output.note("stopping: calls under way are waited for, they are paid for");
            }
            JobEvent::Closing { evaluations } => {
                self.output.note(&format!(
                    "the search is over; {evaluations} evaluations on sealed test cases follow"
                ));
            }
            event => {
                if let Some(score) = improvement(event) {
                    let evaluations = self.progress.borrow().evaluations;
                    self.output.note(&format!("best {score:.3} after {evaluations} evaluations"));
                }
            }
        }
    }

    /// Draws the line of progress.
    pub(crate) fn draw(&self) {
        let progress = *self.progress.borrow();
        let bar = self.output.bar();
        let share = match progress.closing {
            (_, 0) => share(&self.budget, &progress),
            (done, all) => Some(done as f64 / all as f64),
        };
        bar.set_position((share.unwrap_or(0.0).clamp(0.0, 1.0) * BAR_STEPS as f64) as u64);
        bar.set_message(self.message(&progress));
    }

    /// Takes the line of progress away.
    pub(crate) fn end(&self) {
        self.output.bar().finish_and_clear();
    }

    fn message(&self, progress: &JobProgress) -> String {
        if progress.closing.1 > 0 {
            return format!("report: {} of {} test evaluations", progress.closing.0, progress.closing.1);
        }
        let of = |most: Option<String>| most.map_or_else(String::new, |most| format!("/{most}"));
        let mut text = format!(
            "best {:.3} mean {:.3} diversity {:.2} · {}{}",
            progress.best,
            progress.mean,
            progress.diversity,
            progress.evaluations,
            of(self.budget.evaluations.map(|most| most.to_string())),
        );
        if progress.dollars > 0.0 || self.budget.dollars.is_some() {
            let most = of(self.budget.dollars.map(|most| format!("${most:.2}")));
            let _ = write!(text, " · ${:.4}{most}", progress.dollars);
        }
        if let Some(rate) = self.rate(progress) {
            let _ = write!(text, " · {rate:.1}/s");
        }
        if let Some(seconds) = self.seconds_left(progress) {
            let _ = write!(text, " · {} left", clock(seconds));
        }
        text
    }

    /// Evaluations a second in this session.
    fn rate(&self, progress: &JobProgress) -> Option<f64> {
        let made = progress.evaluations.saturating_sub(self.before);
        (made > 0 && progress.seconds > 1.0).then(|| made as f64 / progress.seconds)
    }

    /// Until the first budget ends, at the pace of this session.
    fn seconds_left(&self, progress: &JobProgress) -> Option<f64> {
        let by_evaluations = self
            .budget
            .evaluations
            .zip(self.rate(progress))
            .map(|(most, rate)| most.saturating_sub(progress.evaluations) as f64 / rate);
        let by_minutes = self.budget.minutes.map(|minutes| minutes * 60.0 - progress.seconds);
        let by_dollars = self
            .budget
            .dollars
            .filter(|_| progress.dollars > 0.0 && self.before == 0)
            .map(|most| (most - progress.dollars) * progress.seconds / progress.dollars);
        let all = [by_evaluations, by_minutes, by_dollars].into_iter().flatten();
        all.min_by(f64::total_cmp).map(|seconds| seconds.max(0.0))
    }
}

/// The largest part of a budget that is used up.
pub(super) fn share(budget: &JobBudget, progress: &JobProgress) -> Option<f64> {
    let parts = [
        budget.evaluations.map(|most| progress.evaluations as f64 / most as f64),
        budget.dollars.map(|most| progress.dollars / most),
        budget.tokens.map(|most| progress.tokens as f64 / most as f64),
        budget.minutes.map(|most| progress.seconds / (most * 60.0)),
    ];
    parts.into_iter().flatten().max_by(f64::total_cmp)
}

/// Seconds as minutes and seconds, or with hours where there are any.
pub(crate) fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_on_a_clock() {
        assert_eq!(clock(0.4), "0:00");
        assert_eq!(clock(61.0), "1:01");
        assert_eq!(clock(3_661.0), "1:01:01");
    }

    #[test]
    fn the_bar_shows_the_budget_that_ends_first() {
        let progress = JobProgress { evaluations: 50, dollars: 0.9, seconds: 6.0, ..JobProgress::default() };
        let budget = JobBudget { evaluations: Some(100), dollars: Some(1.0), ..JobBudget::default() };
        assert_eq!(share(&budget, &progress), Some(0.9));
        assert_eq!(share(&JobBudget { minutes: Some(0.2), ..JobBudget::default() }, &progress), Some(0.5));
        assert_eq!(share(&JobBudget::default(), &progress), None);
    }
}
