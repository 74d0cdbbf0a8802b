//! A job of evohub's own against an endpoint of these benchmarks.

use std::collections::BTreeMap;

use evohub::evaluation::scorer::Metric;
use evohub::evaluation::{DataConfig, GenerationConfig, OutputConfig, ScoreConfig};
use evohub::evolution::variation::rewrite::Rewrite;
use evohub::evolution::variation::standard::{standard_operators, standard_rewrites};
use evohub::evolution::{AlgorithmConfig, Candidate, Case, CaseSet, VariationLimits};
use evohub::llm::{ProviderConfig, ProviderKind};
use evohub::{
    Engine, EngineConfig, EvaluatorSpec, JobBudget, JobData, JobResult, JobSpec, PromptSpec, ReflectionSpec,
    store,
};

use crate::server::{STUDENT, TEACHER};
use crate::stub::SLOTS;

/// Tokens of a task model's answer: enough for a label.
pub(crate) const ANSWER_TOKENS: u32 = 8;
/// Tokens of a proposal.
pub(crate) const PROPOSAL_TOKENS: u32 = 300;

/// A job whose prompts are scored by the first word of the answer.
pub(crate) fn spec(
    url: &str,
    seed_prompt: &str,
    search: CaseSet,
    test: Case,
    algorithm: AlgorithmConfig,
    evaluations: u64,
) -> JobSpec {
    let provider = ProviderConfig {
        base_url: Some(url.to_owned()),
        max_concurrency: SLOTS,
        timeout_seconds: 600.0,
        ..ProviderConfig::new(ProviderKind::OpenAi)
    };
    let evaluator = PromptSpec {
        model: format!("lab:{STUDENT}").parse().unwrap(),
        template: "{input}".into(),
        columns: DataConfig::default(),
        generation: GenerationConfig {
            max_output_tokens: Some(ANSWER_TOKENS),
            ..GenerationConfig::default()
        },
        output: OutputConfig::default(),
        score: ScoreConfig { metric: Some(Metric::Label), ..ScoreConfig::default() },
        judge: None,
        folder: String::new(),
    };
    let reflection = ReflectionSpec {
        model: format!("lab:{TEACHER}").parse().unwrap(),
        temperature: None,
        max_output_tokens: PROPOSAL_TOKENS,
    };
    JobSpec {
        name: "bench".into(),
        seed: 1,
        seeds: vec![Candidate::from_instruction(seed_prompt).unwrap()],
        data: JobData { search, test: vec![test] },
        evaluator: EvaluatorSpec::Prompt(Box::new(evaluator)),
        reflection: vec![reflection],
        algorithm,
        limits: VariationLimits::default(),
        operators: BTreeMap::new(),
        parameters: BTreeMap::new(),
        budget: JobBudget { evaluations: Some(evaluations), ..JobBudget::default() },
        slots: None,
        providers: BTreeMap::from([("lab".to_owned(), provider)]),
        prices: BTreeMap::new(),
        islands: evohub::IslandsSpec::default(),
        repeats: evohub::RepeatsSpec::default(),
        hedge: evohub::Hedge::default(),
        diversity: evohub::DiversitySpec::default(),
    }
}

/// Weights with which only the reflection on traces writes proposals. A landscape knows what those are worth, and
/// nothing of what other operators do to a text.
pub(crate) fn reflection_alone() -> BTreeMap<String, f64> {
    let plain = standard_operators();
    let plain = plain.iter().map(|(operator, _)| operator.name().to_owned());
    let others = standard_rewrites().into_iter().filter(|(rewrite, _)| *rewrite != Rewrite::Reflect);
    let others = others.map(|(rewrite, _)| rewrite.as_str().to_owned());
    plain.chain(others).map(|name| (name, 0.0)).collect()
}

/// Runs it in an engine of its own.
pub(crate) async fn run(spec: JobSpec) -> Result<JobResult, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let store = store::open(&folder.path().join("bench.db").to_string_lossy()).await;
    let engine = Engine::start(EngineConfig::new(store.map_err(|error| error.to_string())?)).await;
    let engine = engine.map_err(|error| error.to_string())?;
    let result = match engine.submit(spec).await {
        Ok(handle) => handle.result().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    engine.shutdown().await;
    match result? {
        result if result.status == "done" => Ok(result),
        result => Err(format!("the job is {}: {}", result.status, result.error.unwrap_or_default())),
    }
}
