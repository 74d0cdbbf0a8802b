//! What a user submits.

use std::collections::BTreeMap;

use evohub_evaluation::{DataConfig, GenerationConfig, OutputConfig, ScoreConfig};
use evohub_evolution::optimizers::BanditConfig;
use evohub_evolution::variation::parameter::ParameterRange;
use evohub_evolution::{
    AlgorithmConfig, Candidate, Case, CaseSet, Distance, MigrationConfig, VariationLimits,
};
use evohub_llm::registry::LOCAL;
use evohub_llm::{ModelName, PriceConfig, ProviderConfig};
use serde::{Deserialize, Deserializer, Serialize};

/// Measurements of a leader on a validation case in the finals, where the model answers by chance and the job does not
/// say how many.
const FINAL_REPEATS: u32 = 3;

/// Budgets below this many evaluations have better uses than repeats that nobody asked for.
const REPEATED_FROM: u64 = 1_000;

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
    /// The models that rewrite prompts; of several, each is asked as often as what it brings is worth its price.
    #[serde(default, deserialize_with = "none_one_or_more")]
    pub reflection: Vec<ReflectionSpec>,
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
    /// How often the same is measured where the model answers by chance.
    #[serde(default)]
    pub repeats: RepeatsSpec,
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
            (Distance::Embedding, None) => {
                Err("the distance `embedding` needs a model: name it as `diversity.model`".to_owned())
            }
            (Distance::Embedding, Some(model)) => Ok(Some(model)),
            (_, Some(_)) => {
                Err("a model is for the distance `embedding` alone: set `diversity.distance`, or take the model away"
                    .to_owned())
            }
            (_, None) => Ok(None),
        }
    }
}

impl JobSpec {
    /// A job without limits, reflection models or anything else of its own, to be changed where it shall be otherwise:
    /// `JobSpec { budget, ..JobSpec::new(…) }`. Without a budget it ends only when it is stopped or nothing is left to
    /// try.
    pub fn new(name: impl Into<String>, seed: Candidate, data: JobData, evaluator: EvaluatorSpec) -> Self {
        Self {
            name: name.into(),
            seed: 0,
            seeds: vec![seed],
            data,
            evaluator,
            reflection: vec![],
            algorithm: AlgorithmConfig::Bandit(BanditConfig::default()),
            limits: VariationLimits::default(),
            operators: BTreeMap::new(),
            parameters: BTreeMap::new(),
            budget: JobBudget::default(),
            slots: None,
            providers: BTreeMap::new(),
            prices: BTreeMap::new(),
            islands: IslandsSpec::default(),
            repeats: RepeatsSpec::default(),
            hedge: Hedge::default(),
            diversity: DiversitySpec::default(),
        }
    }

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

    /// The models that it names: for the task, to judge, to rewrite prompts.
    pub fn models(&self) -> Vec<&ModelName> {
        let EvaluatorSpec::Prompt(prompt) = &self.evaluator else { return vec![] };
        let reflection = self.reflection.iter().map(|reflection| &reflection.model);
        [Some(&prompt.model), prompt.judge.as_ref()].into_iter().flatten().chain(reflection).collect()
    }

    /// Measurements of a leader on a validation case in the finals.
    pub fn final_repeats(&self) -> u32 {
        let is_random = match &self.evaluator {
            EvaluatorSpec::Prompt(prompt) => {
                // Left to the provider, a remote model answers by chance, and a local one does not.
                let standard = if prompt.model.provider() == LOCAL { 0.0 } else { 1.0 };
                prompt.generation.temperature.unwrap_or(standard) > 0.0
                    || self.parameters.contains_key("temperature")
            }
            EvaluatorSpec::Custom(_) => false,
        };
        // What repeats cost is taken from the search, and that of GEPA misses it most.
        let is_affordable = self.budget.evaluations.is_none_or(|most| most >= REPEATED_FROM)
            && !matches!(self.algorithm, AlgorithmConfig::Gepa(_));
        self.repeats.finals.unwrap_or(if is_random && is_affordable { FINAL_REPEATS } else { 1 })
    }

    fn island(&self, island: u32) -> Option<&IslandSpec> {
        self.islands.each.get(island as usize)
    }
}

/// Reads a list of reflection models, or what jobs had before there could be several: one, or none.
fn none_one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ReflectionSpec>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Several(Vec<ReflectionSpec>),
        One(ReflectionSpec),
    }
    Ok(match Option::<Written>::deserialize(deserializer)? {
        None => vec![],
        Some(Written::One(one)) => vec![one],
        Some(Written::Several(several)) => several,
    })
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

/// How often the same is measured where the model answers by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepeatsSpec {
    /// Measurements of a leader on a validation case in the finals, 1 to 100, as far as the budget goes; `None`: 3 where
    /// the model answers by chance and 1,000 evaluations or more may be made, but for GEPA; else 1.
    pub finals: Option<u32>,
    /// Measurements on each sealed test case, 1 to 100.
    pub test: u32,
}

impl Default for RepeatsSpec {
    fn default() -> Self {
        Self { finals: None, test: 1 }
    }
}

impl RepeatsSpec {
    /// Most repeats of one measurement.
    pub const MOST: u32 = 100;

    /// What is wrong with it, with the key.
    ///
    /// # Errors
    /// The first number that is out of its range.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        let most = Self::MOST;
        for (key, value) in [("finals", self.finals.unwrap_or(1)), ("test", self.test)] {
            if !(1..=most).contains(&value) {
                return Err((key, format!("is {value}, and must be from 1 to {most}")));
            }
        }
        Ok(())
    }
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

/// A model that rewrites prompts.
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
