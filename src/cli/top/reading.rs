//! What one page says about a process, under the names that `evohub` gives its metrics.

use evohub::target::{Page, Sample};
use serde::Serialize;

use super::counts::{ByName, Counts, shown};
use super::histogram::Histogram;

/// All that is looked for on a page. Counters are since the start of the process.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub(super) build: Option<Build>,
    /// In seconds since 1970.
    pub(super) started_at: Option<f64>,
    /// Jobs by state.
    pub(super) jobs: Counts,
    /// Generations completed, of all jobs.
    pub(super) generations: u64,
    /// Populations by job; the name is empty where the page does not tell jobs apart.
    pub(super) standings: ByName<Standing>,
    /// Candidates by what became of them.
    pub(super) candidates: Counts,
    pub(super) evaluations: Evaluations,
    /// By `provider:model`.
    pub(super) models: ByName<Model>,
    pub(super) limits: Vec<Limit>,
    /// Time that is added to a model's call.
    pub(super) llm_overhead: Histogram,
    pub(super) actors: ByName<Actor>,
    pub(super) store: Histogram,
    pub(super) journal_lag: Histogram,
    /// HTTP requests by status.
    pub(super) requests: Counts,
    /// Trace spans by what became of them.
    pub(super) spans: Counts,
    pub(super) process: Process,
}

/// The program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Build {
    pub(super) version: String,
    pub(super) revision: String,
    pub(super) rustc: String,
}

/// A population.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Standing {
    pub(super) best: Option<f64>,
    pub(super) mean: Option<f64>,
    pub(super) diversity: Option<f64>,
    pub(super) size: Option<f64>,
}

/// Measurements of candidates.
#[derive(Debug, Clone, Default)]
pub(super) struct Evaluations {
    pub(super) by_outcome: Counts,
    pub(super) failures: Counts,
    pub(super) cache_hits: Counts,
    pub(super) cache_misses: Counts,
    pub(super) saved: Counts,
    pub(super) duration: Histogram,
    pub(super) queue_wait: Histogram,
    pub(super) slow: Option<Slow>,
}

/// A slow observation that a trace tells more about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Slow {
    pub(super) seconds: f64,
    pub(super) trace_id: String,
}

/// A language model.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// Calls by outcome: `success`, or the type of the error.
    pub(super) calls: Counts,
    pub(super) dollars: f64,
    /// Tokens by direction: `input` (of which `cached` were ready) and `output`.
    pub(super) tokens: Counts,
    pub(super) retries: u64,
    pub(super) in_flight: f64,
    pub(super) duration: Histogram,
}

/// What a provider allows now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Limit {
    pub(super) provider: String,
    pub(super) kind: String,
    pub(super) limit: f64,
}

/// All actors of a kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Actor {
    pub(super) alive: f64,
    pub(super) depth: f64,
    pub(super) messages: u64,
    pub(super) restarts: u64,
    pub(super) dead_letters: u64,
    pub(super) wait: Histogram,
    pub(super) handle: Histogram,
}

/// The process and its runtime.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) memory_bytes: Option<f64>,
    pub(super) open_fds: Option<f64>,
    pub(super) max_fds: Option<f64>,
    pub(super) workers: Option<f64>,
    pub(super) tasks: Option<f64>,
    pub(super) queue: Option<f64>,
}

/// Most limits that are kept.
const MOST_LIMITS: usize = 64;

impl From<&Page> for Reading {
    fn from(page: &Page) -> Self {
        Self {
            build: build(page),
            started_at: page.value("process_start_time_seconds"),
            jobs: counts(page, "evolution_jobs", "state"),
            generations: page.value("evolution_generations_completed_total").unwrap_or(0.0) as u64,
            standings: standings(page),
            candidates: counts(page, "evolution_candidates_total", "outcome"),
            evaluations: Evaluations {
                by_outcome: counts(page, "prompt_evaluations_total", "outcome"),
                failures: counts(page, "prompt_evaluations_failed_total", "error_type"),
                cache_hits: counts(page, "evaluation_cache_hits_total", "tier"),
                cache_misses: counts(page, "evaluation_cache_misses_total", "tier"),
                saved: counts(page, "evaluations_saved_total", "by"),
                duration: histogram(page, "evaluation_duration_seconds"),
                queue_wait: histogram(page, "evaluation_queue_wait_seconds"),
                slow: slow(page, "evaluation_duration_seconds_bucket"),
            },
            models: models(page),
            limits: limits(page),
            llm_overhead: histogram(page, "llm_overhead_seconds"),
            actors: actors(page),
            store: histogram(page, "store_operation_seconds"),
            journal_lag: histogram(page, "journal_lag_seconds"),
            requests: counts(page, "http_requests_total", "status"),
            spans: counts(page, "trace_spans_total", "outcome"),
            process: Process {
                cpu_seconds: page.value("process_cpu_seconds_total"),
                memory_bytes: page.value("process_resident_memory_bytes"),
                open_fds: page.value("process_open_fds"),
                max_fds: page.value("process_max_fds"),
                workers: page.value("tokio_runtime_workers"),
                tasks: page.value("tokio_runtime_alive_tasks"),
                queue: page.value("tokio_runtime_global_queue_depth"),
            },
        }
    }
}

fn build(page: &Page) -> Option<Build> {
    let labels = &page.samples("evohub_build_info").first()?.labels;
    let get = |name| shown(labels.get(name));
    Some(Build { version: get("version"), revision: get("revision"), rustc: get("rustc") })
}

