//! The asynchronous runtime.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::runtime::Handle;

use super::catalogue::Kind;
use super::declare::{Declarations, Name};

const WORKERS: Name = Name::plain("tokio_runtime_workers");
const WORKERS_HELP: &str = "Threads that run tasks";
const TASKS: Name = Name::plain("tokio_runtime_alive_tasks");
const TASKS_HELP: &str = "Tasks that have not ended";
const QUEUE: Name = Name::plain("tokio_runtime_global_queue_depth");
const QUEUE_HELP: &str = "Tasks that wait in the queue that all threads share";

pub(super) fn declare(declare: &mut Declarations) {
    let gauges = [(WORKERS, WORKERS_HELP), (TASKS, TASKS_HELP), (QUEUE, QUEUE_HELP)];
    declare.collector(&gauges.map(|(name, help)| (name, Kind::Gauge, help)), &[], Runtime);
}

/// The runtime on which the page is made.
#[derive(Debug)]
struct Runtime;

impl Collector for Runtime {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(handle) = Handle::try_current() else { return Ok(()) };
        let metrics = handle.metrics();
        for (name, help, value) in [
            (WORKERS, WORKERS_HELP, metrics.num_workers()),
            (TASKS, TASKS_HELP, metrics.num_alive_tasks()),
            (QUEUE, QUEUE_HELP, metrics.global_queue_depth()),
        ] {
            let metric = encoder.encode_descriptor(name.bare, help, None, MetricType::Gauge)?;
            ConstGauge::new(value as i64).encode(metric)?;
        }
        Ok(())
    }
}
