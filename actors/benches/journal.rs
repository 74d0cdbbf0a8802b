//! How many journaled evaluations a second the actors do on SQLite, with an evaluator that costs nothing.

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use evohub_actors::{Engine, EngineConfig, EvaluatorSpec, JobBudget, JobData, JobSpec, Toolbox};
use evohub_evaluation::FnEvaluator;
use evohub_evolution::optimizers::GaConfig;
use evohub_evolution::race::RaceConfig;
use evohub_evolution::{AlgorithmConfig, Candidate, Case, CaseSet, VariationLimits};

const EVALUATIONS: u64 = 100_000;

fn cases(prefix: &str, count: usize) -> Vec<Case> {
    (0..count).map(|i| Case::new(format!("{prefix} {i}"), format!("{}", i % 2))).collect()
}

fn spec() -> JobSpec {
    JobSpec {
        name: "throughput".into(),
        seed: 1,
        seeds: vec![Candidate::from_instruction("Answer the question.").unwrap()],
        data: JobData {
            search: CaseSet::new(cases("train", 100), cases("validation", 200)).unwrap(),
            test: cases("test", 10),
        },
        evaluator: EvaluatorSpec::Custom("free".into()),
        reflection: vec![],
        algorithm: AlgorithmConfig::Ga(GaConfig {
            population: 100,
            elites: 10,
            race: RaceConfig { enabled: false, ..RaceConfig::default() },
            ranking_cases: Some(200),
            ..GaConfig::default()
        }),
        limits: VariationLimits::default(),
        operators: BTreeMap::new(),
        parameters: BTreeMap::new(),
        budget: JobBudget { evaluations: Some(EVALUATIONS), ..JobBudget::default() },
        slots: None,
        providers: BTreeMap::new(),
        prices: BTreeMap::new(),
        islands: evohub_actors::IslandsSpec::default(),
        repeats: evohub_actors::RepeatsSpec::default(),
        hedge: evohub_actors::Hedge::default(),
        diversity: evohub_actors::DiversitySpec::default(),
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = evohub_store::open(folder.path().join("bench.db").to_str().unwrap()).await.unwrap();
    let mut toolbox = Toolbox::default();
    let free = FnEvaluator::new("free/1", |candidate: &Candidate, case: &Case| {
        f64::from((candidate.id().to_bytes()[0] ^ case.id().to_bytes()[0]) & 7) / 7.0
    });
    toolbox.add_evaluator("free", Arc::new(free));
    let engine = Engine::start(EngineConfig { toolbox, ..EngineConfig::new(store) }).await.unwrap();
    for round in 1..=3 {
        let start = Instant::now();
        let job = JobSpec { seed: round, ..spec() };
        let result = engine.submit(job).await.unwrap().result().await.unwrap();
        assert_eq!(result.status, "done", "{:?}", result.error);
        let rate = result.evaluations as f64 / start.elapsed().as_secs_f64();
        println!("journaled evaluations: {} in {:.2?}, {rate:.0}/s", result.evaluations, start.elapsed());
    }
    engine.shutdown().await;
}
