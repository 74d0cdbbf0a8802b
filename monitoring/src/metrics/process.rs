//! The process, as the operating system sees it.

use std::fmt;

use procfs::process::{LimitValue, Process};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::catalogue::Kind;
use super::declare::{Declarations, Name};
use super::memory_limit::memory_limit;

const CPU: Name = Name::seconds("process_cpu");
const CPU_HELP: &str = "Time on processors, of the user and of the system";
const MEMORY: Name = Name::with_unit("process_resident_memory", "bytes");
const MEMORY_HELP: &str = "Memory that is in RAM";
const LIMIT: Name = Name::with_unit("process_memory_limit", "bytes");
const LIMIT_HELP: &str =
    "Memory that the control group of the process may take; absent where it has no limit";
const OPEN: Name = Name::plain("process_open_fds");
const OPEN_HELP: &str = "Open file descriptors";
const MOST: Name = Name::plain("process_max_fds");
const MOST_HELP: &str = "Most file descriptors that may be open";
const START: Name = Name::seconds("process_start_time");
const START_HELP: &str = "When the process started, in seconds since 1970";

pub(super) fn declare(declare: &mut Declarations) {
    let declared = [
        (CPU, Kind::Counter, CPU_HELP),
        (MEMORY, Kind::Gauge, MEMORY_HELP),
        (LIMIT, Kind::Gauge, LIMIT_HELP),
        (OPEN, Kind::Gauge, OPEN_HELP),
        (MOST, Kind::Gauge, MOST_HELP),
        (START, Kind::Gauge, START_HELP),
    ];
    declare.collector(&declared, &[], ProcessCollector);
}

#[derive(Debug)]
struct ProcessCollector;

/// What could be found out; what could not is left out of the page.
struct Figures {
    cpu_seconds: f64,
    memory_bytes: i64,
    memory_limit: Option<u64>,
    start_seconds: Option<f64>,
    open: Option<i64>,
    most: Option<i64>,
}

impl Figures {
    fn now() -> Option<Self> {
        let process = Process::myself().ok()?;
        let stat = process.stat().ok()?;
        let ticks = procfs::ticks_per_second() as f64;
        let most = process.limits().ok().and_then(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(most) => i64::try_from(most).ok(),
            LimitValue::Unlimited => None,
        });
        Some(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            memory_bytes: i64::try_from(stat.rss * procfs::page_size()).ok()?,
            memory_limit: memory_limit(),
            start_seconds: procfs::boot_time_secs()
                .ok()
                .map(|boot| boot as f64 + stat.starttime as f64 / ticks),
            open: process.fd_count().ok().and_then(|count| i64::try_from(count).ok()),
            most,
        })
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(figures) = Figures::now() else { return Ok(()) };
        let unit = CPU.unit();
        let cpu = encoder.encode_descriptor(CPU.bare, CPU_HELP, unit.as_ref(), MetricType::Counter)?;
        ConstCounter::new(figures.cpu_seconds).encode(cpu)?;
        let mut gauge = |name: Name, help, value: Option<f64>| -> fmt::Result {
            let Some(value) = value else { return Ok(()) };
            let unit = name.unit();
            let metric = encoder.encode_descriptor(name.bare, help, unit.as_ref(), MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)
        };
        gauge(MEMORY, MEMORY_HELP, Some(figures.memory_bytes as f64))?;
        gauge(LIMIT, LIMIT_HELP, figures.memory_limit.map(|bytes| bytes as f64))?;
        gauge(OPEN, OPEN_HELP, figures.open.map(|count| count as f64))?;
        gauge(MOST, MOST_HELP, figures.most.map(|count| count as f64))?;
        gauge(START, START_HELP, figures.start_seconds)
    }
}
