//! Every metric of the program, declared once: name, labels, meaning.
//!
//! [`Metrics`] is the shared registry. There is no global one: whoever starts actors hands it on, so that two engines
//! in one process, or two tests, do not count each other's work. Series are bounded: see [`MetricsConfig`].

mod actors;
mod build;
mod business;
mod catalogue;
mod cluster;
mod declare;
mod durations;
mod evaluation;
mod evolution;
mod http;
mod islands;
mod jobs;
mod labels;
mod llm;
#[cfg(target_os = "linux")]
mod memory_limit;
mod name;
mod pool;
mod process;
mod runtime;
mod series;
mod share;
mod store;
mod telemetry;

/// The name of each family, with its type and labels, for those who ask for it: a query that is made from these does
/// not outlive what it asks for.
pub mod names {
    pub use super::actors::names::*;
    pub use super::build::names::*;
    pub use super::business::names::*;
    pub use super::cluster::names::*;
    pub use super::declare::names::*;
    pub use super::evaluation::names::*;
    pub use super::evolution::names::*;
    pub use super::http::names::*;
    pub use super::islands::names::*;
    pub use super::jobs::names::*;
    pub use super::llm::names::*;
    pub use super::name::{Counter, Gauge, Histogram, Info, Labels, Name, NoLabels, Type};
    pub use super::process::names::*;
    pub use super::runtime::names::*;
    pub use super::store::names::*;
    pub use super::telemetry::names::*;
}

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text;
pub use prometheus_client::registry::Registry;

pub use actors::{ActorMetrics, Alive, Handling, Mailbox, RestartCause, Stuck, Ticket};
pub use build::BuildInfo;
pub use business::{BusinessMetrics, Rating, Session};
pub use catalogue::{Declaration, Kind};
pub use cluster::{ClusterMetrics, Direction, NodeState, RedispatchCause, Refusal};
pub use durations::Durations;
pub use evaluation::{CacheTier, EvaluationMetrics, SavedBy};
pub use evolution::{EvolutionMetrics, MigrationTopology};
pub use http::{HttpMetrics, HttpRequestGuard};
pub use islands::{IslandFigures, IslandMetrics, MOST_JOBS};
pub use jobs::{JobMetrics, JobPhase};
pub use llm::{CallInFlight, LimitKind, LlmMetrics, ModelMetrics, OverheadCause};
pub use pool::{PoolHandling, PoolMetrics};
pub use share::GaugeShare;
pub use store::{Connections, SharedCacheMetrics, StoreMetrics};
pub use telemetry::{SpanOutcome, TelemetryMetrics};

use declare::Declarations;

/// What may be set.
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// The program that is running.
    pub build: BuildInfo,
    /// Most series of one family. What comes on top is folded into series whose open labels (a model, an operator)
    /// say `other`, and counted by `metrics_series_folded_total`.
    pub max_series: usize,
    /// Whether the gauges of running jobs carry a `job` label, for up to [`MOST_JOBS`] jobs at once. Its
    /// series go when the job ends.
    pub job_label: bool,
}

impl MetricsConfig {
    /// The standard settings: 256 series of a family, no `job` label.
    pub fn new(build: BuildInfo) -> Self {
        Self { build, max_series: 256, job_label: false }
    }
}

impl Default for MetricsConfig {
    /// The standard settings, for a program that does not say what it was built from.
    fn default() -> Self {
        Self::new(BuildInfo::default())
    }
}

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of a process (or of an engine, where a process has several).
pub struct Metrics {
    /// HTTP requests served.
    pub http: HttpMetrics,
    /// Jobs, generations, populations.
    pub evolution: EvolutionMetrics,
    /// Measurements of candidates.
    pub evaluation: EvaluationMetrics,
    /// Calls of language models.
    pub llm: LlmMetrics,
    /// What users make of the prompts.
    pub business: BusinessMetrics,
    /// Mailboxes and handlers.
    pub actors: ActorMetrics,
    /// The nodes of the cluster and the links between them.
    pub cluster: ClusterMetrics,
    /// The durable store and the journal before it.
    pub store: StoreMetrics,
    /// The health of logs and traces themselves.
    pub telemetry: TelemetryMetrics,
    registry: Mutex<Registry>,
    catalogue: Vec<Declaration>,
}

impl Metrics {
    /// Declares all metrics, with nothing counted yet.
    pub fn new(config: &MetricsConfig) -> Arc<Self> {
        let mut declare = Declarations::new(config.max_series);
        build::declare(&mut declare, &config.build);
        let http = HttpMetrics::declare(&mut declare);
        let evolution = EvolutionMetrics::declare(&mut declare, config.job_label);
        let evaluation = EvaluationMetrics::declare(&mut declare);
        let llm = LlmMetrics::declare(&mut declare);
        let business = BusinessMetrics::declare(&mut declare);
        let actors = ActorMetrics::declare(&mut declare);
        let cluster = ClusterMetrics::declare(&mut declare);
        let store = StoreMetrics::declare(&mut declare);
        let telemetry = TelemetryMetrics::declare(&mut declare);
        #[cfg(target_os = "linux")]
        process::declare(&mut declare);
        runtime::declare(&mut declare);
        let (registry, catalogue) = declare.finish();
        let registry = Mutex::new(registry);
        Arc::new(Self {
            http,
            evolution,
            evaluation,
            llm,
            business,
            actors,
            cluster,
            store,
            telemetry,
            registry,
            catalogue,
        })
    }

    /// Adds metrics of an embedding service to the page. Names that are taken here should be left alone.
    pub fn extend(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.lock());
    }

    /// The page for Prometheus, in OpenMetrics text form. Takes a few milliseconds for ten thousand series; not for
    /// an asynchronous worker thread.
    pub fn encode(&self) -> String {
        let mut page = String::with_capacity(1 << 16);
        // Writing to memory does not fail; a collector that has nothing to say says nothing.
        let _ = text::encode(&mut page, &self.lock());
        page
    }

    /// What is declared, in the order of the page.
    pub fn catalogue(&self) -> &[Declaration] {
        &self.catalogue
    }

    /// The catalogue as a Markdown table.
    pub fn catalogue_table(&self) -> String {
        catalogue::markdown(&self.catalogue)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        // A collector that panicked has left nothing half done.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("families", &self.catalogue.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
