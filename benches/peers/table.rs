//! What many runs say together.

use std::collections::BTreeMap;

use evohub::comparison::student_interval;
use evohub::evolution::statistics::paired_test;

use crate::server::quantile;
use crate::sweep::Row;
use crate::system::System;

/// Prints a line for each system, and one for each of evohub's beside each program. Runs that failed are counted and
/// left out.
pub(crate) fn print(systems: &[System], rows: &[Row]) {
    let labels: Vec<String> = systems.iter().map(System::label).collect();
    medians(&labels, rows);
    let (own, peers): (Vec<&System>, Vec<&System>) =
        systems.iter().partition(|system| matches!(system, System::Algorithm { .. }));
    for own in own {
        for peer in &peers {
            difference(&own.label(), &peer.label(), rows);
        }
    }
}

fn medians(systems: &[String], rows: &[Row]) {
    let width = systems.iter().map(|system| system.chars().count()).max().unwrap_or(0).max(6);
    println!(
        "\n{:width$}  seeds  busy %    wall s  task calls  proposals  accuracy of the chosen prompt, and its mean",
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
            "{system:width$}  {:5}  {:6.1}  {:8.1}  {:10.0}  {:9.0}  {:.3} {}  {}{failed}",
            ended.len(),
            100.0 * median(|row| row.busy),
            median(|row| row.seconds),
            median(|row| row.task_calls as f64),
            median(|row| row.proposals as f64),
            middle(accuracies.clone()),
            spread(&accuracies),
            mean(&accuracies),
        );
    }
    println!(
        "medians; [95 % interval of the median], or (range) of too few seeds for one; mean ± half its 95 % interval"
    );
}

/// Prints by how much the prompts of one system are more accurate than those of another; runs of one seed are a pair.
fn difference(one: &str, other: &str, rows: &[Row]) {
    let accuracies = |system: &str| -> BTreeMap<u64, f64> {
        let ended = rows.iter().filter(|row| row.system == system && row.error.is_none());
        ended.map(|row| (row.seed, row.accuracy)).collect()
    };
    let base = accuracies(other);
    let pairs = accuracies(one).into_iter().filter_map(|(seed, own)| Some((own, *base.get(&seed)?)));
    let (own, base): (Vec<f64>, Vec<f64>) = pairs.unzip();
    if own.is_empty() {
        return;
    }
    let differences: Vec<f64> = own.iter().zip(&base).map(|(own, base)| own - base).collect();
    let ahead = differences.iter().filter(|difference| **difference > 0.0).count();
    let test = paired_test(&own, &base, &vec![1.0; own.len()], 0);
    println!(
        "{one} less {other}: {}, median {:+.3}; ahead in {ahead} of {}; p = {:.3} (signs of pairs flipped)",
        mean(&differences),
        middle(differences.clone()),
        differences.len(),
        test.two_sided
    );
}

/// The mean, with half of its 95 % interval (Student).
fn mean(values: &[f64]) -> String {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let half =
        student_interval(values).map_or_else(String::new, |[_, high]| format!(" ± {:.3}", high - mean));
    format!("{mean:.3}{half}")
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
