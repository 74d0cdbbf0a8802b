//! What is seen of calls to a provider: counts, limits, spans and health.

use evohub_monitoring::metrics::{BuildInfo, Metrics, MetricsConfig};

use super::spans::{Fields, Spans};
use super::*;

fn metrics() -> Arc<Metrics> {
    Metrics::new(&MetricsConfig::new(BuildInfo::default()))
}

/// The value of a series on the page; `None` where there is none.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let page = metrics.encode();
    let line = page.lines().find(|line| line.split(' ').next() == Some(series))?;
    Some(line.split(' ').nth(1).unwrap().parse().unwrap())
}

/// A series of `lab:m`, with further labels.
fn of_model(metrics: &Metrics, name: &str, labels: &str) -> Option<f64> {
    value(metrics, &format!("{name}{{provider=\"lab\",model=\"m\"{labels}}}"))
}

fn limit(metrics: &Metrics, kind: &str) -> Option<f64> {
    value(metrics, &format!("llm_api_limit{{provider=\"lab\",kind=\"{kind}\"}}"))
}

fn lab() -> evohub_llm::ModelName {
    "lab:m".parse().unwrap()
}

#[tokio::test]
async fn retries_are_counted_by_what_failed() {
    let script = [
        Reply::error(429, "slow down", "x").with("retry-after-ms", "30"),
        Reply::error(500, "oops", "x"),
        Reply::error(500, "oops", "x"),
        Reply::Close,
    ];
    let server = Server::start(script, Reply::openai("hi")).await;
    let metrics = metrics();
    let registry = registry(config(ProviderKind::OpenAi, &server)).with_metrics(Arc::clone(&metrics));
    let start = Instant::now();
    let response = registry.open(&lab()).unwrap().chat(hello()).await.unwrap();
    let total = start.elapsed();
    assert_eq!(response.retries, 4);
    let retries =
        |kind: &str| of_model(&metrics, "llm_api_retries_total", &format!(",error_type=\"{kind}\""));
    assert_eq!(
        (retries("rate_limited"), retries("server"), retries("connection")),
        (Some(1.0), Some(2.0), Some(1.0))
    );
    // One call, however often it was tried.
    assert_eq!(of_model(&metrics, "llm_api_calls_total", ",outcome=\"success\""), Some(1.0));
    assert_eq!(of_model(&metrics, "llm_tokens_total", ",direction=\"cached\""), Some(400.0));
    // The pause that was asked for is the provider's limit; what failed is the price of retrying.
    assert!(response.limits_wait >= Duration::from_millis(30), "{response:?}");
    assert!(response.retry_time > Duration::ZERO, "{response:?}");
    assert!(response.latency + response.limits_wait + response.retry_time <= total, "{response:?}");
    let overhead =
        |cause: &str| value(&metrics, &format!("llm_overhead_seconds_sum{{cause=\"{cause}\"}}")).unwrap();
    assert_eq!(overhead("limits"), response.limits_wait.as_secs_f64());
    assert_eq!(overhead("retries"), response.retry_time.as_secs_f64());
    assert!(overhead("work") > 0.0);
}

#[tokio::test]
async fn retries_of_a_call_that_fails_in_the_end_are_counted() {
    let server = Server::start([], Reply::error(500, "oops", "x")).await;
    let metrics = metrics();
    let config = ProviderConfig { max_retries: 2, ..config(ProviderKind::OpenAi, &server) };
    let model = registry(config).with_metrics(Arc::clone(&metrics)).open(&lab()).unwrap();
    model.chat(hello()).await.unwrap_err();
    assert_eq!(of_model(&metrics, "llm_api_retries_total", ",error_type=\"server\""), Some(2.0));
    assert_eq!(of_model(&metrics, "llm_api_calls_total", ",outcome=\"server\""), Some(1.0));
}

