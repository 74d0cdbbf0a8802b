//! What a job is done with: models, evaluators and operators, opened by the names in its specification.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use evohub_evaluation::{Evaluator, PromptEvaluator, Renderer, ScoreContext, Variables, scorer};
use evohub_evolution::optimizers::OptimizerFactory;
use evohub_evolution::variation::parameter::{ParameterRange, TuneParameter};
use evohub_evolution::variation::standard::{standard_operators, standard_rewrites};
use evohub_evolution::{
    AlgorithmConfig, Candidate, Case, CostModel, EmbeddingOrder, Failure, Operator, Operators,
};
use evohub_llm::{
    ChatMessage, ChatModel, ChatRequest, ChatResponse, EmbeddingModel, EmbeddingResponse, FinishReason,
    LlmError, LlmErrorKind, ModelName, ModelRegistry, ProviderProbe, Usage,
};
use evohub_monitoring::metrics::{Metrics, MetricsConfig};
use evohub_store::Quota;

use crate::embedding_text::text_of;
use crate::error::EngineError;
use crate::evaluator::Asked;
use crate::quota::StoredQuota;
use crate::spec::{EvaluatorSpec, JobSpec, PromptSpec, ReflectionSpec};

/// What the embedding program brings: evaluators, operators and models of its own. Everything else is opened by name.
#[derive(Clone)]
pub struct Toolbox {
    metrics: Arc<Metrics>,
    evaluators: HashMap<String, Arc<dyn Evaluator>>,
    operators: Vec<(Arc<dyn Operator>, f64)>,
    optimizers: BTreeMap<String, Arc<dyn OptimizerFactory>>,
    models: Vec<Arc<dyn ChatModel>>,
    embeddings: Vec<Arc<dyn EmbeddingModel>>,
    registry: Option<Arc<RegistrySetup>>,
    quota: Option<(Arc<StoredQuota>, Arc<Share>)>,
}

/// Changes the registry that models are opened from.
type RegistrySetup = dyn Fn(ModelRegistry) -> ModelRegistry + Send + Sync;

/// This node's share of what all nodes may ask for.
type Share = dyn Fn() -> f64 + Send + Sync;

/// Of the operator that tunes parameters, where a job declares any; the standard operators weigh 100 together.
const TUNE_PARAMETER_WEIGHT: f64 = 8.0;
/// Answers are assumed to be no longer than this where nothing limits them.
const LONGEST_ANSWER: u32 = 1_024;
/// Characters between the two points from which a linear bound is found.
const FURTHER: usize = 10_000;
/// Tokens of a character, an upper bound for most languages.
const TOKENS_PER_CHARACTER: f64 = 0.5;

impl Default for Toolbox {
    fn default() -> Self {
        Self::new(Metrics::new(&MetricsConfig::default()))
    }
}

