//! Live progress of runs that go on at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use evohub::{JobBudget, JobProgress};

use crate::cli::display::share;
use crate::cli::output::{BAR_STEPS, Output};

/// Shows how the runs of a comparison go on.
pub(super) struct Board {
    output: Output,
    runs: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ended: usize,
    /// Share of the budget that is used up, and words, by name of the run.
    running: BTreeMap<String, (f64, String)>,
}

impl Board {
    pub(super) fn new(output: &Output, runs: usize) -> Self {
        output.show_bar();
        Self { output: output.clone(), runs, state: Mutex::default() }
    }

    /// Where messages go.
    pub(super) fn output(&self) -> &Output {
        &self.output
    }

    /// Shows where a run stands.
    pub(super) fn show(&self, label: &str, budget: &JobBudget, progress: &JobProgress) {
        let (part, words) = match progress.closing {
            (done, all) if all > 0 => (1.0, format!("{label}: report {done}/{all}")),
            _ => {
                let most = budget.evaluations.map_or_else(String::new, |most| format!("/{most}"));
                let words = format!("{label}: best {:.3} · {}{most}", progress.best, progress.evaluations);
                (share(budget, progress).unwrap_or(0.0).clamp(0.0, 1.0), words)
            }
        };
        let mut state = self.lock();
        state.running.insert(label.to_owned(), (part, words));
        self.draw(&state);
    }

    /// Says how a run ended.
    pub(super) fn ended(&self, label: &str, how: &str) {
        let mut state = self.lock();
        state.running.remove(label);
        state.ended += 1;
        self.output.note(&format!("{label}: {how} ({} of {})", state.ended, self.runs));
        self.draw(&state);
    }

    fn draw(&self, state: &State) {
        let done = state.ended as f64 + state.running.values().map(|(part, _)| part).sum::<f64>();
        let bar = self.output.bar();
        bar.set_position((done / self.runs as f64 * BAR_STEPS as f64) as u64);
        let words: Vec<&str> = state.running.values().map(|(_, words)| words.as_str()).collect();
        bar.set_message(format!("{} of {} runs · {}", state.ended, self.runs, words.join(" · ")));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
