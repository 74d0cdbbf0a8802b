//! What is shown: a reading of the page against earlier ones.

mod actors;
mod evaluations;
mod llm;
mod process;

use serde::Serialize;

use super::counts::Counts;
use super::histogram::{Histogram, Latency};
use super::reading::{Build, Reading};

pub(super) use actors::ActorFigures;
pub(super) use evaluations::{EvaluationFigures, per_second};
pub(super) use llm::{LlmFigures, ModelFigures};
pub(super) use process::ProcessFigures;

/// The outcome of what went well, as the page spells it.
const SUCCESS: &str = "success";

/// All figures.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figures {
    pub(super) build: Option<Build>,
    pub(super) uptime_seconds: Option<f64>,
    /// Rates a second are over so many seconds before the reading; `None` where they are not known yet.
    pub(super) rates_over_seconds: Option<f64>,
    /// Latencies, error rates and dollars a minute are over so many seconds before the reading.
    pub(super) latencies_over_seconds: Option<f64>,
    pub(super) jobs: JobFigures,
    pub(super) evaluations: EvaluationFigures,
    pub(super) llm: LlmFigures,
    /// The most waiting messages first.
    pub(super) actors: Vec<ActorFigures>,
    pub(super) store: StoreFigures,
    pub(super) http: HttpFigures,
    /// Trace spans by what became of them.
    pub(super) trace_spans: Counts,
    pub(super) process: ProcessFigures,
}

/// Jobs and their populations.
#[derive(Debug, Clone, Serialize)]
pub(super) struct JobFigures {
    /// Jobs by state.
    pub(super) by_state: Counts,
    pub(super) generations_completed: u64,
    /// Candidates by what became of them.
    pub(super) candidates: Counts,
    /// Of running jobs; one for all of them where the process does not tell them apart.
    pub(super) populations: Vec<Population>,
}

/// Where a job's population stands.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Population {
    pub(super) job: Option<String>,
    pub(super) best_fitness: Option<f64>,
    pub(super) mean_fitness: Option<f64>,
    pub(super) diversity: Option<f64>,
    pub(super) size: Option<u64>,
}

/// The store and the journal before it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StoreFigures {
    pub(super) operation: Latency,
    pub(super) journal_lag: Latency,
}

/// The HTTP side of the process.
#[derive(Debug, Clone, Serialize)]
pub(super) struct HttpFigures {
    /// Requests by status.
    pub(super) by_status: Counts,
    /// The share of requests that the server failed at, 0 to 1.
    pub(super) error_rate: Option<f64>,
}

/// An earlier reading, and how many seconds lie between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) since: &'a Reading,
    pub(super) seconds: Option<f64>,
}

impl<'a> Span<'a> {
    /// From the start of the process, when nothing was counted, to a reading.
    pub(super) fn of_life(nothing: &'a Reading, uptime: Option<f64>) -> Self {
        Self { since: nothing, seconds: uptime }
    }

    /// How fast something grew, a second.
    fn rate(self, growth: f64) -> Option<f64> {
        let seconds = self.seconds.filter(|seconds| *seconds > 0.0)?;
        Some(growth.max(0.0) / seconds)
    }
}

impl Figures {
    /// What a reading says: rates over the span of `recent`, latencies and shares over that of `minute`.
    pub(super) fn new(
        now: &Reading,
        uptime: Option<f64>,
        recent: Option<Span<'_>>,
        minute: Option<Span<'_>>,
    ) -> Self {
        Self {
            build: now.build.clone(),
            uptime_seconds: uptime,
            rates_over_seconds: recent.and_then(|span| span.seconds),
            latencies_over_seconds: minute.and_then(|span| span.seconds),
            jobs: jobs(now),
            evaluations: EvaluationFigures::new(&now.evaluations, recent, minute),
            llm: LlmFigures::new(now, recent, minute),
            actors: actors::figures(&now.actors, recent, minute),
            store: StoreFigures {
                operation: latency(minute, |since| now.store.since(&since.store)),
                journal_lag: latency(minute, |since| now.journal_lag.since(&since.journal_lag)),
            },
            http: http(now, minute),
            trace_spans: now.spans.clone(),
            process: ProcessFigures::new(&now.process, recent),
        }
    }
}

fn jobs(now: &Reading) -> JobFigures {
    let populations = now.standings.iter().map(|(job, standing)| Population {
        job: (!job.is_empty()).then(|| job.to_owned()),
        best_fitness: standing.best.filter(|value| value.is_finite()),
        mean_fitness: standing.mean.filter(|value| value.is_finite()),
        diversity: standing.diversity.filter(|value| value.is_finite()),
        size: standing.size.map(whole),
    });
    JobFigures {
        by_state: now.jobs.clone(),
        generations_completed: now.generations,
        candidates: now.candidates.clone(),
        populations: populations.collect(),
    }
}

fn http(now: &Reading, minute: Option<Span<'_>>) -> HttpFigures {
    let error_rate = minute.and_then(|span| {
        let came = now.requests.since(&span.since.requests);
        let failed: u64 = came.iter().filter(|(status, _)| status.starts_with('5')).map(|(_, n)| n).sum();
        share(failed, came.total())
    });
    HttpFigures { by_status: now.requests.clone(), error_rate }
}

/// How long something took in a span.
fn latency(span: Option<Span<'_>>, between: impl FnOnce(&Reading) -> Histogram) -> Latency {
    span.map_or_else(Latency::default, |span| between(span.since).latency())
}

/// A part of a whole, 0 to 1; `None` where there is no whole.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A gauge that counts things.
fn whole(gauge: f64) -> u64 {
    gauge.round() as u64
}
