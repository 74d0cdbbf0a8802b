//! How busy evohub keeps an OpenAI-compatible endpoint on loopback that serves at most 32 calls at once, with
//! lognormal latency (median 200 ms, sigma 0.8; proposals 800 ms), and what it adds to a call.
//!
//! Prints, for one prompt on 1,000 cases and for a GEPA job of 2,000 calls: the share of the slots that was busy, and
//! the time between a slot's becoming free and its next call.

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

#[path = "../../tests/support/http.rs"]
mod http;
mod server;

use std::collections::BTreeMap;

use evohub::evaluation::{DataConfig, GenerationConfig, OutputConfig, ScoreConfig, scorer::Metric};
use evohub::evolution::optimizers::{GaConfig, GepaConfig};
use evohub::evolution::{AlgorithmConfig, Candidate, Case, CaseSet, VariationLimits};
use evohub::llm::{ProviderConfig, ProviderKind};
use evohub::{
    Engine, EngineConfig, EvaluatorSpec, JobBudget, JobData, JobResult, JobSpec, PromptSpec, ReflectionSpec,
    store,
};

use server::{SLOTS, Server};

fn cases(prefix: &str, count: usize) -> Vec<Case> {
    (0..count).map(|i| Case::new(format!("{prefix} {i}"), "yes")).collect()
}

fn spec(server: &Server, algorithm: AlgorithmConfig, validation: usize, evaluations: u64) -> JobSpec {
    let mut provider = ProviderConfig::new(ProviderKind::OpenAi);
    provider.base_url = Some(server.url());
    provider.max_concurrency = SLOTS;
    let evaluator = PromptSpec {
        model: "lab:task".parse().unwrap(),
        template: "{input}".into(),
        columns: DataConfig::default(),
        generation: GenerationConfig { max_output_tokens: Some(8), ..GenerationConfig::default() },
        output: OutputConfig::default(),
        score: ScoreConfig { metric: Some(Metric::Exact), ..ScoreConfig::default() },
        judge: None,
        folder: String::new(),
    };
    let reflection = ReflectionSpec {
        model: "lab:reflection".parse().unwrap(),
        temperature: None,
        max_output_tokens: 500,
    };
    // Only the model writes proposals: the server knows what each is worth.
    let operators: BTreeMap<String, f64> = evohub::evolution::variation::standard::standard_operators()
        .iter()
        .map(|(operator, _)| (operator.name().to_owned(), 0.0))
        .chain([("paraphrase".to_owned(), 0.0), ("model_crossover".to_owned(), 0.0)])
        .collect();
    JobSpec {
        name: "endpoint".into(),
        seed: 1,
        seeds: vec![Candidate::from_instruction("0.4000").unwrap()],
        data: JobData {
            search: CaseSet::new(cases("train", 100), cases("validation", validation)).unwrap(),
            test: cases("test", 1),
        },
        evaluator: EvaluatorSpec::Prompt(Box::new(evaluator)),
        reflection: Some(reflection),
        algorithm,
        limits: VariationLimits::default(),
        operators,
        budget: JobBudget { evaluations: Some(evaluations), ..JobBudget::default() },
        slots: None,
        providers: BTreeMap::from([("lab".to_owned(), provider)]),
        prices: BTreeMap::new(),
        islands: evohub::IslandsSpec::default(),
        hedge: evohub::Hedge::default(),
    }
}

async fn run(spec: JobSpec) -> JobResult {
    let folder = tempfile::tempdir().unwrap();
    let store = store::open(&folder.path().join("bench.db").to_string_lossy()).await.unwrap();
    let engine = Engine::start(EngineConfig::new(store)).await.unwrap();
    let result = engine.submit(spec).await.unwrap().result().await.unwrap();
    assert_eq!(result.status, "done", "{:?}", result.error);
    engine.shutdown().await;
    result
}

#[tokio::main]
async fn main() {
    let server = Server::start().await;
    // A generation that never comes: the seed is measured on all cases, and that is all the budget pays for.
    let whole = GaConfig { ranking_cases: Some(1_000), finals: 0.0, ..GaConfig::default() };
    run(spec(&server, AlgorithmConfig::Ga(whole), 1_000, 1_000)).await;
    let usage = server.usage(64 + 2);
    println!(
        "one prompt on 1,000 cases: {:.1} % of {SLOTS} slots busy until the last 64 calls",
        100.0 * usage.busy
    );
    println!(
        "  a free slot waits for its next call: median {:.2} ms, p95 {:.2} ms",
        usage.median_gap, usage.p95_gap
    );

    for seed in 1..=3 {
        let server = Server::start().await;
        let job = spec(&server, AlgorithmConfig::Gepa(GepaConfig::default()), 100, 2_000);
        let result = run(JobSpec { seed, ..job }).await;
        let usage = server.usage(2);
        println!(
            "gepa, seed {seed}, {} evaluations, {} model calls in {:.1} s: {:.1} % of {SLOTS} slots busy from first to \
             last call",
            result.evaluations,
            result.model_calls,
            usage.seconds,
            100.0 * usage.busy
        );
    }
}
