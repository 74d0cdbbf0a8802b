//! Jobs, generations, populations.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use super::declare::Declarations;
use super::islands::{IslandMetrics, Islands};
use super::jobs::{JobMetrics, Jobs};
use super::labels::{label_set, open};
use super::name::families;
use super::series::Series;

label_set!(CandidateLabels { operator: open, outcome: closed });
label_set!(TopologyLabels { topology: closed });

families! {
    EVOLUTION_GENERATIONS_COMPLETED: Counter = "evolution_generations_completed",
        "Generations, or windows of a steady state, completed";
    EVOLUTION_MIGRATIONS: Counter<TopologyLabels> = "evolution_migrations",
        "Candidates that a population took over from another of the same job";
    EVOLUTION_CANDIDATES: Counter<CandidateLabels> = "evolution_candidates",
        "Candidates whose fate is decided, by the operator that made them and what became of them";
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
    jobs: Jobs,
    islands: Arc<Islands>,
}

impl EvolutionMetrics {
    pub(super) fn declare(declare: &mut Declarations, job_label: bool) -> Self {
        let jobs = Jobs::declare(declare);
        let generations = declare.counter(names::EVOLUTION_GENERATIONS_COMPLETED);
        let migrations: Series<TopologyLabels, Counter> = declare.counters(names::EVOLUTION_MIGRATIONS);
        Self {
            generations,
            migrations: MigrationTopology::ALL
                .map(|topology| migrations.get(&TopologyLabels { topology: topology.as_str().into() })),
            candidates: declare.counters(names::EVOLUTION_CANDIDATES),
            jobs,
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

    /// Counts a job that begins, after it has taken so long in earlier sessions.
    pub fn job(&self, earlier: Duration) -> JobMetrics {
        self.jobs.begin(earlier)
    }

    /// The figures of a population of a job.
    pub fn island(&self, job: &str) -> IslandMetrics {
        self.islands.island(job)
    }
}
