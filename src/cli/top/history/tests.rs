use std::time::Duration;

use super::super::canned::{self, START};
use super::super::counts::ByName;
use super::*;

fn watched(seconds: impl IntoIterator<Item = u64>) -> History {
    let mut history = History::default();
    for second in seconds {
        history.push(Duration::from_secs(second), canned::reading(second + 100));
    }
    history
}

fn near(left: Option<f64>, right: f64) -> bool {
    left.is_some_and(|left| (left - right).abs() < 1e-9)
}

#[test]
fn rates_are_of_what_came_lately_and_latencies_of_the_last_minute() {
    let figures = watched(0..=90).figures(START + 190.0).unwrap();
    assert_eq!(figures.uptime_seconds, Some(190.0));
    assert_eq!((figures.rates_over_seconds, figures.latencies_over_seconds), (Some(10.0), Some(60.0)));
    let evaluations = &figures.evaluations;
    assert!(near(evaluations.per_second, 9.0) && near(evaluations.error_rate, 0.1), "{evaluations:?}");
    assert_eq!((evaluations.by_outcome.of("success"), evaluations.cache_hit_rate), (190 * 9, Some(0.25)));
    assert_eq!(evaluations.duration.count, 600);
    assert!(near(evaluations.duration.p50_seconds, 0.5) && near(evaluations.duration.p99_seconds, 2.0));
    assert!(near(evaluations.duration.mean_seconds, 0.75));
    let slow = evaluations.slow.as_ref().unwrap();
    assert_eq!((slow.seconds, &slow.trace_id[..4]), (1.75, "4bf9"));
    let llm = &figures.llm;
    assert!(near(llm.dollars_per_minute, 0.12) && near(Some(llm.dollars), 0.38), "{llm:?}");
    assert!(near(llm.tokens_per_second, 1_210.0), "cached ones are part of the input: {llm:?}");
    assert_eq!((llm.in_flight, llm.in_flight_limit), (5, Some(16)));
    assert!(near(llm.error_rate, 66.0 / 726.0), "{llm:?}");
    assert!(near(figures.process.cpus, 1.5));
    let evaluator = &figures.actors[0];
    assert_eq!((&*evaluator.actor, evaluator.mailbox_depth, evaluator.alive), ("evaluator", 7, 8));
    assert!(near(evaluator.messages_per_second, 10.0) && near(evaluator.handle.p95_seconds, 0.2375));
}

#[test]
fn one_reading_has_counts_and_no_rates() {
    let figures = watched([0]).figures(START).unwrap();
    assert_eq!((figures.evaluations.per_second, figures.llm.dollars_per_minute), (None, None));
    assert_eq!(figures.evaluations.by_outcome.of("failed"), 100);
    assert!(History::default().figures(START).is_none());
}

#[test]
fn a_single_look_is_over_the_whole_life() {
    let figures = figures_since_start(&canned::reading(200), START + 200.0);
    assert!(near(figures.evaluations.per_second, 9.0) && near(figures.llm.dollars_per_minute, 0.12));
    assert_eq!(figures.evaluations.duration.count, 2_000);
    assert!(near(figures.process.cpus, 1.5));
}

#[test]
fn only_a_minute_is_kept() {
    let history = watched(0..=300);
    assert_eq!(history.readings.len(), 61);
    assert_eq!(history.curves().evaluations_per_second.points().len(), 300);
}

#[test]
fn another_process_starts_rates_anew() {
    let mut history = watched(0..=20);
    assert_eq!(history.began_anew(), None);
    // The start is not on every page: that counters went down says as much.
    let mut reading = canned::reading(5);
    reading.started_at = None;
    history.push(Duration::from_secs(21), reading);
    assert_eq!(history.began_anew(), Some(Duration::from_secs(21)));
    let figures = history.figures(START + 5.0).unwrap();
    assert_eq!((figures.evaluations.per_second, figures.uptime_seconds), (None, None));
    history.push(Duration::from_secs(22), canned::reading(6));
    let figures = history.figures(START + 6.0).unwrap();
    assert!(near(figures.evaluations.per_second, 9.0), "no negative rate from before: {figures:?}");

    // Counters that are higher than before may still be another process's.
    let mut reading = canned::reading(500);
    reading.started_at = Some(START + 10.0);
    history.push(Duration::from_secs(23), reading);
    assert_eq!(history.began_anew(), Some(Duration::from_secs(23)));
}

#[test]
fn curves_outlive_a_restart_and_go_when_another_job_comes() {
    let mut history = watched(0..=3);
    let mut reading = canned::reading(104);
    let standing = reading.standings.get("").cloned().unwrap();
    reading.standings = ByName::default();
    history.push(Duration::from_secs(4), reading.clone());
    assert!(history.figures(START).unwrap().jobs.populations.is_empty());
    assert_eq!(history.curves().populations[""].best.points().len(), 4);
    *reading.standings.entry("films-2") = standing;
    history.push(Duration::from_secs(5), reading);
    let jobs: Vec<_> = history.curves().populations.keys().collect();
    assert_eq!(jobs, ["films-2"]);
}