impl Toolbox {
    /// A toolbox with nothing of the embedding program's own, whose work is counted in `metrics`.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            evaluators: HashMap::new(),
            operators: vec![],
            optimizers: BTreeMap::new(),
            models: vec![],
            embeddings: vec![],
            registry: None,
            quota: None,
        }
    }

    /// Where the work is counted that is done with it.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Adds an evaluator that jobs may name.
    pub fn add_evaluator(&mut self, name: impl Into<String>, evaluator: Arc<dyn Evaluator>) {
        self.evaluators.insert(name.into(), evaluator);
    }

    /// Adds an operator with its weight; the standard operators weigh 100 together.
    pub fn add_operator(&mut self, operator: Arc<dyn Operator>, weight: f64) {
        self.operators.push((operator, weight));
    }

    /// Adds an optimizer that jobs may name (`AlgorithmConfig::Custom`).
    pub fn add_optimizer(&mut self, factory: Arc<dyn OptimizerFactory>) {
        self.optimizers.insert(factory.name().to_owned(), factory);
    }

    /// Adds a model that jobs may name.
    pub fn add_model(&mut self, model: Arc<dyn ChatModel>) {
        self.models.push(model);
    }

    /// Adds a model that embeds texts, which jobs may name.
    pub fn add_embedding_model(&mut self, model: Arc<dyn EmbeddingModel>) {
        self.embeddings.push(model);
    }

    /// Names of the evaluators that were added.
    pub(crate) fn evaluator_names(&self) -> std::collections::BTreeSet<String> {
        self.evaluators.keys().cloned().collect()
    }

    /// Names of the operators that jobs may weigh.
    pub fn operator_names(&self) -> Vec<String> {
        Operators::new(self.plain_operators(&BTreeMap::new()), standard_rewrites()).names()
    }

    /// The operators that need no model, each with its weight unless a job sets another.
    fn plain_operators(
        &self,
        parameters: &BTreeMap<String, ParameterRange>,
    ) -> Vec<(Arc<dyn Operator>, f64)> {
        let tune: Arc<dyn Operator> = Arc::new(TuneParameter::new(parameters.clone()));
        let tune_weight = if parameters.is_empty() { 0.0 } else { TUNE_PARAMETER_WEIGHT };
        let mut plain = standard_operators();
        plain.push((tune, tune_weight));
        plain.extend(self.operators.clone());
        plain
    }

    /// Sets up the registry that jobs open their models from: how local models are loaded, who hears how one is
    /// fetched, or where keys are looked up.
    pub fn set_up_registry(
        &mut self,
        set_up: impl Fn(ModelRegistry) -> ModelRegistry + Send + Sync + 'static,
    ) {
        self.registry = Some(Arc::new(set_up));
    }

    /// Has all nodes keep to the limits of each provider together, for jobs that are opened from now on. While the quota
    /// is away, this node keeps to its `share` of them: 1 divided by the number of living nodes, asked anew for each call.
    pub fn share_quota(&mut self, quota: Arc<Quota>, share: Arc<dyn Fn() -> f64 + Send + Sync>) {
        self.quota = Some((Arc::new(StoredQuota(quota)), share));
    }

    /// Opens all that a job needs. Calls no provider, but loads local models, which takes a moment and blocks.
    ///
    /// # Errors
    /// What cannot be had, and what to do.
    pub fn open(&self, spec: &JobSpec) -> Result<JobTools, EngineError> {
        let mut registry = ModelRegistry::new(spec.providers.clone(), spec.prices.clone())?;
        if let Some(set_up) = &self.registry {
            registry = set_up(registry);
        }
        registry = registry.with_metrics(Arc::clone(&self.metrics));
        if let Some((quota, share)) = self.quota.clone() {
            registry = registry.with_quota(quota, share);
        }
        self.models.iter().for_each(|model| registry.register(Arc::clone(model)));
        self.embeddings.iter().for_each(|model| registry.register_embedding(Arc::clone(model)));
        let evaluator = self.evaluator(spec, &registry)?;
        let embedding = spec.diversity.embedding_model().map_err(EngineError::Spec)?;
        let reflection = spec.reflection.iter().map(|reflection| {
            let (model, spec) = (registry.open(&reflection.model)?, reflection.clone());
            Ok::<_, EngineError>(Reflection { model, spec })
        });
        let reflection = reflection.collect::<Result<_, EngineError>>()?;
        Ok(JobTools {
            providers: registry.providers(),
            fingerprint: evaluator.fingerprint(),
            evaluator,
            reflection,
            embedding: embedding.map(|name| registry.open_embedding(name)).transpose()?,
            islands: (0..spec.islands.count)
                .map(|island| self.island_tools(spec, island))
                .collect::<Result<_, EngineError>>()?,
        })
    }

    fn island_tools(&self, spec: &JobSpec, island: u32) -> Result<IslandTools, EngineError> {
        let open = || {
            let operators = Arc::new(self.operators(&spec.operators_on(island), &spec.parameters)?);
            Ok(IslandTools { operators, optimizer: self.optimizer(spec.algorithm_on(island))? })
        };
        open().map_err(|error| match error {
            EngineError::Spec(message) if (island as usize) < spec.islands.each.len() => {
                EngineError::Spec(format!("`islands.each[{island}]`: {message}"))
            }
            other => other,
        })
    }

    /// The factory of the optimizer that a job names, if it is none of the algorithms of evohub itself.
    fn optimizer(
        &self,
        algorithm: &AlgorithmConfig,
    ) -> Result<Option<Arc<dyn OptimizerFactory>>, EngineError> {
        let AlgorithmConfig::Custom(custom) = algorithm else { return Ok(None) };
        let name = &custom.optimizer;
        let factory = self.optimizers.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.optimizers.keys().map(String::as_str).collect();
            EngineError::Spec(format!(
                "there is no optimizer `{name}` here; registered are: {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            ))
        })?;
        factory
            .check(&custom.settings)
            .map_err(|error| EngineError::Spec(format!("settings of the optimizer `{name}`: {error}")))?;
        Ok(Some(factory))
    }

    fn evaluator(&self, spec: &JobSpec, registry: &ModelRegistry) -> Result<Arc<dyn Evaluator>, EngineError> {
        match &spec.evaluator {
            EvaluatorSpec::Custom(name) => self.evaluators.get(name).cloned().ok_or_else(|| {
                let mut known: Vec<&str> = self.evaluators.keys().map(String::as_str).collect();
                known.sort_unstable();
                EngineError::Spec(format!(
                    "there is no evaluator `{name}` here; registered are: {}",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                ))
            }),
            EvaluatorSpec::Prompt(prompt) => {
                for island in 0..spec.islands.count {
                    let named = spec.algorithm_on(island).named();
                    prompt
                        .score
                        .check_objectives(&named)
                        .map_err(|error| EngineError::Spec(error.to_string()))?;
                }
                Ok(Arc::new(prompt_evaluator(prompt, &spec.data.search.train, all_cases(spec), |name| {
                    Ok(registry.open(name)?)
                })?))
            }
        }
    }

    /// The standard operators and those added, with the weights that a job sets.
    fn operators(
        &self,
        weights: &BTreeMap<String, f64>,
        parameters: &BTreeMap<String, ParameterRange>,
    ) -> Result<Operators, EngineError> {
        let plain = self.plain_operators(parameters);
        let rewrites = standard_rewrites();
        let names: Vec<String> = Operators::new(plain.clone(), rewrites.clone()).names();
        if let Some(unknown) = weights.keys().find(|name| !names.contains(name)) {
            let known = names.join(", ");
            return Err(EngineError::Spec(format!("there is no operator `{unknown}`; there are: {known}")));
        }
        if parameters.is_empty() && weights.get(TuneParameter::NAME).is_some_and(|weight| *weight > 0.0) {
            let message = format!("`{}` has nothing to tune: declare `parameters`", TuneParameter::NAME);
            return Err(EngineError::Spec(message));
        }
        let weight = |name: &str, standard: f64| weights.get(name).copied().unwrap_or(standard);
        let plain = plain.into_iter().map(|(operator, standard)| {
            let weight = weight(operator.name(), standard);
            (operator, weight)
        });
        let rewrites = rewrites.into_iter().map(|(rewrite, w)| (rewrite, weight(rewrite.as_str(), w)));
        let positive = |weight: f64| weight > 0.0;
        Ok(Operators::new(
            plain.filter(|(_, weight)| positive(*weight)).collect(),
            rewrites.filter(|(_, weight)| positive(*weight)).collect(),
        ))
    }
}

