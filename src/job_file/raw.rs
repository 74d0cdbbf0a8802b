//! A job file as it is written, before anything in it was checked.

use std::collections::BTreeMap;
use std::fmt;

use evohub_actors::{Hedge, ReflectionSpec, RepeatsSpec};
use evohub_evaluation::{DataConfig, GenerationConfig, OutputConfig, ScoreConfig};
use evohub_evolution::migration::{Acceptance, Departure, Topology};
use evohub_evolution::variation::parameter::ParameterRange;
use evohub_evolution::{AlgorithmConfig, Candidate, Distance, MigrationConfig, VariationLimits};
use evohub_llm::{ModelName, PriceConfig, ProviderConfig};
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::DeValue;

use super::algorithm::{self, Algorithm};
use super::document::Document;
use super::error::JobFileError;
use super::islands;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct RawJob {
    pub(super) name: Option<String>,
    pub(super) random_seed: u64,
    pub(super) slots: Option<usize>,
    pub(super) store: Option<String>,
    pub(super) seed: RawSeed,
    pub(super) data: RawData,
    pub(super) model: RawModel,
    pub(super) reflection: RawReflection,
    pub(super) generation: GenerationConfig,
    pub(super) template: RawTemplate,
    pub(super) output: OutputConfig,
    pub(super) score: ScoreConfig,
    /// Read apart: which keys it may have depends on its name.
    #[serde(rename = "algorithm")]
    _algorithm: Option<IgnoredAny>,
    pub(super) budget: RawBudget,
    pub(super) islands: RawIslands,
    pub(super) repeats: RepeatsSpec,
    pub(super) hedge: Hedge,
    pub(super) diversity: RawDiversity,
    pub(super) limits: VariationLimits,
    pub(super) operators: BTreeMap<String, f64>,
    pub(super) parameters: BTreeMap<String, ParameterRange>,
    pub(super) providers: BTreeMap<String, ProviderConfig>,
    pub(super) prices: BTreeMap<String, PriceConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawSeed {
    pub(super) prompts: Vec<String>,
    pub(super) candidates: Vec<Candidate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawData {
    pub(super) train: Option<String>,
    pub(super) validation: Option<String>,
    pub(super) test: Option<String>,
    pub(super) split_seed: u64,
    pub(super) input: Option<String>,
    pub(super) expected: Option<String>,
    pub(super) weight: Option<String>,
}

impl RawData {
    pub(super) fn columns(&self) -> DataConfig {
        let standard = DataConfig::default();
        DataConfig {
            input: self.input.clone().unwrap_or(standard.input),
            expected: self.expected.clone().unwrap_or(standard.expected),
            weight: self.weight.clone(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawModel {
    pub(super) task: Option<ModelName>,
    pub(super) reflection: RawReflectionModels,
    pub(super) judge: Option<ModelName>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawReflection {
    temperature: Option<f64>,
    max_output_tokens: u32,
}

impl Default for RawReflection {
    fn default() -> Self {
        // Without chance the same question would bring the same answer.
        Self { temperature: Some(1.0), max_output_tokens: 4_096 }
    }
}

impl RawReflection {
    /// What holds for a model: its own settings, and these where it has none.
    pub(super) fn spec(&self, model: RawReflectionModel) -> ReflectionSpec {
        ReflectionSpec {
            model: model.name,
            temperature: model.temperature.or(self.temperature),
            max_output_tokens: model.max_output_tokens.unwrap_or(self.max_output_tokens),
        }
    }
}

/// One of several reflection models.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReflectionModel {
    pub(super) name: ModelName,
    pub(super) temperature: Option<f64>,
    pub(super) max_output_tokens: Option<u32>,
}

/// A name, or a list of names and of tables with a name.
#[derive(Debug, Default)]
pub(super) struct RawReflectionModels {
    pub(super) models: Vec<RawReflectionModel>,
    /// Whether they are written as a list.
    pub(super) is_list: bool,
}

impl<'de> Deserialize<'de> for RawReflectionModels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMore)
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = RawReflectionModels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a model, or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(RawReflectionModels { models: vec![Entry.visit_str(name)?], is_list: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut models = vec![];
        while let Some(WithName(model)) = entries.next_element()? {
            models.push(model);
        }
        Ok(RawReflectionModels { models, is_list: true })
    }
}

/// An entry of the list.
struct WithName(RawReflectionModel);

impl<'de> Deserialize<'de> for WithName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Entry).map(Self)
    }
}

struct Entry;

impl<'de> Visitor<'de> for Entry {
    type Value = RawReflectionModel;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a model, or a table with its `name`")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let name = name.parse().map_err(E::custom)?;
        Ok(RawReflectionModel { name, temperature: None, max_output_tokens: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Self::Value, A::Error> {
        RawReflectionModel::deserialize(MapAccessDeserializer::new(table))
    }
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawTemplate {
    pub(super) user: String,
}

impl Default for RawTemplate {
    fn default() -> Self {
        Self { user: "{input}".to_owned() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawDiversity {
    pub(super) distance: Distance,
    pub(super) model: Option<ModelName>,
}

/// The number beside the keys of the migration, which have a home in the core.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawIslands {
    pub(super) count: Option<i64>,
    pub(super) topology: Topology,
    pub(super) every: Option<u32>,
    pub(super) size: Option<u32>,
    pub(super) send: Departure,
    pub(super) accept: Acceptance,
    /// Read apart, for the algorithms in it.
    #[serde(rename = "each")]
    _each: Option<IgnoredAny>,
}

/// What one island has of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawIsland {
    pub(super) prompts: Vec<String>,
    pub(super) operators: BTreeMap<String, f64>,
    #[serde(rename = "algorithm")]
    _algorithm: Option<IgnoredAny>,
    #[serde(skip)]
    pub(super) algorithm: Option<AlgorithmConfig>,
}

impl RawIslands {
    pub(super) fn migration(&self) -> MigrationConfig {
        let standard = MigrationConfig::default();
        MigrationConfig {
            topology: self.topology,
            every: self.every.unwrap_or(standard.every),
            size: self.size.unwrap_or(standard.size),
            send: self.send,
            accept: self.accept,
        }
    }
}

/// Signed, so that what is below zero is told in our words.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawBudget {
    pub(super) evaluations: Option<i64>,
    pub(super) dollars: Option<f64>,
    pub(super) tokens: Option<i64>,
    pub(super) minutes: Option<f64>,
}

/// A document, read.
pub(super) struct Read {
    pub(super) job: RawJob,
    pub(super) algorithm: Algorithm,
    /// What islands have of their own.
    pub(super) each: Vec<RawIsland>,
}

/// Reads the whole document.
pub(super) fn read(document: &Document) -> Result<Read, JobFileError> {
    let mut tree = document.tree()?;
    let algorithm = match tree.get_mut().remove(algorithm::KEY) {
        Some(table) => algorithm::read(document, table)?,
        None => algorithm::standard(),
    };
    let each = match tree.get_mut().get_mut("islands").map(Spanned::get_mut) {
        Some(DeValue::Table(islands)) => islands.remove("each"),
        _ => None,
    };
    let each = each.map_or_else(|| Ok(vec![]), |each| read_each(document, each))?;
    let span = tree.span();
    let whole = Spanned::new(span, DeValue::Table(tree.into_inner()));
    Ok(Read { job: document.read(whole, &[])?, algorithm, each })
}

fn read_each(document: &Document, each: Spanned<DeValue<'_>>) -> Result<Vec<RawIsland>, JobFileError> {
    let DeValue::Array(each) = each.into_inner() else {
        return Err(document.error(islands::EACH, "write `[[islands.each]]`, once for each island"));
    };
    let island = |(index, mut island): (usize, Spanned<DeValue<'_>>)| {
        let algorithm = match island.get_mut() {
            DeValue::Table(table) => table.remove(algorithm::KEY),
            _ => None,
        };
        let key = format!("{}.{}", islands::key(index), algorithm::KEY);
        let algorithm =
            algorithm.map(|table| algorithm::read_of_island(document, &key, table)).transpose()?;
        Ok(RawIsland { algorithm, ..document.read(island, &[])? })
    };
    each.into_iter().enumerate().map(island).collect()
}