/// What a counter or a gauge says by the values of one label, whatever its other labels.
fn counts(page: &Page, name: &str, label: &str) -> Counts {
    let mut counts = Counts::default();
    page.samples(name).iter().for_each(|sample| add(counts.entry(sample.labels.get(label)), sample));
    counts
}

/// Adds to a count. What is no number counts nothing.
fn add(count: &mut u64, sample: &Sample) {
    *count = count.saturating_add(sample.value as u64);
}

/// Has `put` look at each sample of a metric, with the place of what it is about.
fn each<T: Default>(
    places: &mut ByName<T>,
    page: &Page,
    name: &str,
    place: impl Fn(&Sample) -> String,
    put: impl Fn(&mut T, &Sample),
) {
    page.samples(name).iter().for_each(|sample| put(places.entry(&place(sample)), sample));
}

/// Adds the series of a histogram up, by what they are about.
fn histograms<T: Default>(
    places: &mut ByName<T>,
    page: &Page,
    name: &str,
    place: impl Fn(&Sample) -> String,
    histogram: impl Fn(&mut T) -> &mut Histogram,
) {
    each(places, page, &format!("{name}_bucket"), &place, |of, sample| add_bucket(histogram(of), sample));
    each(places, page, &format!("{name}_sum"), &place, |of, sample| histogram(of).add_sum(sample.value));
}

fn histogram(page: &Page, name: &str) -> Histogram {
    let mut histogram = Histogram::default();
    page.samples(&format!("{name}_bucket")).iter().for_each(|sample| add_bucket(&mut histogram, sample));
    page.samples(&format!("{name}_sum")).iter().for_each(|sample| histogram.add_sum(sample.value));
    histogram
}

fn add_bucket(histogram: &mut Histogram, bucket: &Sample) {
    if let Ok(bound) = bucket.labels.get("le").parse() {
        histogram.add_bucket(bound, bucket.value);
    }
}

/// The slowest observation that left a trace.
fn slow(page: &Page, name: &str) -> Option<Slow> {
    let exemplars = page.samples(name).iter().filter_map(|sample| sample.exemplar.as_ref());
    let slowest = exemplars
        .filter(|exemplar| !exemplar.labels.get("trace_id").is_empty())
        .max_by(|a, b| a.value.total_cmp(&b.value))?;
    Some(Slow { seconds: slowest.value, trace_id: shown(slowest.labels.get("trace_id")) })
}

fn standings(page: &Page) -> ByName<Standing> {
    let mut standings = ByName::default();
    let job = |sample: &Sample| sample.labels.get("job").to_owned();
    each(&mut standings, page, "evolution_best_fitness", job, |of: &mut Standing, gauge| {
        of.best = Some(gauge.value);
    });
    each(&mut standings, page, "evolution_mean_fitness", job, |of, gauge| of.mean = Some(gauge.value));
    each(&mut standings, page, "evolution_population_diversity", job, |of, gauge| {
        of.diversity = Some(gauge.value);
    });
    each(&mut standings, page, "evolution_population_size", job, |of, gauge| of.size = Some(gauge.value));
    standings
}

fn models(page: &Page) -> ByName<Model> {
    let mut models = ByName::default();
    let model = |sample: &Sample| format!("{}:{}", sample.labels.get("provider"), sample.labels.get("model"));
    each(&mut models, page, "llm_api_calls_total", model, |of: &mut Model, counter| {
        add(of.calls.entry(counter.labels.get("outcome")), counter);
    });
    each(&mut models, page, "llm_api_cost_dollars_total", model, |of, counter| of.dollars += counter.value);
    each(&mut models, page, "llm_tokens_total", model, |of, counter| {
        add(of.tokens.entry(counter.labels.get("direction")), counter);
    });
    each(&mut models, page, "llm_api_retries_total", model, |of, counter| add(&mut of.retries, counter));
    each(&mut models, page, "llm_api_in_flight", model, |of, gauge| of.in_flight += gauge.value);
    histograms(&mut models, page, "llm_api_duration_seconds", model, |of| &mut of.duration);
    models
}

fn limits(page: &Page) -> Vec<Limit> {
    let limit = |sample: &Sample| Limit {
        provider: shown(sample.labels.get("provider")),
        kind: shown(sample.labels.get("kind")),
        limit: sample.value,
    };
    page.samples("llm_api_limit").iter().take(MOST_LIMITS).map(limit).collect()
}

fn actors(page: &Page) -> ByName<Actor> {
    let mut actors = ByName::default();
    let actor = |sample: &Sample| sample.labels.get("actor").to_owned();
    each(&mut actors, page, "actors_alive", actor, |of: &mut Actor, gauge| of.alive += gauge.value);
    each(&mut actors, page, "actor_mailbox_depth", actor, |of, gauge| of.depth += gauge.value);
    each(&mut actors, page, "actor_messages_total", actor, |of, n| add(&mut of.messages, n));
    each(&mut actors, page, "actor_restarts_total", actor, |of, n| add(&mut of.restarts, n));
    each(&mut actors, page, "actor_dead_letters_total", actor, |of, n| add(&mut of.dead_letters, n));
    histograms(&mut actors, page, "actor_mailbox_wait_seconds", actor, |of| &mut of.wait);
    histograms(&mut actors, page, "actor_handle_seconds", actor, |of| &mut of.handle);
    actors
}
