//! Infrastructure that fails: of all algorithms whose course does not depend on the order of arrival, neither choice nor
//! score may change.

use evohub_llm::{LlmErrorKind, ScriptedModel};

use super::*;
use crate::ReflectionSpec;

/// An engine in which one attempt in ten fails, and one result in ten comes late.
async fn troubled(is_troubled: bool) -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = evohub_store::open(folder.path().join("test.db").to_str().unwrap()).await.unwrap();
    let (evaluated, gate) = (Arc::new(AtomicU64::new(0)), Arc::new(Semaphore::new(0)));
    let counter = Arc::clone(&evaluated);
    let evaluator = FnEvaluator::new_async("worth/1", 8, move |candidate: Candidate, case: Case| {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            match number % 10 {
                3 if is_troubled => return Err(transient("overloaded").unwrap()),
                7 if is_troubled => {
                    // Others overtake it.
                    for _ in 0..200 {
                        tokio::task::yield_now().await;
                    }
                }
                _ => {}
            }
            Ok(Scored::new(worth(&candidate, &case), "feedback"))
        }
    });
    let asked = AtomicU64::new(0);
    let writer = ScriptedModel::fallible("lab:writer", move |request| {
        if is_troubled && asked.fetch_add(1, Ordering::SeqCst) % 10 == 3 {
            return Err(LlmErrorKind::Server);
        }
        let question = request.messages[0].content.as_bytes();
        Ok(format!("```\nAnswer in manner {}.\n```", evohub_evolution::Digest::of_fields([question])))
    });
    let mut toolbox = Toolbox::default();
    toolbox.add_evaluator("worth", Arc::new(evaluator));
    toolbox.add_model(Arc::new(writer));
    let config = EngineConfig { toolbox, workers: 16, ..EngineConfig::new(Arc::clone(&store)) };
    let engine = Engine::start(config).await.unwrap();
    engine.node().patience.write().unwrap().first_pause = Duration::from_millis(1);
    World { engine, store, evaluated, gate, embedded: Arc::default(), _folder: folder }
}

#[tokio::test]
async fn failures_and_late_results_change_nothing_but_the_time() {
    let writer =
        ReflectionSpec { model: "lab:writer".parse().unwrap(), temperature: None, max_output_tokens: 500 };
    let mut checked = 0;
    for name in AlgorithmConfig::NAMES {
        let algorithm: AlgorithmConfig = serde_json::from_value(serde_json::json!({ "name": name })).unwrap();
        if !algorithm.is_order_free() {
            continue;
        }
        let job = JobSpec {
            reflection: vec![writer.clone()],
            // So few evaluations are enough for an operator that asks no model to be drawn.
            operators: [("reflect".to_owned(), 40.0)].into(),
            budget: JobBudget { evaluations: Some(400), ..JobBudget::default() },
            ..spec(algorithm)
        };
        let mut courses = vec![];
        for is_troubled in [false, true] {
            let world = troubled(is_troubled).await;
            let handle = world.engine.submit(job.clone()).await.unwrap();
            let mut events = handle.events();
            let result = handle.result().await.unwrap();
            assert_eq!(result.status, "done", "{name}: {:?}", result.error);
            let mut retried = 0;
            while let Ok(event) = events.recv().await {
                retried += u32::from(matches!(event, JobEvent::Retried { .. }));
            }
            assert_eq!(retried > 20, is_troubled, "{name}: {retried} attempts were repeated");
            courses.push(course(&world, &result).await);
        }
        assert_eq!(courses[0], courses[1], "{name}");
        checked += 1;
    }
    assert!(checked >= 10, "{checked} algorithms");
}
