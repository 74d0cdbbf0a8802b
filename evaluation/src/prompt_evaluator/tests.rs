use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use evohub_evolution::FailureKind;
use evohub_llm::{LlmError, LlmErrorKind};

use super::*;
use crate::data::DataConfig;
use crate::scorer::{ExactScorer, JudgeScorer};
use crate::scripted::{Scripted, answer};
use crate::template::Variables;

fn renderer(template: &str) -> Renderer {
    let columns = ["input".to_owned(), "expected".to_owned()];
    Renderer::new(template, Variables::of_task(&columns, &DataConfig::default())).unwrap()
}

fn evaluator(model: &Arc<Scripted>) -> PromptEvaluator {
    PromptEvaluator::new(model.clone(), renderer("{input}"), Arc::new(ExactScorer::default()))
}

fn candidate() -> Candidate {
    Candidate::from_instruction("Do.").unwrap()
}

fn case() -> Case {
    Case::new("in", "out")
}

#[tokio::test]
async fn an_answer_becomes_an_evaluation() {
    let model = Scripted::new([Ok(answer(" out"))]);
    let evaluation = evaluator(&model).evaluate(&candidate(), &case(), 0).await.unwrap();
    let objectives = Objectives {
        score: 1.0,
        dollars: 0.25,
        latency_seconds: 2.0,
        output_length: 4,
        ..Objectives::default()
    };
    assert_eq!(evaluation.objectives, objectives);
    assert_eq!((evaluation.output.as_str(), evaluation.model_calls), (" out", 1));
    assert_eq!((evaluation.input_tokens, evaluation.output_tokens), (7, 3));
    assert_eq!(model.requests()[0], evaluator(&model).request(&candidate(), &case(), 0));
}

#[test]
fn a_candidate_overrides_settings_and_repeats_have_seeds() {
    let generation =
        GenerationConfig { max_output_tokens: Some(9), temperature: Some(0.1), top_p: Some(0.5) };
    let evaluator = evaluator(&Scripted::new([])).with_generation(generation);
    let warm = candidate().with_parameters(BTreeMap::from([("temperature".into(), 0.9)])).unwrap();
    let request = evaluator.request(&warm, &case(), 0);
    assert_eq!((request.temperature, request.top_p, request.seed), (Some(0.9), Some(0.5), None));
    assert_eq!(request.max_output_tokens, Some(9));
    assert_eq!(evaluator.request(&warm, &case(), 3).seed, Some(3));
}

#[tokio::test]
async fn a_withheld_answer_is_the_worst_score() {
    let withheld = ChatResponse { finish: FinishReason::ContentFilter, ..answer("out") };
    let evaluation =
        evaluator(&Scripted::new([Ok(withheld)])).evaluate(&candidate(), &case(), 0).await.unwrap();
    assert_eq!(evaluation.objectives.score, 0.0);
    assert!(evaluation.feedback.contains("content filter"));
}

#[tokio::test]
async fn a_cut_answer_is_scored_and_said() {
    let cut = ChatResponse { finish: FinishReason::Length, ..answer("out") };
    let evaluation = evaluator(&Scripted::new([Ok(cut)])).evaluate(&candidate(), &case(), 0).await.unwrap();
    assert_eq!(evaluation.objectives.score, 1.0);
    assert!(evaluation.feedback.contains("was cut"));
}

#[tokio::test]
async fn only_the_part_asked_for_is_scored() {
    let output = OutputConfig { after: Some("Answer:".into()), ..OutputConfig::default() };
    let model = Scripted::new([Ok(answer("Well. Answer: out")), Ok(answer("out"))]);
    let evaluator = evaluator(&model).with_output(output);
    let right = evaluator.evaluate(&candidate(), &case(), 0).await.unwrap();
    assert_eq!((right.objectives.score, right.output.as_str()), (1.0, "Well. Answer: out"));
    let without = evaluator.evaluate(&candidate(), &case(), 1).await.unwrap();
    assert_eq!(without.objectives.score, 0.0);
    assert!(without.feedback.contains("`Answer:`"));
}

#[tokio::test]
async fn failures_of_the_model_are_no_scores() {
    let model = Scripted::new([Err(LlmError::new(LlmErrorKind::Timeout, "test:model", "too slow"))]);
    let failure = evaluator(&model).evaluate(&candidate(), &case(), 0).await.unwrap_err();
    assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Transient, "timeout"));
    assert_eq!(failure.message, "test:model: too slow");
}

/// Fails as often as it is told, then gives 0.5.
struct Unsteady {
    failures: AtomicU32,
}

#[async_trait]
impl Scorer for Unsteady {
    fn fingerprint(&self) -> String {
        "unsteady".into()
    }

    async fn score(&self, _: &Case, _: &str) -> Result<Scored, Failure> {
        let left = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match left {
            Ok(_) => Err(Failure { kind: FailureKind::Transient, cause: "x".into(), message: "y".into() }),
            Err(_) => Ok(0.5.into()),
        }
    }
}