/// All cases of a job, test cases included.
fn all_cases(spec: &JobSpec) -> impl Iterator<Item = &Case> + Clone {
    spec.data.search.train.iter().chain(&spec.data.search.validation).chain(&spec.data.test)
}

/// The evaluator of a prompt, with models opened by `open`.
///
/// # Errors
/// What cannot be had or is set up wrongly.
pub fn prompt_evaluator<'a>(
    prompt: &PromptSpec,
    train: &[Case],
    cases: impl Iterator<Item = &'a Case> + Clone,
    open: impl Fn(&ModelName) -> Result<Arc<dyn ChatModel>, EngineError>,
) -> Result<PromptEvaluator, EngineError> {
    let columns: std::collections::BTreeSet<&String> =
        cases.clone().flat_map(|case| case.columns.keys()).collect();
    let variables = Variables::of_task(columns, &prompt.columns);
    let renderer = Renderer::new(&prompt.template, variables)
        .map_err(|error| EngineError::Spec(format!("`template.user`: {error}")))?
        .with_examples(train);
    let mut context = ScoreContext::new(PathBuf::from(&prompt.folder), cases);
    if let Some(judge) = &prompt.judge {
        context = context.with_judge(open(judge)?);
    }
    let scorer =
        scorer::build(&prompt.score, &context).map_err(|error| EngineError::Spec(error.to_string()))?;
    let evaluator = PromptEvaluator::new(open(&prompt.model)?, renderer, scorer);
    Ok(evaluator.with_generation(prompt.generation).with_output(prompt.output.clone()))
}

