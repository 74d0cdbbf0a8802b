//! What Linux says of the process.

use std::fmt;

use procfs::process::{LimitValue, Process};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::names;
use crate::metrics::declare::Declarations;
use crate::metrics::memory_limit::memory_limit;
use crate::metrics::name::{Gauge, Name};

pub(in crate::metrics) fn declare(declare: &mut Declarations) {
    let declared = [
        names::PROCESS_CPU.declaration(),
        names::PROCESS_RESIDENT_MEMORY.declaration(),
        names::PROCESS_MEMORY_LIMIT.declaration(),
        names::PROCESS_OPEN_FDS.declaration(),
        names::PROCESS_MAX_FDS.declaration(),
        names::PROCESS_START_TIME.declaration(),
    ];
    declare.collector(declared, ProcessCollector);
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
        let cpu = names::PROCESS_CPU;
        let unit = cpu.encoded_unit();
        let seconds =
            encoder.encode_descriptor(cpu.bare(), cpu.help(), unit.as_ref(), MetricType::Counter)?;
        ConstCounter::new(figures.cpu_seconds).encode(seconds)?;
        let mut gauge = |name: Name<Gauge>, value: Option<f64>| -> fmt::Result {
            let unit = name.encoded_unit();
            // Told of in any case, with a value where there is one.
            let metric =
                encoder.encode_descriptor(name.bare(), name.help(), unit.as_ref(), MetricType::Gauge)?;
            value.map_or(Ok(()), |value| ConstGauge::new(value).encode(metric))
        };
        gauge(names::PROCESS_RESIDENT_MEMORY, Some(figures.memory_bytes as f64))?;
        gauge(names::PROCESS_MEMORY_LIMIT, figures.memory_limit.map(|bytes| bytes as f64))?;
        gauge(names::PROCESS_OPEN_FDS, figures.open.map(|count| count as f64))?;
        gauge(names::PROCESS_MAX_FDS, figures.most.map(|count| count as f64))?;
        gauge(names::PROCESS_START_TIME, figures.start_seconds)
    }
}
