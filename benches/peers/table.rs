//! Medians over seeds.

use crate::server::quantile;
use crate::sweep::Row;

/// Prints a line for each system. Runs that failed are counted and left out.
pub(crate) fn print(systems: &[String], rows: &[Row]) {
    let width = systems.iter().map(|system| system.chars().count()).max().unwrap_or(0).max(6);
    println!(
        "\n{:width$}  seeds  busy %    wall s  task calls  proposals  accuracy of the chosen prompt",
        "system"
    );
    for system in systems {
        let all: Vec<&Row> = rows.iter().filter(|row| row.system == *system).collect();
        let ended: Vec<&Row> = all.iter().copied().filter(|row| row.error.is_none()).collect();
        let median = |value: fn(&Row) -> f64| middle(ended.iter().map(|row| value(row)).collect());
        let mut accuracies: Vec<f64> = ended.iter().map(|row| row.accuracy).collect();
        accuracies.sort_by(f64::total_cmp);
        let failed = match all.len() - ended.len() {
            0 => String::new(),
            failed => format!("  ({failed} failed)"),
        };
        println!(
            "{system:width$}  {:5}  {:6.1}  {:8.1}  {:10.0}  {:9.0}  {:.3} {}{failed}",
            ended.len(),
            100.0 * median(|row| row.busy),
            median(|row| row.seconds),
            median(|row| row.task_calls as f64),
            median(|row| row.proposals as f64),
            middle(accuracies.clone()),
            spread(&accuracies),
        );
    }
    println!("medians; [95 % interval of the median], or (range) of too few seeds for one");
}

fn middle(values: Vec<f64>) -> f64 {
    let upper = quantile(values.clone(), 0.5);
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = values.into_iter().map(|value| -value).collect();
    (upper - quantile(lower, 0.5)) / 2.0
}

/// The interval between two order statistics that holds the median of any distribution in 95 of 100 samples or more.
fn spread(sorted: &[f64]) -> String {
    let Some((lowest, highest)) = sorted.first().zip(sorted.last()) else { return String::new() };
    let count = sorted.len();
    // The chance that so many values at most lie below the median.
    let mut below = 0.5_f64.powi(count as i32);
    let mut term = below;
    let mut cut = 0;
    while 2.0 * below <= 0.05 {
        cut += 1;
        term *= (count + 1 - cut) as f64 / cut as f64;
        below += term;
    }
    match cut {
        0 => format!("({lowest:.3} to {highest:.3})"),
        cut => format!("[{:.3} to {:.3}]", sorted[cut - 1], sorted[count - cut]),
    }
}