/// A reflection model of a job.
struct Reflection {
    model: Arc<dyn ChatModel>,
    spec: ReflectionSpec,
}

/// All that a job is done with.
pub struct JobTools {
    pub(crate) fingerprint: String,
    pub(crate) evaluator: Arc<dyn Evaluator>,
    reflection: Vec<Reflection>,
    embedding: Option<Arc<dyn EmbeddingModel>>,
    islands: Vec<IslandTools>,
    providers: Vec<ProviderProbe>,
}

/// What an island searches with.
pub(crate) struct IslandTools {
    pub(crate) operators: Arc<Operators>,
    /// What makes the optimizer, where it is the embedding program's own.
    pub(crate) optimizer: Option<Arc<dyn OptimizerFactory>>,
}

impl JobTools {
    /// The remote providers of its models, to see whether they can be reached.
    pub fn providers(&self) -> &[ProviderProbe] {
        &self.providers
    }

    /// What measures the candidates.
    pub fn evaluator(&self) -> &Arc<dyn Evaluator> {
        &self.evaluator
    }

    /// What an island searches with.
    pub(crate) fn of_island(&self, island: u32) -> &IslandTools {
        &self.islands[island as usize]
    }

    /// Upper bounds on what an evaluation takes, and a proposal of each reflection model; zero dollars where no price is
    /// known.
    pub fn cost_models(&self, spec: &JobSpec) -> (CostModel, Vec<CostModel>) {
        let answer = |limit: Option<u32>| f64::from(limit.unwrap_or(LONGEST_ANSWER));
        let generation = match &spec.evaluator {
            EvaluatorSpec::Prompt(prompt) => prompt.generation.max_output_tokens,
            EvaluatorSpec::Custom(_) => None,
        };
        let (dollars_per_call, dollars_per_character) = self.evaluation_dollars(spec).unwrap_or_default();
        let evaluation = CostModel {
            dollars_per_call,
            dollars_per_character,
            tokens_per_call: answer(generation),
            tokens_per_character: TOKENS_PER_CHARACTER,
        };
        (evaluation, self.reflection.iter().map(Reflection::cost_model).collect())
    }

    /// Dollars for an evaluation of no characters, and for each character: two points of a bound that is linear in
    /// the characters sent.
    fn evaluation_dollars(&self, spec: &JobSpec) -> Option<(f64, f64)> {
        let case = all_cases(spec).max_by_key(|case| case.input.len())?;
        let short = &spec.seeds[0];
        let (name, text) = short.components().first_key_value()?;
        let long = short.with_component(name, format!("{text}{}", "x".repeat(FURTHER))).ok()?;
        let at_short = self.evaluator.cost_limit(short, case)?;
        let per_character = (self.evaluator.cost_limit(&long, case)? - at_short).max(0.0) / FURTHER as f64;
        let characters = (short.length() + case.input.len()) as f64;
        Some(((at_short - per_character * characters).max(0.0), per_character))
    }

