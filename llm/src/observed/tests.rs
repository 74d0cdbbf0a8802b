//! Counts of calls to a scripted model, compared with what was scripted.

use std::time::Duration;

use evohub_monitoring::metrics::{BuildInfo, Metrics, MetricsConfig};

use super::*;
use crate::{ChatMessage, LlmErrorKind, ModelRegistry, PriceConfig, ScriptedModel};

fn ask(text: &str) -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user(text)])
}

/// The model as a registry opens it, and what it counts in.
fn open(model: ScriptedModel) -> (Arc<dyn ChatModel>, Arc<Metrics>) {
    let metrics = Metrics::new(&MetricsConfig::new(BuildInfo::default()));
    let registry = ModelRegistry::new([].into(), [].into()).unwrap();
    let name = model.name().clone();
    registry.register(Arc::new(model));
    (registry.with_metrics(Arc::clone(&metrics)).open(&name).unwrap(), metrics)
}

fn model() -> ScriptedModel {
    ScriptedModel::new("test:m", |_| "one two".to_owned())
}

/// The value of a series on the page; `None` where there is none.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let page = metrics.encode();
    let line = page.lines().find(|line| line.split(' ').next() == Some(series))?;
    Some(line.split(' ').nth(1).unwrap().parse().unwrap())
}

fn calls(metrics: &Metrics, outcome: &str) -> Option<f64> {
    let series = format!("llm_api_calls_total{{provider=\"test\",model=\"m\",outcome=\"{outcome}\"}}");
    value(metrics, &series)
}

fn in_flight(metrics: &Metrics) -> Option<f64> {
    value(metrics, "llm_api_in_flight{provider=\"test\",model=\"m\"}")
}

#[tokio::test(start_paused = true)]
async fn what_a_call_took_is_counted() {
    let price = PriceConfig { input: 1e6, cached_input: None, output: 2e6 };
    let (model, metrics) = open(model().price(Some(price)).latency(Duration::from_secs(3), 0.0, 0));
    for _ in 0..2 {
        model.chat(ask("a b c")).await.unwrap();
    }
    assert_eq!((calls(&metrics, "success"), in_flight(&metrics)), (Some(2.0), Some(0.0)));
    let labelled = |name: &str, rest: &str| {
        value(&metrics, &format!("{name}{{provider=\"test\",model=\"m\"{rest}}}")).unwrap()
    };
    let tokens = |direction: &str| labelled("llm_tokens_total", &format!(",direction=\"{direction}\""));
    assert_eq!((tokens("input"), tokens("cached"), tokens("output")), (6.0, 0.0, 4.0));
    assert_eq!(labelled("llm_api_cost_dollars_total", ""), 14.0);
    let duration = |part: &str| labelled(&format!("llm_api_duration_seconds_{part}"), "");
    assert_eq!((duration("count"), duration("sum")), (2.0, 6.0));
}

