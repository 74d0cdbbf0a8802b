//! Which runs a comparison is made of, and where each is kept.

use std::path::{Path, PathBuf};

use evohub::comparison::{COMPARISON_VERSION, ComparedAlgorithm, ComparedRun, Comparison};
use evohub::evolution::Digest;
use evohub::job_file::JobFile;
use evohub::store::Address;
use evohub::{EvaluatorSpec, JobBudget, JobSpec};

use crate::cli::failure::Failure;

/// Whether runs find what others have paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cache {
    /// Each has a store of its own.
    Separate,
    /// All are in the store that other commands use.
    Shared,
}

/// The folder of the stores of their own, beside the store.
const FOLDER: &str = "compare";

/// The runs of a comparison.
pub(super) struct Plan {
    name: String,
    pub(super) runs: Vec<PlannedRun>,
    algorithms: Vec<ComparedAlgorithm>,
    random_seeds: Vec<u64>,
    pub(super) cache: Cache,
}

/// A run, and where it is kept.
pub(super) struct PlannedRun {
    /// What it is called among the others.
    pub(super) label: String,
    pub(super) spec: JobSpec,
    pub(super) address: Address,
}

impl Plan {
    /// The runs of these algorithms with so many seeds, all with the first seed before those with the second: what an
    /// endpoint does better or worse by the hour meets all algorithms alike.
    pub(super) fn new(
        file: &JobFile,
        algorithms: Vec<String>,
        seeds: u64,
        store: &Address,
        cache: Cache,
    ) -> Result<Self, Failure> {
        let budget = file.spec.budget;
        if cache == Cache::Shared
            && budget != (JobBudget { evaluations: budget.evaluations, ..JobBudget::default() })
        {
            return Err(Failure::bad_input(
                "--share-cache: what one run has paid for is free for the next, so budgets of dollars, tokens and \
                 minutes are not equal: give `budget.evaluations` alone, or leave --share-cache out",
            ));
        }
        let first = file.spec.seed;
        let random_seeds: Vec<u64> = (0..seeds).map(|number| first.wrapping_add(number)).collect();
        let mut runs = vec![];
        for seed in &random_seeds {
            for algorithm in &algorithms {
                let mut spec = file.spec_with(algorithm, *seed).map_err(|error| {
                    Failure::bad_input(format!("{algorithm} cannot be compared: {error}"))
                })?;
                spec.name = format!("{} {algorithm} {seed}", file.spec.name);
                let label = format!("{algorithm} with seed {seed}");
                runs.push(PlannedRun { label, address: address(store, cache, &spec)?, spec });
            }
        }
        let settings = |run: &PlannedRun| {
            Ok(ComparedAlgorithm {
                name: run.spec.algorithm.name().to_owned(),
                settings: serde_json::to_value(&run.spec.algorithm)
                    .map_err(|error| Failure::failed(error.to_string()))?,
            })
        };
        let algorithms =
            runs.iter().take(algorithms.len()).map(settings).collect::<Result<Vec<_>, Failure>>()?;
        Ok(Self { name: file.spec.name.clone(), runs, algorithms, random_seeds, cache })
    }

    /// What is about to be run.
    pub(super) fn announcement(&self) -> String {
        let names: Vec<&str> = self.algorithms.iter().map(|algorithm| algorithm.name.as_str()).collect();
        let kept = match self.runs.first().map(|run| &run.address) {
            Some(Address::File(path)) if self.cache == Cache::Separate => {
                path.parent().unwrap_or(path).display().to_string()
            }
            Some(address) => address.to_string(),
            None => String::new(),
        };
        format!("{} runs of {}; kept in {kept}", self.runs.len(), names.join(", "))
    }

    /// The comparison, once all runs have ended.
    pub(super) fn comparison(&self, mut runs: Vec<ComparedRun>, runs_at_once: usize) -> Comparison {
        let place =
            |run: &ComparedRun| self.algorithms.iter().position(|algorithm| algorithm.name == run.algorithm);
        // Stable, so that seeds keep their order.
        runs.sort_by_key(place);
        let spec = self.runs.first().map(|run| &run.spec);
        let prompt = spec.and_then(|spec| match &spec.evaluator {
            EvaluatorSpec::Prompt(prompt) => Some(prompt),
            EvaluatorSpec::Custom(_) => None,
        });
        let cases = |spec: &JobSpec| {
            let search = &spec.data.search;
            [search.train.len(), search.validation.len(), spec.data.test.len()]
        };
        Comparison {
            version: COMPARISON_VERSION,
            name: self.name.clone(),
            program: format!("evohub {} ({})", env!("CARGO_PKG_VERSION"), env!("EVOHUB_REVISION")),
            algorithms: self.algorithms.clone(),
            random_seeds: self.random_seeds.clone(),
            budget: spec.map(|spec| spec.budget).unwrap_or_default(),
            task: prompt.map(|prompt| prompt.model.to_string()),
            reflection: spec.filter(|spec| !spec.reflection.is_empty()).map(|spec| {
                let names: Vec<String> =
                    spec.reflection.iter().map(|model| model.model.to_string()).collect();
                names.join(", ")
            }),
            cases: spec.map(cases).unwrap_or_default(),
            shared_cache: self.cache == Cache::Shared,
            runs_at_once,
            runs,
        }
    }
}

impl PlannedRun {
    /// Removes the store of a run that has its own.
    pub(super) fn forget(&self) -> Result<(), Failure> {
        let Address::File(path) = &self.address else { return Ok(()) };
        // SQLite keeps what it has not yet merged beside the file.
        for end in ["", "-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(end);
            match std::fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let path = Path::new(&name).display();
                    return Err(Failure::bad_input(format!("{path}: cannot be removed: {error}")));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Where a run is kept. The name of a file holds what the run is made of, so that the same command finds it again, and
/// another never does.
fn address(store: &Address, cache: Cache, spec: &JobSpec) -> Result<Address, Failure> {
    if cache == Cache::Shared {
        return Ok(store.clone());
    }
    let Address::File(path) = store else {
        return Err(Failure::bad_input(format!(
            "each run of a comparison has a file of its own, so that none finds what another has paid for, and \
             {store} is none: name a file with --store, or have the runs share the store with --share-cache"
        )));
    };
    let text = serde_json::to_vec(spec).map_err(|error| Failure::failed(error.to_string()))?;
    let digest = Digest::of_fields([text.as_slice()]).short();
    let name = format!("{}-{}-{digest}.db", spec.algorithm.name(), spec.seed);
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    Ok(Address::File(folder.join(FOLDER).join(name)))
}
