//! The asynchronous runtime.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::runtime::Handle;

use super::declare::Declarations;
use super::name::families;

families! {
    TOKIO_RUNTIME_WORKERS: Gauge = "tokio_runtime_workers", "Threads that run tasks";
    TOKIO_RUNTIME_ALIVE_TASKS: Gauge = "tokio_runtime_alive_tasks", "Tasks that have not ended";
    TOKIO_RUNTIME_GLOBAL_QUEUE_DEPTH: Gauge = "tokio_runtime_global_queue_depth",
        "Tasks that wait in the queue that all threads share";
}

pub(super) fn declare(declare: &mut Declarations) {
    let gauges = [
        names::TOKIO_RUNTIME_WORKERS,
        names::TOKIO_RUNTIME_ALIVE_TASKS,
        names::TOKIO_RUNTIME_GLOBAL_QUEUE_DEPTH,
    ];
    declare.collector(gauges.map(|name| name.declaration()), Runtime);
}

/// The runtime on which the page is made.
#[derive(Debug)]
struct Runtime;

impl Collector for Runtime {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(handle) = Handle::try_current() else { return Ok(()) };
        let metrics = handle.metrics();
        for (name, value) in [
            (names::TOKIO_RUNTIME_WORKERS, metrics.num_workers()),
            (names::TOKIO_RUNTIME_ALIVE_TASKS, metrics.num_alive_tasks()),
            (names::TOKIO_RUNTIME_GLOBAL_QUEUE_DEPTH, metrics.global_queue_depth()),
        ] {
            let metric = encoder.encode_descriptor(name.bare(), name.help(), None, MetricType::Gauge)?;
            ConstGauge::new(value as i64).encode(metric)?;
        }
        Ok(())
    }
}
