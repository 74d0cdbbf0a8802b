//! The tables `[model]`, `[providers]` and `[prices]`.

use std::collections::BTreeMap;
use std::path::Path;

use evohub_actors::DiversitySpec;
use evohub_llm::registry::LOCAL;
use evohub_llm::{ChatRequest, LlmError, ModelName, ModelRegistry, ProviderConfig};

use super::document::Document;
use super::error::JobFileError;
use super::raw::{RawJob, RawReflectionModel};

/// The local model that is fetched when it is first used.
#[cfg(feature = "local-model")]
const FETCHED: &str = "smollm2-135m-instruct";

/// The key of the models that rewrite prompts.
const REFLECTION: &str = "model.reflection";
/// Each must be asked a few times before it can be judged.
const MOST_REFLECTION_MODELS: usize = 16;
/// The key of the model that embeds texts.
const EMBEDDING: &str = "diversity.model";

/// The models of a job, found to be there.
pub(super) struct Models {
    pub(super) task: ModelName,
    pub(super) reflection: Vec<RawReflectionModel>,
    pub(super) judge: Option<ModelName>,
    pub(super) diversity: DiversitySpec,
    pub(super) providers: BTreeMap<String, ProviderConfig>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn models(document: &Document, folder: &Path, raw: &RawJob) -> Result<Models, JobFileError> {
    let Some(task) = &raw.model.task else {
        let message = "is missing; name the model that does the task, as in \"local:smollm2-135m-instruct\" or \
                       \"openai:gpt-5-mini\"";
        return Err(document.error("model.task", message));
    };
    let mut providers = raw.providers.clone();
    for provider in providers.values_mut() {
        if let Some(file) = &mut provider.key_file {
            *file = folder.join(&file);
        }
    }
    let registry = ModelRegistry::new(providers.clone(), raw.prices.clone()).map_err(|error| {
        // The registry says `[providers.lab]` where a job file has the key `providers.lab`.
        let table = error.model.trim_start_matches('[').trim_end_matches(']').to_owned();
        document.error(&table, error.message)
    })?;
    let mut warnings = vec![];
    let mut look_up = |key: &str, name: &ModelName| {
        let name = in_folder(folder, name);
        let failed = |error: LlmError| document.error(key, error.to_string());
        if name.provider() == LOCAL {
            check_local(&registry, &name).map_err(failed)?;
            return Ok(name);
        }
        let limit = match key {
            EMBEDDING => registry.open_embedding(&name).map_err(failed)?.cost_limit(&[]),
            _ => registry.open(&name).map_err(failed)?.cost_limit(&ChatRequest::new(vec![])),
        };
        if limit.is_none() {
            let section = format!("no price of {name} is known; give one in [prices.\"{name}\"]");
            if raw.budget.dollars.is_some() {
                let message =
                    format!("cannot be kept to: {section}, or limit `evaluations` or `tokens` instead");
                return Err(document.error("budget.dollars", message));
            }
            warnings.push(format!("{section} to see dollars"));
        }
        Ok(name)
    };
    let task = look_up("model.task", task)?;
    let written = &raw.model.reflection;
    let of_list = |(at, model): (usize, &RawReflectionModel)| {
        let key = if written.is_list { format!("{REFLECTION}[{at}]") } else { REFLECTION.to_owned() };
        Ok::<_, JobFileError>(RawReflectionModel { name: look_up(&key, &model.name)?, ..model.clone() })
    };
    let reflection: Vec<_> = written.models.iter().enumerate().map(of_list).collect::<Result<_, _>>()?;
    if reflection.is_empty() && written.is_list {
        return Err(document.error(REFLECTION, "is an empty list; name a model, or leave it out"));
    }
    if reflection.len() > MOST_REFLECTION_MODELS {
        let message = format!("names {} models, and may name {MOST_REFLECTION_MODELS}", reflection.len());
        return Err(document.error(REFLECTION, message));
    }
    let judge = raw.model.judge.as_ref().map(|name| look_up("model.judge", name)).transpose()?;
    let embedding = raw.diversity.model.as_ref().map(|name| look_up(EMBEDDING, name)).transpose()?;
    let diversity = DiversitySpec { distance: raw.diversity.distance, model: embedding };
    diversity.embedding_model().map_err(|message| {
        let key = if diversity.model.is_some() { EMBEDDING } else { "diversity.distance" };
        document.error(key, message)
    })?;
    if reflection.is_empty() && document.has("reflection") {
        let message = "there is no reflection model to set; name one as `model.reflection`";
        return Err(document.error("reflection", message));
    }
    warnings.dedup();
    Ok(Models { task, reflection, judge, diversity, providers, warnings })
}

/// The name with its path, if it is one of a file, in the folder of the job file.
fn in_folder(folder: &Path, name: &ModelName) -> ModelName {
    let is_file = name.provider() == LOCAL && name.model().to_lowercase().ends_with(".gguf");
    let path = folder.join(name.model());
    is_file
        .then(|| format!("{LOCAL}:{}", path.display()).parse().ok())
        .flatten()
        .unwrap_or_else(|| name.clone())
}

/// Whether a local model can be had, without loading or fetching it.
#[cfg(feature = "local-model")]
fn check_local(_: &ModelRegistry, name: &ModelName) -> Result<(), LlmError> {
    // Only what is known by name would be fetched; everything else is looked up.
    if name.model() == FETCHED { Ok(()) } else { evohub_llm::local::fetch(name, &|_| ()).map(drop) }
}

#[cfg(not(feature = "local-model"))]
fn check_local(registry: &ModelRegistry, name: &ModelName) -> Result<(), LlmError> {
    // Says how to get a build that has local models.
    registry.open(name).map(drop)
}
