//! The table `[algorithm]`.

use evohub_evolution::AlgorithmConfig;
use evohub_evolution::optimizers::ReadSettings;
use evohub_evolution::optimizers::auto::Facts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::DeValue;

use super::document::Document;
use super::error::JobFileError;
use super::known::suggestion;

/// The name under which an algorithm is chosen for the job.
const AUTO: &str = "auto";

/// What evolves prompts.
#[derive(Debug)]
pub(super) enum Algorithm {
    /// As the file says.
    Given(Box<AlgorithmConfig>),
    /// As suits the job.
    Auto(AutoSettings),
}

/// What the choice of an algorithm shall heed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AutoSettings {
    /// Whether price and length matter beside the score.
    objectives: bool,
    /// Whether the run is to be the same in whatever order results arrive.
    reproducible: bool,
}

impl Algorithm {
    /// The algorithm for a job with so many validation cases and, on each island, so many evaluations; and why,
    /// where it was chosen.
    pub(super) fn resolve(
        self,
        document: &Document,
        validation: usize,
        evaluations: Option<u64>,
        reflection: bool,
    ) -> Result<(AlgorithmConfig, Option<&'static str>), JobFileError> {
        match self {
            Self::Given(algorithm) => {
                check_reflection(document, &algorithm, reflection)?;
                Ok((*algorithm, None))
            }
            Self::Auto(AutoSettings { objectives, reproducible }) => {
                let choice = Facts { validation, evaluations, objectives, reflection, reproducible }.choose();
                Ok((choice.algorithm, Some(choice.reason)))
            }
        }
    }
}

/// Whether an algorithm that cannot do without a reflection model has one.
pub(super) fn check_reflection(
    document: &Document,
    algorithm: &AlgorithmConfig,
    reflection: bool,
) -> Result<(), JobFileError> {
    if reflection || !algorithm.needs_reflection() {
        return Ok(());
    }
    let message = format!("`{}` needs a model to ask: set `model.reflection`", algorithm.name());
    Err(document.error("algorithm.name", message))
}

/// What evolves prompts where a job file does not say.
pub(super) fn standard() -> Algorithm {
    Algorithm::Auto(AutoSettings::default())
}

/// An algorithm by its name, with standard settings; `None` when there is none of this name.
pub(super) fn named(name: &str) -> Option<AlgorithmConfig> {
    serde_json::from_value(serde_json::json!({ "name": name })).ok()
}

struct Reader<'a, 'i> {
    document: &'a Document,
    table: Spanned<DeValue<'i>>,
}

impl ReadSettings for Reader<'_, '_> {
    type Error = JobFileError;

    fn read<T: DeserializeOwned>(self) -> Result<T, JobFileError> {
        self.document.read(self.table, &["name"])
    }
}

pub(super) fn read(document: &Document, mut table: Spanned<DeValue<'_>>) -> Result<Algorithm, JobFileError> {
    let name = match table.get_mut() {
        DeValue::Table(table) => table.remove("name"),
        _ => {
            return Err(
                document.error("algorithm", "write a table: `[algorithm]`, then `name = \"auto\"` below it")
            );
        }
    };
    let name = match &name {
        Some(name) => {
            name.get_ref().as_str().ok_or_else(|| document.error("algorithm.name", "write a text"))?
        }
        None => AUTO,
    };
    let reader = Reader { document, table };
    if name == AUTO {
        return Ok(Algorithm::Auto(reader.read()?));
    }
    let algorithm = AlgorithmConfig::read(name, reader).unwrap_or_else(|| {
        let known = AlgorithmConfig::NAMES.iter().copied().chain([AUTO]);
        let message = format!("there is no algorithm `{name}`; {}", suggestion(name, known));
        Err(document.error("algorithm.name", message))
    })?;
    algorithm.validate().map_err(|message| {
        // The message quotes the keys that it is about.
        let mut quoted = message.split('`').skip(1).step_by(2).map(|key| format!("algorithm.{key}"));
        let key = quoted.find(|key| document.has(key)).unwrap_or_else(|| "algorithm".to_owned());
        document.error(&key, message)
    })?;
    Ok(Algorithm::Given(Box::new(algorithm)))
}