#[tokio::test]
async fn the_limits_that_hold_now_are_shown() {
    let server = Server::start([Reply::error(429, "slow down", "x")], Reply::openai("hi")).await;
    let metrics = metrics();
    let config = ProviderConfig {
        max_concurrency: 8,
        requests_per_minute: Some(60_000),
        ..config(ProviderKind::OpenAi, &server)
    };
    let registry = registry(config).with_metrics(Arc::clone(&metrics));
    assert_eq!(limit(&metrics, "concurrency"), None);
    let model = registry.open(&lab()).unwrap();
    registry.open(&"lab:other".parse().unwrap()).unwrap();
    assert_eq!(limit(&metrics, "concurrency"), Some(8.0));
    assert_eq!(
        (limit(&metrics, "requests_per_minute"), limit(&metrics, "tokens_per_minute")),
        (Some(60_000.0), None)
    );
    model.chat(hello()).await.unwrap();
    assert_eq!(limit(&metrics, "concurrency"), Some(4.0));
    // Four at once, round after round, until the limit has grown.
    while model.concurrency() == 4 {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let model = Arc::clone(&model);
                tokio::spawn(async move { model.chat(hello()).await })
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }
    assert_eq!(limit(&metrics, "concurrency"), Some(model.concurrency() as f64));
    drop((model, registry));
    assert_eq!(
        (limit(&metrics, "concurrency"), limit(&metrics, "requests_per_minute")),
        (Some(0.0), Some(0.0))
    );
}

fn fields(spans: &Spans) -> Fields {
    let [fields] = <[Fields; 1]>::try_from(spans.all()).unwrap();
    fields
}

#[tokio::test]
async fn a_call_has_a_span_with_the_attributes_of_the_conventions() {
    let spans = Spans::default();
    let _noting = spans.note();
    let server = Server::start([], Reply::openai("the answer")).await;
    open(config(ProviderKind::OpenAi, &server), "m").chat(conversation()).await.unwrap();
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let expected = [
        ("otel.kind", "client"),
        ("otel.name", "chat m"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "lab"),
        ("gen_ai.request.model", "m"),
        ("gen_ai.request.max_tokens", "50_i64"),
        ("gen_ai.request.temperature", "0.5_f64"),
        ("gen_ai.request.top_p", "0.9_f64"),
        ("gen_ai.response.finish_reasons", "stop"),
        ("gen_ai.usage.input_tokens", "1000_i64"),
        ("gen_ai.usage.output_tokens", "100_i64"),
        ("server.address", "127.0.0.1"),
        ("server.port", &format!("{port}_i64")),
    ];
    // Nothing else: neither the prompt nor the answer.
    assert_eq!(fields(&spans), expected.map(|(name, value)| (name, value.to_owned())).into());
}

#[tokio::test]
async fn the_span_of_a_failure_says_which_and_shows_no_secret() {
    let spans = Spans::default();
    let _noting = spans.note();
    let echo = format!("wrong header `Authorization: Bearer {KEY}` of ann@example.org, key {KEY}");
    let server = Server::start([], Reply::error(401, &echo, "x")).await;
    let error = open(config(ProviderKind::OpenAi, &server), "m").chat(hello()).await.unwrap_err();
    let fields = fields(&spans);
    assert_eq!((&*fields["error.type"], &*fields["otel.status_code"]), ("authentication", "ERROR"));
    assert_eq!(fields["otel.status_description"], error.message);
    assert!(error.message.contains("wrong header"), "{error}");
    let shown = format!("{fields:?} {error:?}");
    assert!(!shown.contains(KEY) && !shown.contains("ann@"), "{shown}");
    assert!(!fields.contains_key("gen_ai.usage.input_tokens"));
}

#[tokio::test]
async fn the_span_of_a_cancelled_call_says_so_and_is_no_error() {
    let spans = Spans::default();
    let _noting = spans.note();
    let server = Server::start([Reply::Hang], Reply::openai("hi")).await;
    let model = open(config(ProviderKind::OpenAi, &server), "m");
    assert!(tokio::time::timeout(Duration::from_millis(20), model.chat(hello())).await.is_err());
    let fields = fields(&spans);
    assert_eq!(fields["error.type"], "cancelled");
    assert!(!fields.contains_key("otel.status_code"));
}

