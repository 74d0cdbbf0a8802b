//! What a user submits.

use std::collections::BTreeMap;

use evohub_evaluation::{DataConfig, GenerationConfig, OutputConfig, ScoreConfig};
use evohub_evolution::variation::parameter::ParameterRange;
use evohub_evolution::{
    AlgorithmConfig, Candidate, Case, CaseSet, Distance, MigrationConfig, VariationLimits,
};
use evohub_llm::{ModelName, PriceConfig, ProviderConfig};
use serde::{Deserialize, Serialize};

/// A whole job: validated, self-contained and free of secrets, so that it can be stored and sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// What its user calls it; the job's id begins with it.
    pub name: String,
    /// Seed of all chance.
    pub seed: u64,
    /// Where the search starts; one or more. The report compares with the first.
    pub seeds: Vec<Candidate>,
    /// The test cases.
    pub data: JobData,
    /// What measures candidates.
    pub evaluator: EvaluatorSpec,
    /// The model that rewrites prompts, if any.
    pub reflection: Option<ReflectionSpec>,
    /// The algorithm and its settings.
    pub algorithm: AlgorithmConfig,
    /// Bounds on every candidate.
    pub limits: VariationLimits,
    /// Weights of operators that replace the standard ones, by name; 0 switches one off.
    pub operators: BTreeMap<String, f64>,
    /// Numeric parameters that evolve beside the text, by name, each with the range in which it may move.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterRange>,
    /// What it may spend.
    pub budget: JobBudget,
    /// Most evaluations and proposals under way at once; `None`: what the evaluator can use.
    pub slots: Option<usize>,
    /// Providers besides the built-in ones, by name.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Prices that replace the built-in ones, by model.
    pub prices: BTreeMap<String, PriceConfig>,
    /// Populations that evolve apart, and how they exchange candidates.
    #[serde(default)]
    pub islands: IslandsSpec,
    /// When an evaluation that takes much longer than the rest is given to another node as well.
    #[serde(default)]
    pub hedge: Hedge,
    /// How unlike candidates are.
    #[serde(default)]
    pub diversity: DiversitySpec,
}

/// How it is measured how unlike candidates are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DiversitySpec {
    /// The distance.
    pub distance: Distance,
    /// The model that embeds texts, for the distance of embeddings alone.
    #[serde(default)]
    pub model: Option<ModelName>,
}

impl DiversitySpec {
    /// The model to open, where there is one.
    ///
    /// # Errors
    /// When the distance wants a model and there is none, or the other way round.
    pub fn embedding_model(&self) -> Result<Option<&ModelName>, String> {
        match (self.distance, &self.model) {
            (Distance::Embedding, None) => Err("`diversity.distance` is `embedding`, which needs a model: name it as \
                                                `diversity.model`"
                .to_owned()),
            (Distance::Embedding, Some(model)) => Ok(Some(model)),
            (_, Some(_)) => {
                Err("`diversity.model` is for the distance `embedding` alone: set `diversity.distance`, or take the \
                     model away"
                    .to_owned())
            }
            (_, None) => Ok(None),
        }
    }
}

impl JobSpec {
    /// What evolves prompts on an island.
    pub fn algorithm_on(&self, island: u32) -> &AlgorithmConfig {
        self.island(island).and_then(|own| own.algorithm.as_ref()).unwrap_or(&self.algorithm)
    }

    /// Weights of operators on an island that replace the standard ones, by name.
    pub fn operators_on(&self, island: u32) -> BTreeMap<String, f64> {
        let own = self.island(island).into_iter().flat_map(|own| own.operators.clone());
        self.operators.clone().into_iter().chain(own).collect()
    }

    /// Where the search of an island starts.
    pub fn seeds_on(&self, island: u32) -> &[Candidate] {
        self.island(island).map(|own| &own.seeds).filter(|own| !own.is_empty()).unwrap_or(&self.seeds)
    }

    /// Validation cases that the search of an island ranks on, with its share of the evaluations.
    pub fn ranking_cases_on(&self, island: u32) -> usize {
        let share = self.budget.evaluations.map(|most| most / u64::from(self.islands.count));
        self.algorithm_on(island).ranking_cases(self.data.search.validation.len(), share)
    }

    fn island(&self, island: u32) -> Option<&IslandSpec> {
        self.islands.each.get(island as usize)
    }
}

/// Populations that evolve apart. They divide the budget among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IslandsSpec {
    /// How many, 1 or more.
    pub count: u32,
    /// How they exchange candidates.
    pub migration: MigrationConfig,
    /// What the first islands have of their own, in order; the rest are as the job says.
    #[serde(default)]
    pub each: Vec<IslandSpec>,
}

impl Default for IslandsSpec {
    fn default() -> Self {
        Self { count: 1, migration: MigrationConfig::default(), each: vec![] }
    }
}

/// What an island has of its own, in the place of what the job says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IslandSpec {
    /// Its algorithm.
    pub algorithm: Option<AlgorithmConfig>,
    /// Weights of operators that replace the job's, by name; 0 switches one off.
    pub operators: BTreeMap<String, f64>,
    /// Where its search starts; empty: where the job's does. The report compares with the job's first seed all the
    /// same.
    pub seeds: Vec<Candidate>,
}

/// When an evaluation that takes much longer than the rest is given to another node as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hedge {
    /// When evaluations cost no money.
    #[default]
    Free,
    /// Whatever they cost.
    Always,
    /// Never.
    Never,
}

/// The test cases of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobData {
    /// What the search sees.
    pub search: CaseSet,
    /// Sealed: scored once, for the report.
    pub test: Vec<Case>,
}

/// What measures the candidates of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluatorSpec {
    /// A language model answers, a scorer judges.
    Prompt(Box<PromptSpec>),
    /// An evaluator that the embedding program registered under this name.
    Custom(String),
}

/// How a language model is asked and its answer judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptSpec {
    /// The model that does the task.
    pub model: ModelName,
    /// The form of a user turn, such as `{input}`.
    pub template: String,
    /// Which columns of the cases mean what.
    pub columns: DataConfig,
    /// How the model generates.
    pub generation: GenerationConfig,
    /// Which part of an answer is scored.
    pub output: OutputConfig,
    /// How answers are judged.
    pub score: ScoreConfig,
    /// The model that judges, where a score asks for one.
    pub judge: Option<ModelName>,
    /// The folder that paths and commands of the score are relative to.
    pub folder: String,
}

/// The model that rewrites prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReflectionSpec {
    /// Which one.
    pub model: ModelName,
    /// Sampling temperature; `None` leaves it to the provider.
    pub temperature: Option<f64>,
    /// Longest answer in tokens; an answer cut there is rejected.
    pub max_output_tokens: u32,
}

/// What a job may spend. What is absent is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobBudget {
    /// Evaluations of the search, cached ones included; those of the report come on top.
    pub evaluations: Option<u64>,
    /// US dollars for all model calls, those of the report included.
    pub dollars: Option<f64>,
    /// Tokens for all model calls, those of the report included.
    pub tokens: Option<u64>,
    /// Minutes of searching.
    pub minutes: Option<f64>,
}
