//! Jobs, generations, populations.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::declare::Declarations;
use super::islands::{IslandMetrics, Islands};
use super::labels::{label_set, open};
use super::name::families;
use super::series::Series;

label_set!(StateLabels { state: closed });
label_set!(CandidateLabels { operator: open, outcome: closed });
label_set!(TopologyLabels { topology: closed });

families! {
    EVOLUTION_JOBS: Gauge<StateLabels> = "evolution_jobs",
        "Jobs of this process, by state; those that are over since the process started";
    EVOLUTION_GENERATIONS_COMPLETED: Counter = "evolution_generations_completed",
        "Generations, or windows of a steady state, completed";
    EVOLUTION_MIGRATIONS: Counter<TopologyLabels> = "evolution_migrations",
        "Candidates that a population took over from another of the same job";
    EVOLUTION_CANDIDATES: Counter<CandidateLabels> = "evolution_candidates",
        "Candidates whose fate is decided, by the operator that made them and what became of them";
}

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
    /// It failed.
    Failed,
}

impl JobPhase {
    const ALL: [Self; 5] = [Self::Running, Self::Closing, Self::Done, Self::Stopped, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Closing => "closing",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Failed)
    }
}

/// To whom the populations of a job send candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationTopology {
    /// Each to the next.
    Ring,
    /// Each to all others.
    Full,
    /// Each to some that are drawn anew each time.
    Random,
}

impl MigrationTopology {
    const ALL: [Self; 3] = [Self::Ring, Self::Full, Self::Random];

    fn as_str(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Full => "full",
            Self::Random => "random",
        }
    }
}

/// Jobs, generations, populations.
#[derive(Debug)]
pub struct EvolutionMetrics {
    generations: Counter,
    migrations: [Counter; 3],
    candidates: Series<CandidateLabels, Counter>,
    jobs: [Gauge; 5],
    islands: Arc<Islands>,
}

/// A job of this process. Dropped before it is over, it counts as failed.
#[derive(Debug)]
pub struct JobMetrics {
    jobs: [Gauge; 5],
    phase: JobPhase,
}

impl EvolutionMetrics {
    pub(super) fn declare(declare: &mut Declarations, job_label: bool) -> Self {
        let jobs: Series<StateLabels, Gauge> = declare.gauges(names::EVOLUTION_JOBS);
        let generations = declare.counter(names::EVOLUTION_GENERATIONS_COMPLETED);
        let migrations: Series<TopologyLabels, Counter> = declare.counters(names::EVOLUTION_MIGRATIONS);
        Self {
            generations,
            migrations: MigrationTopology::ALL
                .map(|topology| migrations.get(&TopologyLabels { topology: topology.as_str().into() })),
            candidates: declare.counters(names::EVOLUTION_CANDIDATES),
            jobs: JobPhase::ALL.map(|phase| jobs.get(&StateLabels { state: phase.as_str().into() })),
            islands: Islands::declare(declare, job_label),
        }
    }

    /// Notes that a generation is complete.
    pub fn generation_completed(&self) {
        self.generations.inc();
    }

    /// Notes that a population took over so many candidates from another.
    pub fn migrated(&self, topology: MigrationTopology, candidates: usize) {
        self.migrations[topology as usize].inc_by(candidates as u64);
    }

    /// Notes what became of a candidate.
    pub fn candidate(&self, operator: &str, outcome: &'static str) {
        self.candidates.get(&CandidateLabels { operator: open(operator), outcome: outcome.into() }).inc();
    }

    /// Counts a job that begins.
    pub fn job(&self) -> JobMetrics {
        self.jobs[JobPhase::Running as usize].inc();
        JobMetrics { jobs: self.jobs.clone(), phase: JobPhase::Running }
    }

    /// The figures of a population of a job.
    pub fn island(&self, job: &str) -> IslandMetrics {
        self.islands.island(job)
    }
}

impl JobMetrics {
    /// Notes that the job stands elsewhere now.
    pub fn set(&mut self, phase: JobPhase) {
        self.jobs[self.phase as usize].dec();
        self.jobs[phase as usize].inc();
        self.phase = phase;
    }
}

impl Drop for JobMetrics {
    fn drop(&mut self) {
        if !self.phase.is_over() {
            self.set(JobPhase::Failed);
        }
    }
}