#[tokio::test]
async fn a_key_in_the_place_of_a_name_is_shown_nowhere() {
    let spans = Spans::default();
    let _noting = spans.note();
    let server =
        Server::start([Reply::error(500, "oops", "x")], Reply::error(404, "no such model", "x")).await;
    let metrics = metrics();
    let pasted = "sk-proj-Zx9Qw8Er7Ty6Ui5Op4As3Df2";
    let registry = registry(config(ProviderKind::OpenAi, &server)).with_metrics(Arc::clone(&metrics));
    let model = registry.open(&format!("lab:{pasted}").parse().unwrap()).unwrap();
    let error = model.chat(hello()).await.unwrap_err();
    let unknown = registry.open(&format!("{pasted}:m").parse().unwrap()).err().unwrap();
    let shown = format!("{error:?} {unknown:?} {:?} {}", spans.all(), metrics.encode());
    assert!(shown.contains("no such model") && shown.contains("no provider has this name"), "{shown}");
    assert!(!shown.contains("Zx9Qw8"), "{shown}");
}

#[tokio::test]
async fn well_known_providers_have_their_conventional_names() {
    let spans = Spans::default();
    let _noting = spans.note();
    let server = Server::start([], Reply::error(404, "x", "x")).await;
    let names = [
        ("gemini", "gcp.gemini"),
        ("mistral", "mistral_ai"),
        ("xai", "x_ai"),
        ("openai", "openai"),
        ("ollama", "ollama"),
    ];
    let providers = names.map(|(name, _)| (name.to_owned(), config(ProviderKind::OpenAi, &server)));
    let registry =
        ModelRegistry::new(providers.into(), [].into()).unwrap().with_environment(|_| Some(KEY.to_owned()));
    for (name, _) in names {
        registry.open(&format!("{name}:m").parse().unwrap()).unwrap().chat(hello()).await.unwrap_err();
    }
    let seen: Vec<_> = spans.all().into_iter().map(|fields| fields["gen_ai.provider.name"].clone()).collect();
    assert_eq!(seen, names.map(|(_, name)| name));
}

#[tokio::test]
async fn a_probe_tells_whether_the_provider_can_be_reached_and_sends_nothing() {
    let server = Server::start([], Reply::openai("hi")).await;
    let registry = registry(config(ProviderKind::OpenAi, &server));
    assert!(registry.providers().is_empty());
    registry.open(&lab()).unwrap();
    let probe = registry.providers().pop().unwrap();
    assert_eq!(probe.name(), "lab");
    assert_eq!(probe.check().await, Ok(()));
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_probe_of_a_dead_endpoint_says_where_and_why() {
    let server = Server::start([], Reply::Close).await;
    // A port that was free a moment ago.
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let base_url = Some(format!("http://{place}/v1"));
    let registry = registry(ProviderConfig { base_url, ..config(ProviderKind::OpenAi, &server) });
    registry.open(&lab()).unwrap();
    let error = registry.providers()[0].check().await.unwrap_err();
    assert_eq!(error, format!("cannot connect to {place}: connection refused"));
}

#[tokio::test]
async fn a_probe_believes_the_calls_that_failed() {
    let echo = format!("down for {KEY} and ann@example.org");
    let server = Server::start(vec![Reply::error(500, &echo, "x"); 2], Reply::openai("hi")).await;
    let config = ProviderConfig {
        max_retries: 0,
        breaker_failures: 2,
        breaker_seconds: 0.05,
        ..config(ProviderKind::OpenAi, &server)
    };
    let registry = registry(config);
    let model = registry.open(&lab()).unwrap();
    let probe = registry.providers().pop().unwrap();
    model.chat(hello()).await.unwrap_err();
    assert_eq!(probe.check().await, Ok(()));
    model.chat(hello()).await.unwrap_err();
    let error = probe.check().await.unwrap_err();
    assert!(
        error.contains("2 calls in a row failed") && error.contains("500") && error.contains("down"),
        "{error}"
    );
    assert!(!error.contains(KEY) && !error.contains("ann@"), "{error}");
    // A call that succeeds tells otherwise.
    while model.chat(hello()).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(probe.check().await, Ok(()));
}
