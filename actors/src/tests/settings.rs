//! What a job's settings do to its search.

use evohub_evolution::optimizers::{Nsga2Config, Objective, Property};
use evohub_evolution::variation::parameter::{ParameterRange, Scale, TuneParameter};

use super::*;
use crate::{EngineError, PreparedJob, PromptSpec};

/// An engine whose evaluator scores by a temperature near 0.4.
async fn warm_world() -> (Engine, World) {
    let world = world(never).await;
    let mut toolbox = Toolbox::default();
    let evaluator = FnEvaluator::new_async("warmth/1", 8, |candidate: Candidate, case: Case| async move {
        let off = candidate.parameters().get("temperature").map_or(0.8, |value| (value - 0.4).abs());
        let luck = f64::from(case.id().to_bytes()[0]) / 255.0;
        Ok(Scored::new(f64::from(u8::from(luck < 1.0 - off)), "feedback"))
    });
    toolbox.add_evaluator("warmth", Arc::new(evaluator));
    let config = EngineConfig { toolbox, workers: 16, ..EngineConfig::new(Arc::clone(&world.store)) };
    (Engine::start(config).await.unwrap(), world)
}

fn temperature(low: f64, high: f64) -> BTreeMap<String, ParameterRange> {
    [("temperature".to_owned(), ParameterRange::new(low, high, Scale::Linear, None).unwrap())].into()
}

#[tokio::test]
async fn a_declared_parameter_evolves() {
    for algorithm in algorithms() {
        let (engine, world) = warm_world().await;
        let job = JobSpec {
            evaluator: EvaluatorSpec::Custom("warmth".into()),
            parameters: temperature(0.0, 1.2),
            // So few evaluations draw an operator of the standard weight too seldom.
            operators: [(TuneParameter::NAME.to_owned(), 60.0)].into(),
            ..spec(algorithm)
        };
        let result = engine.submit(job.clone()).await.unwrap().result().await.unwrap();
        let best = result.best.unwrap();
        let found = best.candidate.parameters()["temperature"];
        assert!((found - 0.4).abs() < 0.2, "{found}");
        assert!(best.prompt.contains(&format!("[temperature = {found}]")), "{}", best.prompt);
        assert!(result.seed.candidate.parameters().is_empty());
        let candidates = world.store.candidates(&JobId(result.job)).await.unwrap();
        assert!(candidates.iter().any(|candidate| candidate.operator == TuneParameter::NAME));

        let fixed = JobSpec { operators: [(TuneParameter::NAME.to_owned(), 0.0)].into(), ..job };
        let result = engine.submit(fixed).await.unwrap().result().await.unwrap();
        assert!(result.best.unwrap().candidate.parameters().is_empty(), "its weight is 0");
    }
}

#[test]
fn a_job_that_was_stored_without_parameters_still_reads() {
    let spec = spec(AlgorithmConfig::Ga(GaConfig::default()));
    let mut stored = serde_json::to_value(&spec).unwrap();
    stored.as_object_mut().unwrap().remove("parameters").unwrap();
    assert_eq!(serde_json::from_value::<JobSpec>(stored).unwrap(), spec);

    let spec = JobSpec { parameters: temperature(0.1, 0.3), ..spec };
    let stored = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<JobSpec>(&stored).unwrap(), spec);
}

/// A score that comes by chance: a repeat may come out otherwise.
fn moody(candidate: &Candidate, case: &Case, repeat: u32) -> f64 {
    let of = [&candidate.id().to_bytes()[..], &case.id().to_bytes()[..], &repeat.to_le_bytes()[..]];
    let is_moody = evohub_evolution::Digest::of_fields(of).to_bytes()[0] < 64;
    let score = worth(candidate, case);
    if is_moody { 1.0 - score } else { score }
}

#[tokio::test]
async fn leaders_and_test_cases_are_measured_again_where_that_is_asked_for() {
    for algorithm in algorithms() {
        let folder = tempfile::tempdir().unwrap();
        let store = evohub_store::open(folder.path().join("test.db").to_str().unwrap()).await.unwrap();
        let mut toolbox = Toolbox::default();
        let moody = Repeatable { name: "moody/1", dollars: 0.0, score: moody };
        toolbox.add_evaluator("moody", Arc::new(moody));
        let config = EngineConfig { toolbox, workers: 16, ..EngineConfig::new(Arc::clone(&store)) };
        let engine = Engine::start(config).await.unwrap();
        let base = spec(algorithm);
        let search = CaseSet {
            validation: base.data.search.validation[..20].to_vec(),
            train: base.data.search.train.clone(),
        };
        let job = JobSpec {
            evaluator: EvaluatorSpec::Custom("moody".into()),
            data: JobData { search, test: base.data.test.clone() },
            repeats: RepeatsSpec { finals: Some(3), test: 2 },
            ..base
        };
        let result = engine.submit(job).await.unwrap().result().await.unwrap();
        let rescored = result.rescored.expect("leaders were measured again");
        assert!(rescored.repeats >= 10 && rescored.deviation > 0.2, "{rescored:?}");
        let best = result.best.unwrap();
        assert_eq!(best.validation.unwrap().score, rescored.after);
        assert_eq!(best.test.unwrap().cases, 30);
        // Thirty test cases for each of two prompts, twice.
        let totals = store.totals(&JobId(result.job)).await.unwrap();
        assert_eq!(totals.evaluations, result.evaluations + 120);
    }
}

