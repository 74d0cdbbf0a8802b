//! The table `[algorithm]`.

use evohub_evaluation::ScoreConfig;
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

/// The table of the job's algorithm.
pub(super) const KEY: &str = "algorithm";
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
                check_reflection(document, KEY, &algorithm, reflection)?;
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
    key: &str,
    algorithm: &AlgorithmConfig,
    reflection: bool,
) -> Result<(), JobFileError> {
    if reflection || !algorithm.needs_reflection() {
        return Ok(());
    }
    let message = format!("`{}` needs a model to ask: set `model.reflection`", algorithm.name());
    Err(document.error(&format!("{key}.name"), message))
}

/// Whether the score gives all that an algorithm looks at, as far as that can be known now.
pub(super) fn check_objectives(
    document: &Document,
    key: &str,
    algorithm: &AlgorithmConfig,
    score: &ScoreConfig,
) -> Result<(), JobFileError> {
    score.check_objectives(&algorithm.named()).map_err(|unknown| {
        let table = match algorithm {
            AlgorithmConfig::MapElites(_) => "axes",
            AlgorithmConfig::Nsga2(config) if config.constraints.named.contains_key(&unknown.name) => {
                "constraints"
            }
            _ => "objectives",
        };
        document.error(&format!("{key}.{table}"), unknown.to_string())
    })
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

/// Reads the table of the job.
pub(super) fn read(document: &Document, table: Spanned<DeValue<'_>>) -> Result<Algorithm, JobFileError> {
    let (name, table) = named_table(document, KEY, table)?;
    if name == AUTO {
        return Ok(Algorithm::Auto(Reader { document, table }.read()?));
    }
    let known = AlgorithmConfig::NAMES.iter().copied().chain([AUTO]);
    Ok(Algorithm::Given(Box::new(given(document, KEY, &name, table, known)?)))
}

/// Reads the table of an island, which stands under this key.
pub(super) fn read_of_island(
    document: &Document,
    key: &str,
    table: Spanned<DeValue<'_>>,
) -> Result<AlgorithmConfig, JobFileError> {
    let (name, table) = named_table(document, key, table)?;
    if name == AUTO {
        let message = "name an algorithm: `auto` chooses for the whole job alone";
        return Err(document.error(&format!("{key}.name"), message));
    }
    given(document, key, &name, table, AlgorithmConfig::NAMES.iter().copied())
}

/// The name in a table, and the rest of it.
fn named_table<'i>(
    document: &Document,
    key: &str,
    mut table: Spanned<DeValue<'i>>,
) -> Result<(String, Spanned<DeValue<'i>>), JobFileError> {
    let name = match table.get_mut() {
        DeValue::Table(table) => table.remove("name"),
        _ => return Err(document.error(key, "write a table with a `name`, as in { name = \"gepa\" }")),
    };
    let text = name.as_ref().map_or(Some(AUTO), |name| name.get_ref().as_str()).map(str::to_owned);
    let name = text.ok_or_else(|| document.error(&format!("{key}.name"), "write a text"))?;
    Ok((name, table))
}

/// The algorithm of this name, with the settings of the table.
fn given(
    document: &Document,
    key: &str,
    name: &str,
    table: Spanned<DeValue<'_>>,
    known: impl Iterator<Item = &'static str>,
) -> Result<AlgorithmConfig, JobFileError> {
    let algorithm = AlgorithmConfig::read(name, Reader { document, table }).unwrap_or_else(|| {
        let message = format!("there is no algorithm `{name}`; {}", suggestion(name, known));
        Err(document.error(&format!("{key}.name"), message))
    })?;
    algorithm.validate().map_err(|message| {
        // The message quotes the keys that it is about.
        let mut quoted = message.split('`').skip(1).step_by(2).map(|quoted| format!("{key}.{quoted}"));
        let key = quoted.find(|key| document.has(key)).unwrap_or_else(|| key.to_owned());
        document.error(&key, message)
    })?;
    Ok(algorithm)
}
