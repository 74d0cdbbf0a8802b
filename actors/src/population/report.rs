//! What a population tells the owner of its job.

use std::collections::BTreeMap;

use evohub_evolution::{Candidate, Cost, Failure, Finish, ModelTally, Progress, Rescoring, RunEvent};
use serde::{Deserialize, Serialize};

/// What a population tells its job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum PopulationReport {
    /// Something happened in the run.
    Event(RunEvent),
    /// Where it stands; also a sign of life.
    Standing(Standing),
    /// Migrants for these islands are in the store.
    Emigrated(Vec<u32>),
    /// An attempt failed and will be repeated.
    Retried(Failure),
    /// Nothing more can succeed.
    GivenUp(Failure),
    /// The run is over.
    Finished(Box<Finished>),
    /// One of its actors died: which, whether by an error of its own, and of what.
    Died { actor: String, by_error: bool, cause: String },
}

impl PopulationReport {
    /// Whether the job cannot go on without having heard it.
    pub(crate) fn decides(&self) -> bool {
        matches!(self, Self::GivenUp(_) | Self::Finished(_) | Self::Died { .. })
    }
}

/// A run that is over, with what it knows of its choice and of the seed it is compared with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Finished {
    pub(crate) finish: Finish,
    pub(crate) seed: Known,
    pub(crate) best: Option<Known>,
    /// What was spent, and what is assumed of each evaluation of the report.
    pub(crate) spent: Cost,
    pub(crate) closing_evaluation: Cost,
    /// What repeats made of the choice's validation score, where there were any.
    pub(crate) rescored: Option<Rescoring>,
    /// What each reflection model brought.
    pub(crate) models: Vec<ModelTally>,
}

/// What a run knows of a candidate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) candidate: Candidate,
    /// Mean score and number of cases.
    pub(crate) train: Option<(f64, u32)>,
    /// Mean score and number of cases.
    pub(crate) validation: Option<(f64, u32)>,
    /// What the search looks at, by name: means over the validation cases.
    #[serde(default)]
    pub(crate) objectives: BTreeMap<String, f64>,
}

/// Where a population stands.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) evaluations: u64,
    pub(crate) in_flight: usize,
    /// Measurements of this life that were found in the store and cost nothing.
    pub(crate) cache_hits: u64,
    pub(crate) dollars: f64,
    pub(crate) tokens: u64,
    pub(crate) progress: Progress,
}