#[tokio::test]
async fn an_answer_is_paid_for_once_when_its_scorer_fails() {
    let model = Scripted::new([Ok(answer("one")), Ok(answer("two"))]);
    let scorer = Arc::new(Unsteady { failures: AtomicU32::new(2) });
    let evaluator = PromptEvaluator::new(model.clone(), renderer("{input}"), scorer);
    for _ in 0..2 {
        evaluator.evaluate(&candidate(), &case(), 0).await.unwrap_err();
    }
    let evaluation = evaluator.evaluate(&candidate(), &case(), 0).await.unwrap();
    assert_eq!((evaluation.output.as_str(), model.requests().len()), ("one", 1));
    // A repeat is another evaluation, and what was scored is not kept.
    assert_eq!(evaluator.evaluate(&candidate(), &case(), 1).await.unwrap().output, "two");
    assert!(evaluator.unscored().is_empty());
}

#[tokio::test]
async fn a_judge_is_paid_for_and_counted() {
    let task = Scripted::new([Ok(answer("a"))]);
    let judge = Scripted::new([Ok(answer("Score: 5"))]);
    let scorer = JudgeScorer::new(judge, "Good?", 100, &["input".to_owned()].into()).unwrap();
    let evaluator = PromptEvaluator::new(task, renderer("{input}"), Arc::new(scorer));
    let evaluation = evaluator.evaluate(&candidate(), &case(), 0).await.unwrap();
    assert_eq!((evaluation.objectives.dollars, evaluation.model_calls), (0.5, 2));
    assert_eq!((evaluation.input_tokens, evaluation.output_tokens), (14, 6));
    // The clock of the objective is the task's alone.
    assert_eq!(evaluation.objectives.latency_seconds, 2.0);
    let without_judge = self::evaluator(&Scripted::new([])).cost_limit(&candidate(), &case()).unwrap();
    assert!(evaluator.cost_limit(&candidate(), &case()).unwrap() > without_judge);
    assert!((without_judge - 0.005).abs() < 1e-12);
}

#[test]
fn fingerprint_covers_what_decides() {
    let model = Scripted::new([]);
    let scorer = Arc::new(ExactScorer { ignore_case: true });
    let warm = GenerationConfig { temperature: Some(1.0), ..GenerationConfig::default() };
    let part = OutputConfig { after: Some("x".into()), ..OutputConfig::default() };
    let fingerprints = [
        evaluator(&model),
        evaluator(&model).with_generation(warm),
        evaluator(&model).with_output(part),
        PromptEvaluator::new(model.clone(), renderer("Text: {input}"), Arc::new(ExactScorer::default())),
        PromptEvaluator::new(model.clone(), renderer("{input}"), scorer),
    ]
    .map(|evaluator| evaluator.fingerprint());
    for (index, fingerprint) in fingerprints.iter().enumerate() {
        assert!(!fingerprints[..index].contains(fingerprint), "{fingerprint}");
    }
    assert_eq!(fingerprints[0], evaluator(&model).fingerprint());
}

/// Notes the fields of spans `calculate_fitness`.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

impl tracing::Subscriber for Spans {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "calculate_fitness"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
        let mut spans = self.0.lock().unwrap();
        spans.push(BTreeMap::new());
        tracing::Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &tracing::Id, values: &tracing::span::Record<'_>) {
        let mut spans = self.0.lock().unwrap();
        let fields = &mut spans[span.into_u64() as usize - 1];
        values.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            fields.insert(field.name(), format!("{value:?}"));
        });
    }

    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &tracing::Id) {}

    fn exit(&self, _: &tracing::Id) {}
}

#[tokio::test]
async fn scoring_has_a_span_with_its_outcome() {
    let spans = Spans::default();
    let _noting = tracing::subscriber::set_default(spans.clone());
    let model = Scripted::new([Ok(answer("one"))]);
    let scorer = Arc::new(Unsteady { failures: AtomicU32::new(1) });
    let evaluator = PromptEvaluator::new(model, renderer("{input}"), scorer);
    evaluator.evaluate(&candidate(), &case(), 0).await.unwrap_err();
    evaluator.evaluate(&candidate(), &case(), 0).await.unwrap();
    let failed =
        [("error.type", "\"x\""), ("otel.status_code", "\"ERROR\""), ("otel.status_description", "\"y\"")];
    let expected: [BTreeMap<_, _>; 2] = [failed.into(), [("score", "0.5")].into()];
    let seen = spans.0.lock().unwrap();
    let seen: Vec<BTreeMap<_, _>> = seen
        .iter()
        .map(|fields| fields.iter().map(|(name, value)| (*name, value.as_str())).collect())
        .collect();
    assert_eq!(seen, expected);
}
