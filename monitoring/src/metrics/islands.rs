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
use super::labels::{OTHER, label_set, open};
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
    EVOLUTION_OPERATOR_PROBABILITY: Gauge<OperatorLabels> = "evolution_operator_probability",
        "Probability of an operator to be drawn next among those that take as many parents, 0 to 1; mean over the \
         populations of running jobs, absent while no job runs";
}

label_set!(OperatorLabels { operator: open });

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

/// Most operators that have series of their own at once; a job may bring some of its own.
const MOST_OPERATORS: usize = 100;

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
    operators: Mutex<BTreeMap<u64, (String, Probabilities)>>,
}

/// The probability of each operator, by name.
type Probabilities = BTreeMap<String, f64>;

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
        let labels: &'static [&'static str] = if job_label { &["job", "operator"] } else { &["operator"] };
        let declared = Declaration { labels, ..names::EVOLUTION_OPERATOR_PROBABILITY.declaration() };
        declare.collector([declared], OperatorGauges(Arc::clone(&islands)));
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

    fn operators(&self) -> MutexGuard<'_, BTreeMap<u64, (String, Probabilities)>> {
        self.operators.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of the populations of each job.
fn by_job<T: Clone>(islands: &BTreeMap<u64, (String, T)>) -> BTreeMap<String, Vec<T>> {
    let mut groups: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for (job, known) in islands.values() {
        let has_place = groups.contains_key(job) || groups.len() < MOST_JOBS;
        let job = if has_place { job.clone() } else { OTHER.to_owned() };
        groups.entry(job).or_default().push(known.clone());
    }
    groups
}

/// The mean probability of each operator over the populations, those that do not have it included.
fn mean(populations: &[Probabilities]) -> Probabilities {
    let mut sums = Probabilities::new();
    for (operator, probability) in populations.iter().flatten() {
        let operator = open(operator).into_owned();
        let has_place = sums.contains_key(&operator) || sums.len() < MOST_OPERATORS;
        *sums.entry(if has_place { operator } else { OTHER.to_owned() }).or_default() += probability;
    }
    sums.values_mut().for_each(|sum| *sum /= populations.len() as f64);
    sums
}

impl IslandMetrics {
    /// Says where it stands.
    pub fn set(&self, figures: IslandFigures) {
        self.islands.figures().insert(self.number, (self.job.clone(), figures));
    }

    /// Says how likely each operator is to be drawn next.
    pub fn set_operators(&self, probabilities: BTreeMap<String, f64>) {
        self.islands.operators().insert(self.number, (self.job.clone(), probabilities));
    }
}

impl Drop for IslandMetrics {
    fn drop(&mut self) {
        self.islands.figures().remove(&self.number);
        self.islands.operators().remove(&self.number);
    }
}

impl Collector for Islands {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let groups = by_job(&self.figures());
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

/// The probabilities of operators: a family with labels of its own.
#[derive(Debug)]
struct OperatorGauges(Arc<Islands>);

impl Collector for OperatorGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let groups = by_job(&self.0.operators());
        if groups.values().flatten().all(BTreeMap::is_empty) {
            return Ok(());
        }
        let name = names::EVOLUTION_OPERATOR_PROBABILITY;
        let mut metric = encoder.encode_descriptor(name.bare(), name.help(), None, MetricType::Gauge)?;
        if !self.0.job_label {
            let all: Vec<Probabilities> = groups.into_values().flatten().collect();
            for (operator, probability) in mean(&all) {
                let labels = [("operator", operator.as_str())];
                ConstGauge::new(probability).encode(metric.encode_family(&labels)?)?;
            }
            return Ok(());
        }
        for (job, islands) in &groups {
            let job = open(job);
            for (operator, probability) in mean(islands) {
                let labels = [("job", job.as_ref()), ("operator", operator.as_str())];
                ConstGauge::new(probability).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
