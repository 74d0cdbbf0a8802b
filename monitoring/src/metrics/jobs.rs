//! Jobs: how many stand where, and how those that run get on.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;

use super::declare::Declarations;
use super::labels::label_set;
use super::name::families;
use super::series::Series;

label_set!(StateLabels { state: closed });

type Sum = Counter<f64, AtomicU64>;

families! {
    EVOLUTION_JOBS: Gauge<StateLabels> = "evolution_jobs",
        "Jobs of this process, by state; those that are over since the process started";
    EVOLUTION_FITNESS_GAINED: Counter = "evolution_fitness_gained",
        "By how much the best scores of jobs rose over that of their seeds, summed; 1 is from the worst to the best";
    EVOLUTION_CONVERGENCE: Histogram = "evolution_convergence" in "seconds",
        "Time from the start of a search to the last rise of its best score, of jobs that are done and rose at all";
    EVOLUTION_JOB_IDLE: Gauge = "evolution_job_idle" in "seconds",
        "Longest time that a running job of this process has gone without a result; absent while no job runs";
    EVOLUTION_BUDGET_SPENT: Gauge = "evolution_budget_spent" in "ratio",
        "Largest share of its dollars or tokens that a running job of this process has spent, 0 to 1; absent while \
         none has such a limit";
}

/// Bounds of the time until a search converges, in seconds: from a second to a day.
const SEARCHES: &[f64] = &[
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0,
    86_400.0,
];

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobPhase {
    /// It searches.
    Running,
    /// The search is over and its choice is scored on the test cases.
    Closing,
    /// It ended with a result.
    Done,
    /// It was stopped and can be resumed.
    Stopped,
    /// Another node goes on with it.
    Moved,
    /// It failed.
    Failed,
}

impl JobPhase {
    const ALL: [Self; 6] =
        [Self::Running, Self::Closing, Self::Done, Self::Stopped, Self::Moved, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Closing => "closing",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Moved => "moved",
            Self::Failed => "failed",
        }
    }

    fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Moved | Self::Failed)
    }
}

/// What is counted of jobs.
#[derive(Debug)]
pub(super) struct Jobs {
    phases: [Gauge; 6],
    gained: Sum,
    convergence: Histogram,
    running: Arc<Running>,
}

impl Jobs {
    pub(super) fn declare(declare: &mut Declarations) -> Self {
        let phases: Series<StateLabels, Gauge> = declare.gauges(names::EVOLUTION_JOBS);
        let gained = Sum::default();
        declare.register(names::EVOLUTION_FITNESS_GAINED, gained.clone());
        let convergence = declare.histogram(names::EVOLUTION_CONVERGENCE, SEARCHES);
        let running = Arc::new(Running::default());
        let declared =
            [names::EVOLUTION_JOB_IDLE, names::EVOLUTION_BUDGET_SPENT].map(|name| name.declaration());
        declare.collector(declared, Arc::clone(&running));
        let phases = JobPhase::ALL.map(|phase| phases.get(&StateLabels { state: phase.as_str().into() }));
        Self { phases, gained, convergence, running }
    }

    pub(super) fn begin(&self, earlier: Duration) -> JobMetrics {
        self.phases[JobPhase::Running as usize].inc();
        let now = Instant::now();
        let progress = Progress { heard: now, best: None, risen: None, spent: None };
        let progress = Arc::new(Mutex::new(progress));
        let mut running = self.running.lock();
        running.retain(|job| job.strong_count() > 0);
        running.push(Arc::downgrade(&progress));
        JobMetrics {
            phases: self.phases.clone(),
            gained: self.gained.clone(),
            convergence: self.convergence.clone(),
            phase: JobPhase::Running,
            began: now,
            earlier,
            progress: Some(progress),
        }
    }
}

/// A job of this process. Dropped before it is over, it counts as failed.
#[derive(Debug)]
pub struct JobMetrics {
    phases: [Gauge; 6],
    gained: Sum,
    convergence: Histogram,
    phase: JobPhase,
    began: Instant,
    earlier: Duration,
    /// `None` when it is over.
    progress: Option<Arc<Mutex<Progress>>>,
}

/// How a job gets on.
#[derive(Debug)]
struct Progress {
    /// When the last result came, or the job began.
    heard: Instant,
    best: Option<f64>,
    /// When the best score rose last.
    risen: Option<Instant>,
    spent: Option<f64>,
}

impl JobMetrics {
    /// Notes that the job stands elsewhere now.
    pub fn set(&mut self, phase: JobPhase) {
        self.phases[self.phase as usize].dec();
        self.phases[phase as usize].inc();
        self.phase = phase;
        if !phase.is_over() {
            return;
        }
        let Some(progress) = self.progress.take() else { return };
        if let Some(risen) = lock(&progress).risen.filter(|_| phase == JobPhase::Done) {
            self.convergence.observe((self.earlier + (risen - self.began)).as_secs_f64());
        }
    }

    /// Notes that a result came.
    pub fn progressed(&self) {
        self.with_progress(|progress| progress.heard = Instant::now());
    }