fn refused(spec: JobSpec) -> String {
    let mut toolbox = Toolbox::default();
    toolbox.add_evaluator("worth", Arc::new(FnEvaluator::new("worth/1", |_, _| Scored::new(1.0, ""))));
    match PreparedJob::new(spec, &toolbox) {
        Err(EngineError::Spec(message)) => message,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the job is in order"),
    }
}

#[test]
fn parameters_that_no_prompt_can_have_are_refused() {
    let base = spec(AlgorithmConfig::Ga(GaConfig::default()));
    let weighed = JobSpec { operators: [(TuneParameter::NAME.to_owned(), 2.0)].into(), ..base.clone() };
    assert!(refused(weighed).contains("nothing to tune"));

    let prompt = serde_json::json!({
        "model": "openai:m", "template": "{input}", "columns": {}, "generation": {}, "output": {},
        "score": { "metric": "exact" }, "judge": null, "folder": ".",
    });
    let prompt: PromptSpec = serde_json::from_value(prompt).unwrap();
    let base = JobSpec { evaluator: EvaluatorSpec::Prompt(Box::new(prompt)), ..base };
    let too_warm = refused(JobSpec { parameters: temperature(0.0, 2.5), ..base.clone() });
    assert_eq!(too_warm, "`parameters.temperature`: must lie between 0 and 2, and goes from 0 to 2.5");
    let [range] = temperature(0.0, 1.0).into_values().collect::<Vec<_>>()[..] else { panic!() };
    let unknown = refused(JobSpec { parameters: [("top_k".to_owned(), range)].into(), ..base });
    assert!(unknown.contains("there are `temperature` and `top_p`"), "{unknown}");
}

/// An engine whose evaluator tells how polite a prompt is.
async fn polite_world() -> (Engine, World) {
    let world = world(never).await;
    let mut toolbox = Toolbox::default();
    let evaluator = FnEvaluator::new("polite/1", |candidate: &Candidate, case: &Case| {
        Scored::new(worth(candidate, case), "feedback")
            .with_objective("politeness", candidate.shots().len() as f64)
    });
    toolbox.add_evaluator("polite", Arc::new(evaluator));
    let config = EngineConfig { toolbox, workers: 16, ..EngineConfig::new(Arc::clone(&world.store)) };
    (Engine::start(config).await.unwrap(), world)
}

#[tokio::test]
async fn an_objective_that_the_evaluator_does_not_give_ends_the_job_and_loses_nothing() {
    let (engine, world) = polite_world().await;
    let with = |name: &str| {
        let own = Objective::maximise(Property::Named(name.into()));
        let objectives = vec![Objective::maximise(Property::Score), own];
        let config = Nsga2Config { objectives, ..Nsga2Config::default() };
        JobSpec { evaluator: EvaluatorSpec::Custom("polite".into()), ..spec(AlgorithmConfig::Nsga2(config)) }
    };
    let failed = engine.submit(with("politness")).await.unwrap().result().await.unwrap();
    assert_eq!(failed.status, "failed");
    let said = failed.error.unwrap();
    assert!(
        said.contains("no objective `politness`") && said.contains("did you mean `politeness`?"),
        "{said}"
    );
    let kept = world.store.totals(&JobId(failed.job)).await.unwrap().evaluations;
    assert!(kept > 0);

    let done = engine.submit(with("politeness")).await.unwrap().result().await.unwrap();
    assert_eq!((done.status.as_str(), done.saved.cache), ("done", kept), "what was evaluated is used");
    let best = done.best.unwrap();
    assert_eq!(best.objectives["politeness"], best.candidate.shots().len() as f64);
    assert_eq!(done.objectives[1], Objective::maximise(Property::Named("politeness".into())));
    let records = world.store.candidates(&JobId(done.job)).await.unwrap();
    let measured = records.iter().filter(|record| record.validation_score.is_some());
    assert!(
        measured
            .clone()
            .all(|record| record.objectives["politeness"] == record.candidate.shots().len() as f64)
    );
    assert!(
        measured
            .map(|record| record.objectives["score"])
            .eq(records.iter().filter_map(|record| record.validation_score))
    );
}
