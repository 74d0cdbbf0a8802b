//! The table `[algorithm]`.

use evohub_evolution::AlgorithmConfig;
use evohub_evolution::optimizers::{GaConfig, GepaConfig};
use toml::Spanned;
use toml::de::DeValue;

use super::document::Document;
use super::error::JobFileError;
use super::known::suggestion;

/// What evolves prompts where a job file does not say.
pub(super) fn standard() -> AlgorithmConfig {
    AlgorithmConfig::Gepa(GepaConfig::default())
}

/// An algorithm by its name, with standard settings; `None` when there is none of this name.
pub(super) fn named(name: &str) -> Option<AlgorithmConfig> {
    serde_json::from_value(serde_json::json!({ "name": name })).ok()
}

pub(super) fn read(
    document: &Document,
    mut table: Spanned<DeValue<'_>>,
) -> Result<AlgorithmConfig, JobFileError> {
    let name = match table.get_mut() {
        DeValue::Table(table) => table.remove("name"),
        _ => {
            return Err(
                document.error("algorithm", "write a table: `[algorithm]`, then `name = \"gepa\"` below it")
            );
        }
    };
    let name = match &name {
        Some(name) => {
            name.get_ref().as_str().ok_or_else(|| document.error("algorithm.name", "write a text"))?
        }
        None => standard().name(),
    };
    let more = ["name"];
    let algorithm = match name {
        "gepa" => AlgorithmConfig::Gepa(document.read::<GepaConfig>(table, &more)?),
        "ga" => AlgorithmConfig::Ga(document.read::<GaConfig>(table, &more)?),
        other => {
            let message =
                format!("there is no algorithm `{other}`; {}", suggestion(other, AlgorithmConfig::NAMES));
            return Err(document.error("algorithm.name", message));
        }
    };
    algorithm.validate().map_err(|message| {
        // The message quotes the keys that it is about.
        let mut quoted = message.split('`').skip(1).step_by(2).map(|key| format!("algorithm.{key}"));
        let key = quoted.find(|key| document.has(key)).unwrap_or_else(|| "algorithm".to_owned());
        document.error(&key, message)
    })?;
    Ok(algorithm)
}
