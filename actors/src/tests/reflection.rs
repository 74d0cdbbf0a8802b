//! Jobs whose prompts are rewritten by models.

use evohub_llm::ScriptedModel;
use evohub_llm::price::PriceConfig;

use super::*;
use crate::ReflectionSpec;

/// A model that writes `good` into a prompt now and then, or never.
fn writer(name: &str, helps: bool, output_price: f64) -> ScriptedModel {
    let price = PriceConfig { input: 0.0, cached_input: None, output: output_price };
    ScriptedModel::new(name, move |request| {
        let question = request.messages[0].content.as_bytes();
        let number = evohub_evolution::Digest::of_fields([question]).to_bytes()[0];
        let good = "good ".repeat(usize::from(helps) * usize::from(number % 6));
        format!("```\nAnswer {good}in manner {number}.\n```")
    })
    .price(Some(price))
}

/// An engine whose evaluator likes what is good.
async fn library() -> (Engine, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = evohub_store::open(folder.path().join("test.db").to_str().unwrap()).await.unwrap();
    let mut toolbox = Toolbox::default();
    let evaluator = FnEvaluator::new("likes/1", |candidate, case| {
        let good = candidate.component("instruction").matches("good").count();
        let luck = f64::from(case.id().to_bytes()[0]) / 255.0;
        Scored::new(f64::from(u8::from(luck < 0.3 + 0.1 * good as f64)), "feedback")
    });
    toolbox.add_evaluator("likes", Arc::new(evaluator));
    toolbox.add_model(Arc::new(writer("lab:poor", false, 10.0)));
    toolbox.add_model(Arc::new(writer("lab:great", true, 10.0)));
    let config = EngineConfig { toolbox, workers: 16, ..EngineConfig::new(store) };
    (Engine::start(config).await.unwrap(), folder)
}

fn reflection(name: &str) -> ReflectionSpec {
    ReflectionSpec { model: name.parse().unwrap(), temperature: None, max_output_tokens: 500 }
}

#[tokio::test]
async fn the_model_that_helps_more_is_asked_more_and_the_result_says_so() {
    for algorithm in algorithms() {
        let (engine, _folder) = library().await;
        let job = JobSpec {
            evaluator: EvaluatorSpec::Custom("likes".into()),
            reflection: vec![reflection("lab:poor"), reflection("lab:great")],
            budget: JobBudget { evaluations: Some(1_000), ..JobBudget::default() },
            ..spec(algorithm)
        };
        let result = engine.submit(job).await.unwrap().result().await.unwrap();
        let [poor, great] = &result.models[..] else { panic!("{:?}", result.models) };
        assert_eq!((poor.model.as_str(), great.model.as_str()), ("lab:poor", "lab:great"));
        assert!(great.proposals > poor.proposals && poor.proposals > 0, "{:?}", result.models);
        assert!(great.improvement > poor.improvement, "{:?}", result.models);
        assert!(great.used <= great.proposals && great.dollars > 0.0, "{:?}", result.models);
        let paid = poor.dollars + great.dollars;
        assert!((result.dollars - paid).abs() < 1e-9, "{paid} of {}", result.dollars);
        assert!(result.best.unwrap().prompt.contains("good"));
    }
}

#[test]
fn a_job_that_was_stored_with_one_model_or_none_still_reads() {
    let spec = |reflection| JobSpec { reflection, ..spec(AlgorithmConfig::Ga(GaConfig::default())) };
    let one = spec(vec![reflection("lab:poor")]);
    let mut stored = serde_json::to_value(&one).unwrap();
    stored["reflection"] = stored["reflection"][0].take();
    assert_eq!(serde_json::from_value::<JobSpec>(stored.clone()).unwrap(), one);
    stored["reflection"] = serde_json::Value::Null;
    assert_eq!(serde_json::from_value::<JobSpec>(stored).unwrap(), spec(vec![]));
}

#[tokio::test]
async fn the_probabilities_of_operators_are_shown_while_a_job_runs() {
    let world = world(never).await;
    let job = world.submit_until(spec(AlgorithmConfig::Ga(GaConfig::default())), 200).await;
    let shown = || {
        let page = world.engine.node().metrics.encode();
        let lines =
            page.lines().filter_map(|line| line.strip_prefix("evolution_operator_probability{operator=\""));
        let of_line = |line: &str| {
            let (operator, probability) = line.split_once("\"} ")?;
            Some((operator.to_owned(), probability.parse::<f64>().ok()?))
        };
        lines.filter_map(of_line).collect::<BTreeMap<String, f64>>()
    };
    let running = shown();
    // Two parents have operators of their own.
    assert!((running.values().sum::<f64>() - 2.0).abs() < 1e-9, "{running:?}");
    assert!(running["draw_shots"] > 0.0 && running["uniform_crossover"] > 0.0, "{running:?}");
    assert!(!running.contains_key("reflect"), "there is no model to ask");
    world.open();
    job.result().await.unwrap();
    assert!(shown().is_empty());
}
