//! Job files: what a user writes, read into a job that can be submitted.
//!
//! [`JobFile::load`] reads, checks and completes a TOML file. Whatever is wrong with it is said with the file, the
//! line and the key, before any model is called and before anything is written.

mod algorithm;
mod budget;
mod cases;
mod document;
mod error;
mod evaluator;
mod islands;
mod known;
mod models;
mod operators;
mod raw;
mod seeds;
mod unopened;

use std::path::{Path, PathBuf};

use evohub_actors::{EvaluatorSpec, JobSpec};
use evohub_evolution::AlgorithmConfig;

pub use cases::{Origin, Part};
pub use document::Setting;
pub use error::JobFileError;
pub use unopened::UnopenedModel;

use document::Document;
use known::suggestion;

/// A job file that was read and found in order.
#[derive(Debug)]
pub struct JobFile {
    /// The file.
    pub path: PathBuf,
    /// The job it asks for.
    pub spec: JobSpec,
    /// The store it names, if any; a path in it is absolute.
    pub store: Option<String>,
    /// Where train, validation and test cases come from, in this order.
    pub parts: [Part; 3],
    /// Why the algorithm was chosen, where the file leaves it to the program.
    pub choice: Option<&'static str>,
    /// What should be looked at and hinders nothing.
    pub warnings: Vec<String>,
    document: Document,
}

impl JobFile {
    /// Reads a job file and the files that it names. `settings` go before what the file says. Calls no model and
    /// loads no weights; models are looked up, so that an unknown one or a missing key is said here.
    ///
    /// # Errors
    /// What is wrong, where, and what to do.
    pub fn load(path: &Path, settings: &[Setting]) -> Result<Self, JobFileError> {
        let text = std::fs::read_to_string(path).map_err(|error| JobFileError::unreadable(path, &error))?;
        Self::parse(path, &text, settings)
    }

    /// The same as [`JobFile::load`] for a text that was read already; `path` stands in errors, and its folder is
    /// what paths are relative to.
    ///
    /// # Errors
    /// What is wrong, where, and what to do.
    pub fn parse(path: &Path, text: &str, settings: &[Setting]) -> Result<Self, JobFileError> {
        let document = Document::parse(path, text, settings)?;
        let raw::Read { job: raw, algorithm, each } = raw::read(&document)?;
        let folder = folder_of(path);
        let budget = budget::budget(&document, &raw.budget)?;

        let cases = cases::read(&document, &folder, &raw.data)?;
        let (search, test) = (cases.search, cases.test);
        let models = models::models(&document, &folder, &raw)?;
        let all = || search.train.iter().chain(&search.validation).chain(&test);
        let evaluator = evaluator::evaluator(&document, &raw, &models, &folder, all().collect())?;
        for dataset in &cases.datasets {
            dataset.check(|case| evaluator.scorer.check(case)).map_err(JobFileError::of_data)?;
        }
        let seeds = seeds::seeds(&document, &raw.seed, &evaluator.renderer)?;
        let reflects = !models.reflection.is_empty();
        let islands = islands::islands(&document, &raw, each, reflects, &evaluator.renderer)?;
        let share = budget.evaluations.map(|most| most / u64::from(islands.count));
        let (algorithm, choice) = algorithm.resolve(&document, search.validation.len(), share, reflects)?;
        algorithm::check_objectives(&document, algorithm::KEY, &algorithm, &raw.score)?;
        for (index, own) in islands.each.iter().enumerate() {
            if let Some(own) = &own.algorithm {
                let key = format!("{}.{}", islands::key(index), algorithm::KEY);
                algorithm::check_objectives(&document, &key, own, &raw.score)?;
            }
        }
        operators::check(&document, "operators", &raw.operators, !raw.parameters.is_empty())?;
        raw.repeats
            .validate()
            .map_err(|(key, message)| document.error(&format!("repeats.{key}"), message))?;
        if raw.slots == Some(0) {
            return Err(
                document.error("slots", "must be 1 or more; leave it out for as many as the model can use")
            );
        }

        let name = raw.name.clone().unwrap_or_else(|| {
            path.file_stem().map_or_else(|| "job".to_owned(), |stem| stem.to_string_lossy().into_owned())
        });
        let spec = JobSpec {
            name,
            seed: raw.random_seed,
            seeds,
            data: evohub_actors::JobData { search, test },
            reflection: models.reflection.into_iter().map(|model| raw.reflection.spec(model)).collect(),
            evaluator: EvaluatorSpec::Prompt(Box::new(evaluator.spec)),
            algorithm,
            limits: raw.limits,
            operators: raw.operators,
            parameters: raw.parameters,
            budget,
            slots: raw.slots,
            providers: models.providers,
            prices: raw.prices,
            islands,
            repeats: raw.repeats,
            hedge: raw.hedge,
            diversity: models.diversity,
        };
        budget::check(&document, &spec)?;
        let store = raw.store.map(|address| resolved_store(&folder, &address));
        let mut warnings = cases.warnings;
        warnings.extend(models.warnings);
        Ok(Self { path: path.to_owned(), spec, store, parts: cases.parts, choice, warnings, document })
    }

    /// Whether all operators that the file weighs exist. `known` are the names of a toolbox's operators.
    ///
    /// # Errors
    /// The first that does not, with the nearest that does.
    pub fn check_operators(&self, known: &[String]) -> Result<(), JobFileError> {
        operators::check_names(&self.document, "operators", &self.spec.operators, known)?;
        self.spec.islands.each.iter().enumerate().try_for_each(|(index, own)| {
            let table = format!("{}.operators", islands::key(index));
            operators::check_names(&self.document, &table, &own.operators, known)
        })
    }

    /// The job with another algorithm and random seed. The settings of `[algorithm]` hold for the algorithm that the
    /// file names; others have standard ones. So it is with the algorithms that islands have of their own: any other
    /// algorithm takes their place.
    ///
    /// # Errors
    /// When there is no such algorithm, or the budget is too small for it.
    pub fn spec_with(&self, algorithm: &str, random_seed: u64) -> Result<JobSpec, JobFileError> {
        let own = self.spec.algorithm.name() == algorithm;
        let found = if own { Some(self.spec.algorithm.clone()) } else { algorithm::named(algorithm) };
        let Some(found) = found else {
            let message = format!(
                "there is no algorithm `{algorithm}`; {}",
                suggestion(algorithm, AlgorithmConfig::NAMES.iter().copied())
            );
            return Err(self.error("algorithm.name", message));
        };
        algorithm::check_reflection(
            &self.document,
            algorithm::KEY,
            &found,
            !self.spec.reflection.is_empty(),
        )?;
        let mut spec = JobSpec { algorithm: found, seed: random_seed, ..self.spec.clone() };
        if !own {
            spec.islands.each.iter_mut().for_each(|island| island.algorithm = None);
        }
        budget::check(&self.document, &spec)?;
        Ok(spec)
    }

    /// An error about a key of this file, such as `algorithm.ranking_cases`.
    pub fn error(&self, key: &str, message: impl Into<String>) -> JobFileError {
        self.document.error(key, message)
    }
}

/// The absolute folder of a file.
fn folder_of(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// An address of a store with its path, if it has one, made absolute.
fn resolved_store(folder: &Path, address: &str) -> String {
    let Ok(evohub_store::Address::File(path)) = address.parse() else { return address.to_owned() };
    evohub_store::Address::File(folder.join(path)).to_string()
}

#[cfg(test)]
mod tests;