    /// The request that puts a question to the reflection model in this place.
    pub(crate) fn reflection_request(&self, model: u32, question: String) -> Option<ChatRequest> {
        Some(self.reflection.get(model as usize)?.request(question))
    }

    /// Name of the reflection model in this place.
    pub(crate) fn reflection_name(&self, model: u32) -> Option<&ModelName> {
        Some(self.reflection.get(model as usize)?.model.name())
    }

    /// Name of the embedding model.
    pub(crate) fn embedding_name(&self) -> Option<&ModelName> {
        Some(self.embedding.as_ref()?.name())
    }

    /// The most that the embedding of a candidate can cost, in US dollars: 0 where none is asked for, `None` when no
    /// price is known.
    pub fn embedding_limit(&self, candidate: &Candidate) -> Option<f64> {
        match &self.embedding {
            Some(model) => model.cost_limit(&[EmbeddingOrder::of(candidate).text]),
            None => Some(0.0),
        }
    }

    /// Upper bound on what an embedding takes; zero dollars where no price is known.
    pub(crate) fn embedding_cost(&self) -> CostModel {
        let Some(model) = &self.embedding else { return CostModel::default() };
        cost_of_text(|text| model.cost_limit(&[text]), 0.0)
    }

    /// Asks a model beside the evaluations.
    pub(crate) async fn ask(&self, asked: Asked) -> Result<Said, Failure> {
        let absent = |what: &str| Failure {
            kind: evohub_evolution::FailureKind::Piece,
            cause: LlmErrorKind::Configuration.as_str().to_owned(),
            message: format!("the job has no {what} model"),
        };
        let failed = |error: LlmError| evohub_evaluation::failure_of_model(&error);
        match asked {
            Asked::Question { model, request } => {
                let asked = self.reflection.get(model as usize).ok_or_else(|| absent("reflection"))?;
                let ChatResponse { text, finish, usage, dollars, .. } =
                    asked.model.chat(request).await.map_err(failed)?;
                let truncated = finish == FinishReason::Length;
                Ok(Said { text, truncated, dollars: dollars.unwrap_or(0.0), usage })
            }
            Asked::Embedding(text) => {
                let model = self.embedding.as_ref().ok_or_else(|| absent("embedding"))?;
                let EmbeddingResponse { vectors, usage, dollars, .. } =
                    model.embed(vec![text]).await.map_err(failed)?;
                let text = vectors.first().map(|vector| text_of(vector)).unwrap_or_default();
                Ok(Said { text, truncated: false, dollars: dollars.unwrap_or(0.0), usage })
            }
        }
    }
}

/// Upper bound on what a call about a text takes, from two points of a price that is linear in its characters; zero dollars
/// where no price is known.
fn cost_of_text(dollars: impl Fn(String) -> Option<f64>, tokens_per_call: f64) -> CostModel {
    let dollars = |characters| dollars("x".repeat(characters)).unwrap_or(0.0);
    let dollars_per_call = dollars(0);
    CostModel {
        dollars_per_call,
        dollars_per_character: (dollars(FURTHER) - dollars_per_call) / FURTHER as f64,
        tokens_per_call,
        tokens_per_character: TOKENS_PER_CHARACTER,
    }
}

/// What a model said, and what it took.
pub(crate) struct Said {
    /// An answer, or a vector as a text.
    pub(crate) text: String,
    pub(crate) truncated: bool,
    pub(crate) dollars: f64,
    pub(crate) usage: Usage,
}

impl Reflection {
    fn cost_model(&self) -> CostModel {
        let answer = f64::from(self.spec.max_output_tokens);
        cost_of_text(|text| self.model.cost_limit(&self.request(text)), answer)
    }

    fn request(&self, question: String) -> ChatRequest {
        ChatRequest {
            max_output_tokens: Some(self.spec.max_output_tokens),
            temperature: self.spec.temperature,
            ..ChatRequest::new(vec![ChatMessage::user(question)])
        }
    }
}