#[tokio::test]
async fn every_kind_of_failure_is_counted_under_its_name() {
    use LlmErrorKind as Kind;
    let kinds = [
        Kind::Authentication,
        Kind::InvalidRequest,
        Kind::RateLimited,
        Kind::Timeout,
        Kind::Connection,
        Kind::Server,
        Kind::MalformedResponse,
        Kind::CircuitOpen,
        Kind::QuotaExhausted,
        Kind::LocalModel,
        Kind::Configuration,
    ];
    let script = kinds.iter().enumerate();
    let (model, metrics) =
        open(script.fold(model(), |model, (call, kind)| model.failing(call as u64, *kind)));
    for kind in kinds {
        assert_eq!(model.chat(ask("x")).await.unwrap_err().kind, kind);
        assert_eq!(calls(&metrics, kind.as_str()), Some(1.0), "{kind}");
    }
    model.chat(ask("x")).await.unwrap();
    assert_eq!((calls(&metrics, "success"), in_flight(&metrics)), (Some(1.0), Some(0.0)));
    // A failure has no tokens, no price and no duration.
    let count = value(&metrics, "llm_api_duration_seconds_count{provider=\"test\",model=\"m\"}");
    assert_eq!(count, Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_cancelled_and_no_longer_in_flight() {
    let (model, metrics) = open(model().latency(Duration::from_secs(3), 0.0, 0));
    let never_begun = model.chat(ask("x"));
    assert_eq!(in_flight(&metrics), Some(0.0));
    drop(never_begun);
    assert!(tokio::time::timeout(Duration::from_secs(1), model.chat(ask("x"))).await.is_err());
    assert_eq!((calls(&metrics, "cancelled"), in_flight(&metrics)), (Some(1.0), Some(0.0)));
    assert_eq!(calls(&metrics, "success"), None);
}

#[tokio::test]
async fn a_model_that_panics_is_counted_and_no_longer_in_flight() {
    let (model, metrics) = open(ScriptedModel::new("test:m", |_| panic!("scripted")));
    let task = tokio::spawn(async move { model.chat(ask("x")).await });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!((calls(&metrics, "panicked"), in_flight(&metrics)), (Some(1.0), Some(0.0)));
}

#[tokio::test(start_paused = true)]
async fn calls_at_once_are_all_counted_and_their_waits_told_apart() {
    let script = model().slots(4).latency(Duration::from_secs(1), 0.0, 0).failing(3, LlmErrorKind::Server);
    let (model, metrics) = open(script);
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let model = Arc::clone(&model);
            tokio::spawn(async move { model.chat(ask("x")).await.is_ok() })
        })
        .collect();
    while in_flight(&metrics) != Some(12.0) {
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!((calls(&metrics, "success"), calls(&metrics, "server")), (Some(11.0), Some(1.0)));
    assert_eq!(in_flight(&metrics), Some(0.0));
    let overhead = |cause: &str, part: &str| {
        value(&metrics, &format!("llm_overhead_seconds_{part}{{cause=\"{cause}\"}}")).unwrap()
    };
    // Four go at once, four wait a second, four two; one of the first four fails.
    let waited = overhead("limits", "sum");
    assert!((waited - 12.0).abs() < 0.1, "{waited}");
    assert_eq!((overhead("limits", "count"), overhead("work", "count")), (11.0, 11.0));
    assert!(overhead("work", "sum") < 0.1 && overhead("retries", "sum") == 0.0);
}

#[test]
fn work_is_never_negative() {
    let metrics = Metrics::new(&MetricsConfig::new(BuildInfo::default()));
    let second = Duration::from_secs(1);
    let response = ChatResponse {
        text: String::new(),
        finish: FinishReason::Stop,
        usage: Usage::default(),
        dollars: Some(-1.0),
        latency: second,
        retries: 1,
        limits_wait: second,
        retry_time: second,
    };
    count_answer(&metrics.llm.model("test", "m"), &Took::from(&response), second);
    assert_eq!(value(&metrics, "llm_overhead_seconds_sum{cause=\"work\"}"), Some(0.0));
    assert_eq!(value(&metrics, "llm_api_cost_dollars_total{provider=\"test\",model=\"m\"}"), Some(0.0));
}

#[tokio::test]
async fn without_metrics_the_model_is_itself() {
    let registry = ModelRegistry::new([].into(), [].into()).unwrap();
    registry.register(Arc::new(model().concurrency(7).failing(1, LlmErrorKind::Timeout)));
    let name = "test:m".parse().unwrap();
    let model = registry.open(&name).unwrap();
    assert_eq!((model.name(), model.concurrency(), model.cost_limit(&ask("x"))), (&name, 7, Some(0.0)));
    assert_eq!(model.chat(ask("x")).await.unwrap().text, "one two");
    let error = model.chat(ask("x")).await.unwrap_err();
    assert_eq!(error, LlmError::new(LlmErrorKind::Timeout, &name, "scripted failure of call 1"));
    // The same each time, until another takes the name.
    assert!(Arc::ptr_eq(&model, &registry.open(&name).unwrap()));
    registry.register(Arc::new(ScriptedModel::new("test:m", |_| "other".to_owned())));
    assert_eq!(registry.open(&name).unwrap().chat(ask("x")).await.unwrap().text, "other");
}
