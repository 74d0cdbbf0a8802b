//! Figures without a screen: as text, and as one JSON document.

use evohub::target::{Address, TargetError};
use serde::Serialize;
use serde_json::json;

use super::figures::{Figures, LlmFigures, Population};
use super::health::Health;
use super::histogram::Latency;
use super::numbers::{
    UNKNOWN, bytes, count, dollars, fitness, kinds, known, milliseconds, percent, percentile, rate, seconds,
};
use crate::cli::display::clock;
use crate::cli::table::Table;

/// Kinds that are told one by one.
const KINDS: usize = 8;

/// The figures as lines and tables.
pub(super) fn text(address: &Address, figures: &Figures, health: &Result<Health, TargetError>) -> String {
    let tables = [latencies(figures), models(figures), actors(figures), checks(health)];
    let mut parts = vec![overview(address, figures, health)];
    parts.extend(tables.into_iter().flatten());
    parts.join("\n")
}

/// The figures as JSON. Where the health is not known, the reason stands in its place.
pub(super) fn json(
    address: &Address,
    figures: &Figures,
    health: &Result<Health, TargetError>,
) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        address: String,
        health: serde_json::Value,
        #[serde(flatten)]
        figures: &'a Figures,
    }
    let health = match health {
        Ok(health) => json!(health),
        Err(error) => json!({"status": null, "error": error.to_string()}),
    };
    serde_json::to_string_pretty(&Document { address: address.to_string(), health, figures })
}

/// A name at the beginning of each line.
fn overview(address: &Address, figures: &Figures, health: &Result<Health, TargetError>) -> String {
    let Figures { evaluations, jobs, process, .. } = figures;
    let mut lines = vec![("process", about(address, figures)), ("health", status(health))];
    lines.push(("figures", "of the whole time since its start".to_owned()));
    lines.push(("jobs", or_none(&jobs.by_state.most_first())));
    lines.push(("generations", count(jobs.generations_completed)));
    lines.extend(jobs.populations.iter().map(|population| ("population", standing(population))));
    lines.push(("candidates", or_none(&jobs.candidates.most_first())));
    let errors = |share| known(share, percent);
    lines.push((
        "evaluations",
        format!(
            "{}; {}/s, errors {}",
            or_none(&evaluations.by_outcome.most_first()),
            known(evaluations.per_second, rate),
            errors(evaluations.error_rate)
        ),
    ));
    lines.push(("failed", or_none(&evaluations.failed_by_type.most_first())));
    let hits = or_none(&evaluations.cache_hits.most_first());
    lines.push(("cache hits", format!("{hits}; {} of look-ups", errors(evaluations.cache_hit_rate))));
    lines.push(("saved", or_none(&evaluations.saved.most_first())));
    lines.extend(model_calls(&figures.llm));
    let requests = or_none(&figures.http.by_status.most_first());
    lines.push(("http", format!("{requests}; errors {}", errors(figures.http.error_rate))));
    lines.push(("trace spans", or_none(&figures.trace_spans.most_first())));
    let most = process.max_fds.map_or_else(String::new, |most| format!(" of {}", count(most)));
    lines.push((
        "resources",
        format!(
            "cpu {}, memory {}, {}{most} files, {} tasks ({} queued) on {} threads",
            known(process.cpus, |cpus| format!("{:.0} %", cpus * 100.0)),
            known(process.resident_memory_bytes, bytes),
            known(process.open_fds, count),
            known(process.tokio_tasks, count),
            known(process.tokio_queue, count),
            known(process.tokio_workers, count),
        ),
    ));
    lines.into_iter().map(|(name, what)| format!("{name:<13}{what}\n")).collect()
}

fn about(address: &Address, figures: &Figures) -> String {
    let build = known(figures.build.as_ref(), |build| {
        format!("evohub {} ({}, {})", build.version, build.revision, build.rustc)
    });
    format!("{address}, {build}, up {}", known(figures.uptime_seconds, clock))
}

fn status(health: &Result<Health, TargetError>) -> String {
    match health {
        Ok(health) => health.status.clone(),
        Err(error) => format!("unknown: {error}"),
    }
}

