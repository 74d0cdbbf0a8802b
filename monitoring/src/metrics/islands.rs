//! Where the populations of running jobs stand: looked up when the page is made, gone when they end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::catalogue::Declaration;
use super::declare::Declarations;
use super::labels::{OTHER, open};
use super::name::{Gauge, Name, families};

families! {
    EVOLUTION_BEST_FITNESS: Gauge = "evolution_best_fitness",
        "Best mean score in the populations of running jobs, 0 to 1; absent while no job runs";
    EVOLUTION_MEAN_FITNESS: Gauge = "evolution_mean_fitness",
        "Mean of the mean scores in the populations of running jobs, 0 to 1; of several populations, their mean";
    EVOLUTION_POPULATION_DIVERSITY: Gauge = "evolution_population_diversity",
        "Mean distance of two candidates of a population, 0 to 1; of several populations, the least diverse; absent \
         while all have a single candidate";
    EVOLUTION_POPULATION_SIZE: Gauge = "evolution_population_size",
        "Candidates in the populations of running jobs";
}

/// Most jobs that have series of their own at once.
pub const MOST_JOBS: usize = 50;

/// Where a population stands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct IslandFigures {
    /// Best mean score, 0 to 1.
    pub best: f64,
    /// Mean of the mean scores, 0 to 1.
    pub mean: f64,
    /// Mean distance of two candidates, 0 to 1.
    pub diversity: f64,
    /// Candidates.
    pub population: u32,
}

/// What a gauge makes of several populations; `None`: nothing can be said.
type Fold = fn(&[IslandFigures]) -> Option<f64>;

const GAUGES: [(Name<Gauge>, Fold); 4] = [
    (names::EVOLUTION_BEST_FITNESS, |islands| islands.iter().map(|island| island.best).reduce(f64::max)),
    (names::EVOLUTION_MEAN_FITNESS, |islands| {
        Some(islands.iter().map(|island| island.mean).sum::<f64>() / islands.len() as f64)
    }),
    (names::EVOLUTION_POPULATION_DIVERSITY, |islands| {
        let several = islands.iter().filter(|island| island.population > 1);
        several.map(|island| island.diversity).reduce(f64::min)
    }),
    (names::EVOLUTION_POPULATION_SIZE, |islands| {
        Some(islands.iter().map(|island| f64::from(island.population)).sum())
    }),
];

#[derive(Debug, Default)]
pub(super) struct Islands {
    job_label: bool,
    next: Mutex<u64>,
    figures: Mutex<BTreeMap<u64, (String, IslandFigures)>>,
}

/// One population. Its figures go with it.
#[derive(Debug)]
pub struct IslandMetrics {
    number: u64,
    islands: Arc<Islands>,
    job: String,
}

impl Islands {
    pub(super) fn declare(declare: &mut Declarations, job_label: bool) -> Arc<Self> {
        let islands = Arc::new(Self { job_label, ..Self::default() });
        let labels: &'static [&'static str] = if job_label { &["job"] } else { &[] };
        let declared = GAUGES.map(|(name, _)| Declaration { labels, ..name.declaration() });
        declare.collector(declared, Arc::clone(&islands));
        islands
    }

    pub(super) fn island(self: &Arc<Self>, job: &str) -> IslandMetrics {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        IslandMetrics { number: *next, islands: Arc::clone(self), job: job.to_owned() }
    }

    fn figures(&self) -> MutexGuard<'_, BTreeMap<u64, (String, IslandFigures)>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The figures of each job.
    fn groups(&self) -> BTreeMap<String, Vec<IslandFigures>> {
        let mut groups: BTreeMap<String, Vec<IslandFigures>> = BTreeMap::new();
        for (job, figures) in self.figures().values() {
            let has_place = groups.contains_key(job) || groups.len() < MOST_JOBS;
            let job = if has_place { job.clone() } else { OTHER.to_owned() };
            groups.entry(job).or_default().push(*figures);
        }
        groups
    }
}

impl IslandMetrics {
    /// Says where it stands.
    pub fn set(&self, figures: IslandFigures) {
        self.islands.figures().insert(self.number, (self.job.clone(), figures));
    }
}

impl Drop for IslandMetrics {
    fn drop(&mut self) {
        self.islands.figures().remove(&self.number);
    }
}

impl Collector for Islands {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let groups = self.groups();
        if groups.is_empty() {
            return Ok(());
        }
        for (name, fold) in GAUGES {
            let mut metric = encoder.encode_descriptor(name.bare(), name.help(), None, MetricType::Gauge)?;
            if !self.job_label {
                let all: Vec<IslandFigures> = groups.values().flatten().copied().collect();
                if let Some(value) = fold(&all) {
                    ConstGauge::new(value).encode(metric)?;
                }
                continue;
            }
            for (job, islands) in &groups {
                let job = open(job);
                let labels = [("job", job.as_ref())];
                if let Some(value) = fold(islands) {
                    ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}
