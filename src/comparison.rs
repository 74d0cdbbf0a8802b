//! Algorithms side by side: one job, run with each of several algorithms and random seeds under equal budgets.
//!
//! A [`Comparison`] holds what came of the runs, [`Comparison::summary`] what they say together, and
//! [`crate::report::comparison_page`] shows both. `evohub compare` makes them.

mod difference;
mod estimate;
mod run;
mod student;
mod summary;

use evohub_actors::JobBudget;
use serde::Serialize;

pub use difference::{Difference, LEAST_PAIRS};
pub use estimate::Estimate;
pub use run::{ComparedRun, CurvePoint};
pub use student::student_interval;
pub use summary::{AlgorithmSummary, Summary};

/// Version of [`Comparison`]'s form as JSON. It grows when a field changes its meaning or goes; new fields do not
/// change it.
pub const COMPARISON_VERSION: u32 = 1;

/// Runs of one job with several algorithms and random seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Version of this form.
    pub version: u32,
    /// The job's name.
    pub name: String,
    /// The program that made the comparison, with its version.
    pub program: String,
    /// What is compared. Differences are from the first.
    pub algorithms: Vec<ComparedAlgorithm>,
    /// The seeds of all chance: each algorithm ran with each of them.
    pub random_seeds: Vec<u64>,
    /// What each run might spend.
    pub budget: JobBudget,
    /// The model that did the task.
    pub task: Option<String>,
    /// The model that rewrote prompts.
    pub reflection: Option<String>,
    /// How many train, validation and test cases there were.
    pub cases: [usize; 3],
    /// Whether runs found evaluations in the store that others had paid for.
    pub shared_cache: bool,
    /// How many runs went on at once.
    pub runs_at_once: usize,
    /// What came of the runs, by algorithm and seed.
    pub runs: Vec<ComparedRun>,
}

/// An algorithm of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedAlgorithm {
    /// Its name.
    pub name: String,
    /// Its settings, in the form of a job file's table `[algorithm]`.
    pub settings: serde_json::Value,
}

impl Comparison {
    /// What the runs say together. The same runs give the same summary.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }

    /// The runs of an algorithm that came to an end, by seed.
    pub(crate) fn done<'a>(&'a self, algorithm: &'a str) -> impl Iterator<Item = &'a ComparedRun> + Clone {
        self.runs.iter().filter(move |run| run.algorithm == algorithm && run.is_done())
    }
}

#[cfg(test)]
pub(crate) mod tests;