    /// Says what the best score is, 0 to 1. The first is what the job began with.
    pub fn best(&self, score: f64) {
        self.with_progress(|progress| {
            let rise = progress.best.map(|best| score - best);
            if rise.is_some_and(|rise| rise <= 0.0) {
                return;
            }
            progress.best = Some(score);
            if let Some(rise) = rise {
                self.gained.inc_by(rise);
                progress.risen = Some(Instant::now());
            }
        });
    }

    /// Says which share of its dollars or tokens is spent, 0 to 1: the larger of the two.
    pub fn spent(&self, share: f64) {
        self.with_progress(|progress| progress.spent = Some(share));
    }

    fn with_progress(&self, note: impl FnOnce(&mut Progress)) {
        if let Some(progress) = &self.progress {
            note(&mut lock(progress));
        }
    }
}

impl Drop for JobMetrics {
    fn drop(&mut self) {
        if !self.phase.is_over() {
            self.set(JobPhase::Failed);
        }
    }
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The jobs that are not over.
#[derive(Debug, Default)]
struct Running(Mutex<Vec<Weak<Mutex<Progress>>>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Mutex<Progress>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Running {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (mut idle, mut spent) = (None, None);
        for job in self.lock().iter().filter_map(Weak::upgrade) {
            let job = lock(&job);
            idle = larger(idle, Some(job.heard.elapsed().as_secs_f64()));
            spent = larger(spent, job.spent);
        }
        for (name, value) in [(names::EVOLUTION_JOB_IDLE, idle), (names::EVOLUTION_BUDGET_SPENT, spent)] {
            let unit = name.encoded_unit();
            // Told of in any case, with a value where there is one.
            let family =
                encoder.encode_descriptor(name.bare(), name.help(), unit.as_ref(), MetricType::Gauge)?;
            if let Some(value) = value {
                ConstGauge::new(value).encode(family)?;
            }
        }
        Ok(())
    }
}

fn larger(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use crate::metrics::{Metrics, MetricsConfig};

    use super::*;

    /// The value of a series that has one.
    fn value(metrics: &Metrics, series: &str) -> Option<f64> {
        let page = metrics.encode();
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    #[test]
    fn a_job_is_in_one_state_at_a_time_and_one_that_moves_has_not_failed() {
        let metrics = Metrics::new(&MetricsConfig::default());
        let mut done = metrics.evolution.job(Duration::ZERO);
        done.set(JobPhase::Closing);
        done.set(JobPhase::Done);
        drop(done);
        metrics.evolution.job(Duration::ZERO).set(JobPhase::Moved);
        drop(metrics.evolution.job(Duration::ZERO));
        let _running = metrics.evolution.job(Duration::ZERO);
        let states = [("running", 1.0), ("closing", 0.0), ("done", 1.0), ("moved", 1.0), ("failed", 1.0)];
        for (state, jobs) in states {
            assert_eq!(
                value(&metrics, &format!("evolution_jobs{{state=\"{state}\"}}")),
                Some(jobs),
                "{state}"
            );
        }
    }

    #[test]
    fn what_the_best_score_rises_over_the_first_is_gained() {
        let metrics = Metrics::new(&MetricsConfig::default());
        let (one, other) = (metrics.evolution.job(Duration::ZERO), metrics.evolution.job(Duration::ZERO));
        for score in [0.5, 0.75, 0.625, 0.75, 1.0] {
            one.best(score);
        }
        other.best(0.25);
        assert_eq!(value(&metrics, "evolution_fitness_gained_total"), Some(0.5));
    }

    #[test]
    fn convergence_is_told_of_searches_that_came_to_something() {
        let metrics = Metrics::new(&MetricsConfig::default());
        let count = || value(&metrics, "evolution_convergence_seconds_count");
        for (scores, phase, expected) in [
            (&[0.5][..], JobPhase::Done, 0.0),
            (&[0.5, 0.75], JobPhase::Stopped, 0.0),
            (&[0.5, 0.75], JobPhase::Done, 1.0),
        ] {
            let mut job = metrics.evolution.job(Duration::from_secs(60));
            scores.iter().for_each(|score| job.best(*score));
            job.set(phase);
            assert_eq!(count(), Some(expected), "{scores:?} {phase:?}");
        }
        // Earlier sessions took a minute.
        let sum = value(&metrics, "evolution_convergence_seconds_sum").unwrap();
        assert!((60.0..120.0).contains(&sum), "{sum}");
    }

    #[test]
    fn of_running_jobs_the_longest_silence_and_the_dearest_are_shown() {
        let metrics = Metrics::new(&MetricsConfig::default());
        let shown = |name| value(&metrics, name);
        assert_eq!(shown("evolution_job_idle_seconds"), None);
        let (mut one, other) = (metrics.evolution.job(Duration::ZERO), metrics.evolution.job(Duration::ZERO));
        assert_eq!(shown("evolution_budget_spent_ratio"), None);
        one.spent(0.75);
        other.spent(0.25);
        assert_eq!(shown("evolution_budget_spent_ratio"), Some(0.75));
        one.with_progress(|progress| progress.heard -= Duration::from_secs(30));
        let idle = shown("evolution_job_idle_seconds").unwrap();
        assert!(idle >= 30.0, "{idle}");
        one.progressed();
        assert!(shown("evolution_job_idle_seconds").unwrap() < 30.0);
        one.set(JobPhase::Done);
        assert_eq!(shown("evolution_budget_spent_ratio"), Some(0.25));
    }
}
