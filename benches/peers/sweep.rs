//! Many runs, several at once, and what came of them.

use std::path::PathBuf;
use std::time::Instant;

use futures::StreamExt;
use serde::Serialize;

use crate::server::{Call, busy, lateness, seconds};
use crate::stub::SLOTS;
use crate::system::{Chosen, System};
use crate::{FOLDER, table};

/// What is run, and how often.
pub(crate) struct Plan {
    pub(crate) systems: Vec<System>,
    /// Runs of each system.
    pub(crate) seeds: u64,
    /// Seed of the first of them.
    pub(crate) first: u64,
    /// Task calls of a search.
    pub(crate) evaluations: u64,
    /// Runs at once.
    pub(crate) parallel: usize,
}

/// One run, as it stands in the file of results.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// The landscape or the data set.
    pub(crate) place: String,
    pub(crate) system: String,
    pub(crate) seed: u64,
    /// What went wrong; the numbers are those until then.
    pub(crate) error: Option<String>,
    /// Share of the slots, from the first call to the last.
    pub(crate) busy: f64,
    /// From the beginning of the first call to the end of the last.
    pub(crate) seconds: f64,
    pub(crate) task_calls: usize,
    pub(crate) proposals: usize,
    /// Of the chosen prompt, on cases that no search saw.
    pub(crate) accuracy: f64,
    /// Milliseconds by which the endpoint answered late, p99.
    pub(crate) late_ms: f64,
    /// Processor time of the search, where it had a process of its own.
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) prompt: String,
}

impl Row {
    pub(crate) fn new(
        (place, system, seed): (&str, &System, u64),
        calls: &[Call],
        outcome: Result<(Chosen, f64), String>,
    ) -> Self {
        let proposals = calls.iter().filter(|call| call.is_proposal).count();
        let error = outcome.as_ref().err().cloned();
        let (chosen, accuracy) = outcome.ok().unzip();
        Self {
            place: place.to_owned(),
            system: system.label(),
            seed,
            error,
            busy: busy(calls, SLOTS),
            seconds: seconds(calls),
            task_calls: calls.len() - proposals,
            proposals,
            accuracy: accuracy.unwrap_or_default(),
            late_ms: lateness(calls),
            cpu_seconds: chosen.as_ref().and_then(Chosen::cpu_seconds),
            prompt: chosen.map(|chosen| chosen.text()).unwrap_or_default(),
        }
    }
}

/// Runs every system with every seed at one place, says how each run ended, and keeps all rows in a file `NAME.json`.
pub(crate) async fn run<'a, F: Future<Output = Row>>(
    plan: &'a Plan,
    name: &str,
    rows: &mut Vec<Row>,
    one: impl Fn(&'a System, u64) -> F,
) {
    let began = (Instant::now(), processor());
    let earlier = rows.len();
    let pairs = (plan.first..plan.first + plan.seeds)
        .flat_map(|seed| plan.systems.iter().map(move |system| (system, seed)));
    let mut runs =
        futures::stream::iter(pairs.map(|(system, seed)| one(system, seed))).buffer_unordered(plan.parallel);
    while let Some(row) = runs.next().await {
        match &row.error {
            Some(error) => println!("  {}, seed {}: failed: {error}", row.system, row.seed),
            None => {
                println!("  {}, seed {}: {:.3}, {:.1} s", row.system, row.seed, row.accuracy, row.seconds)
            }
        }
        rows.push(row);
        keep(name, rows);
    }
    let rows = &rows[earlier..];
    table::print(&plan.systems, rows);
    let late = rows.iter().map(|row| row.late_ms).fold(0.0, f64::max);
    let minutes = began.0.elapsed().as_secs_f64() / 60.0;
    let machine = match (began.1, processor()) {
        (Some(before), Some(now)) => {
            let share = (now.0 - before.0) as f64 / (now.1 - before.1).max(1) as f64;
            format!("{:.0} % of the machine's processors", 100.0 * share)
        }
        _ => "an unknown share of the machine's processors".to_owned(),
    };
    println!(
        "{minutes:.1} minutes, {} runs at once, {machine} in use; the endpoint was late by {late:.0} ms at most (p99 of \
         a run)",
        plan.parallel
    );
}

fn keep(name: &str, rows: &[Row]) {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let path = PathBuf::from(folder).join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(rows).unwrap();
    if let Err(error) = std::fs::write(&path, text) {
        println!("  {} cannot be written: {error}", path.display());
    }
}

/// Ticks in which processors worked, and all ticks, since the machine started.
fn processor() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    // user nice system idle iowait irq softirq steal
    let ticks: Vec<u64> = text
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|word| word.parse().ok())
        .collect();
    let all: u64 = ticks.iter().sum();
    Some((all - ticks.get(3)? - ticks.get(4)?, all))
}