fn standing(population: &Population) -> String {
    let job = population.job.as_ref().map_or_else(String::new, |job| format!(" ({job})"));
    format!(
        "best {}, mean {}, diversity {}, {} candidates{job}",
        known(population.best_fitness, fitness),
        known(population.mean_fitness, fitness),
        known(population.diversity, fitness),
        known(population.size, count),
    )
}

fn model_calls(llm: &LlmFigures) -> [(&'static str, String); 4] {
    let limit = llm.in_flight_limit.map_or_else(String::new, |limit| format!(" of {}", count(limit)));
    [
        (
            "model calls",
            format!(
                "{}; {}/s, errors {}, {} retries",
                or_none(&llm.calls.most_first()),
                known(llm.calls_per_second, rate),
                known(llm.error_rate, percent),
                count(llm.retries)
            ),
        ),
        ("in flight", format!("{}{limit}", count(llm.in_flight))),
        (
            "tokens",
            format!("{}; {}/s", or_none(&llm.tokens.most_first()), known(llm.tokens_per_second, rate)),
        ),
        ("spent", format!("{}; {} a minute", dollars(llm.dollars), known(llm.dollars_per_minute, dollars))),
    ]
}

fn or_none(all: &[(&str, u64)]) -> String {
    if all.is_empty() { "none".to_owned() } else { kinds(all, KINDS) }
}

fn latencies(figures: &Figures) -> Option<String> {
    let mut table = Table::new(["latency", "n", "mean", "p50", "p95", "p99"]);
    let mut row = |name: &str, latency: &Latency| {
        table.row([
            name.to_owned(),
            count(latency.count),
            known(latency.mean_seconds, seconds),
            percentile(latency, latency.p50_seconds),
            percentile(latency, latency.p95_seconds),
            percentile(latency, latency.p99_seconds),
        ]);
    };
    row("evaluation", &figures.evaluations.duration);
    row("wait for worker", &figures.evaluations.queue_wait);
    row("model call", &figures.llm.duration);
    row("model overhead", &figures.llm.overhead);
    row("store", &figures.store.operation);
    row("journal lag", &figures.store.journal_lag);
    let slow = figures.evaluations.slow.as_ref().map_or_else(String::new, |slow| {
        format!("the slowest evaluation with a trace: {}, {}\n", seconds(slow.seconds), slow.trace_id)
    });
    Some(format!("{table}{slow}"))
}

fn models(figures: &Figures) -> Option<String> {
    let mut table =
        Table::new(["model", "calls", "errors", "retries", "in flight", "p95", "tokens", "spent"]);
    for model in &figures.llm.models {
        table.row([
            model.model.clone(),
            count(model.calls),
            known(model.error_rate, percent),
            count(model.retries),
            count(model.in_flight),
            percentile(&model.duration, model.duration.p95_seconds),
            count(model.tokens),
            dollars(model.dollars),
        ]);
    }
    (!figures.llm.models.is_empty()).then(|| table.to_string())
}

fn actors(figures: &Figures) -> Option<String> {
    let heads = ["actor", "alive", "mailbox", "wait p95", "msg/s", "handle p95", "restarts", "dead letters"];
    let mut table = Table::new(heads);
    for actor in &figures.actors {
        table.row([
            actor.actor.clone(),
            count(actor.alive),
            count(actor.mailbox_depth),
            percentile(&actor.mailbox_wait, actor.mailbox_wait.p95_seconds),
            known(actor.messages_per_second, rate),
            percentile(&actor.handle, actor.handle.p95_seconds),
            count(actor.restarts),
            count(actor.dead_letters),
        ]);
    }
    (!figures.actors.is_empty()).then(|| table.to_string())
}

fn checks(health: &Result<Health, TargetError>) -> Option<String> {
    let checks = &health.as_ref().ok()?.checks;
    let mut table = Table::new(["check", "status", "took", "message"]);
    for check in checks {
        table.row([
            check.name.clone(),
            check.status.clone(),
            known(check.response_time_ms, milliseconds),
            check.message.clone().unwrap_or_else(|| UNKNOWN.to_owned()),
        ]);
    }
    (!checks.is_empty()).then(|| table.to_string())
}
