//! Models of remote providers, against a server on loopback that plays them.

mod embeddings;
mod observed;
mod quota;
mod server;
mod spans;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evohub_llm::{
    ChatMessage, ChatModel, ChatRequest, ChatResponse, FinishReason, LlmError, LlmErrorKind, ModelRegistry,
    PriceConfig, ProviderConfig, ProviderKind, Usage,
};
use serde_json::json;
use server::{Reply, Server};

/// In the environment of every test.
const KEY: &str = "secret-key-of-the-lab";

fn config(kind: ProviderKind, server: &Server) -> ProviderConfig {
    ProviderConfig {
        base_url: Some(format!("{}/v1", server.url)),
        key_env: Some("LAB_KEY".to_owned()),
        retry_base_ms: 1,
        timeout_seconds: 20.0,
        ..ProviderConfig::new(kind)
    }
}

fn registry(config: ProviderConfig) -> ModelRegistry {
    let price = PriceConfig { input: 2.0, cached_input: Some(0.5), output: 10.0 };
    let prices = BTreeMap::from([("lab:priced".to_owned(), price)]);
    ModelRegistry::new(BTreeMap::from([("lab".to_owned(), config)]), prices)
        .unwrap()
        .with_environment(|name| (name == "LAB_KEY").then(|| KEY.to_owned()))
}

fn open(config: ProviderConfig, model: &str) -> Arc<dyn ChatModel> {
    registry(config).open(&format!("lab:{model}").parse().unwrap()).unwrap()
}

fn hello() -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user("hello")])
}

/// One call to a provider in OpenAI's form that plays the script, then answers `hi`.
async fn call(
    script: Vec<Reply>,
    change: impl FnOnce(&mut ProviderConfig),
) -> (Result<ChatResponse, LlmError>, Server) {
    let server = Server::start(script, Reply::openai("hi")).await;
    let mut config = config(ProviderKind::OpenAi, &server);
    change(&mut config);
    let outcome = open(config, "m").chat(hello()).await;
    if let Err(error) = &outcome {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(KEY), "a key is shown: {shown}");
        assert!(shown.contains("lab:m"), "the model is not named: {shown}");
    }
    (outcome, server)
}

/// The script is followed by success after as many retries as it is long.
async fn recovers(script: Vec<Reply>) {
    let failures = script.len();
    let what = format!("{script:?}");
    let (outcome, server) = call(script, |_| {}).await;
    let response = outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!((response.text.as_str(), response.retries as usize), ("hi", failures), "{what}");
    assert_eq!(server.count(), failures + 1, "{what}");
}

/// The reply fails the call after so many requests, with this kind and these words.
async fn fails(reply: Reply, requests: usize, kind: LlmErrorKind, words: &[&str]) -> LlmError {
    let (outcome, server) = call(vec![reply.clone(); 10], |config| config.max_retries = 2).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, server.count()), (kind, requests), "{reply:?}: {error}");
    for word in words {
        assert!(error.message.contains(word), "`{word}` is missing: {error}");
    }
    error
}

fn conversation() -> ChatRequest {
    ChatRequest {
        messages: vec![
            ChatMessage::system("Be brief."),
            ChatMessage::user("2+2?"),
            ChatMessage::assistant("4"),
            ChatMessage::user("3+3?"),
        ],
        max_output_tokens: Some(50),
        temperature: Some(0.5),
        top_p: Some(0.9),
        seed: Some(7),
    }
}

#[tokio::test]
async fn openai_form() {
    let server = Server::start([], Reply::openai("6")).await;
    let response = open(config(ProviderKind::OpenAi, &server), "priced").chat(conversation()).await.unwrap();
    assert_eq!((response.text.as_str(), response.finish, response.retries), ("6", FinishReason::Stop, 0));
    assert_eq!(response.usage, Usage { input_tokens: 1000, cached_input_tokens: 400, output_tokens: 100 });
    let dollars = response.dollars.unwrap();
    assert!((dollars - (600.0 * 2.0 + 400.0 * 0.5 + 100.0 * 10.0) / 1e6).abs() < 1e-12, "{dollars}");
    let request = &server.requests()[0];
    assert_eq!(request.path, "/v1/chat/completions");
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(
        request.body,
        json!({
            "model": "priced", "stream": false, "max_tokens": 50, "temperature": 0.5, "top_p": 0.9, "seed": 7,
            "messages": [
                {"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"},
                {"role": "assistant", "content": "4"}, {"role": "user", "content": "3+3?"},
            ],
        })
    );
}

#[tokio::test]
async fn anthropic_form() {
    let server = Server::start([], Reply::anthropic("6")).await;
    let model = open(config(ProviderKind::Anthropic, &server), "priced");
    let response = model.chat(conversation()).await.unwrap();
    assert_eq!((response.text.as_str(), response.finish), ("6", FinishReason::Length));
    assert_eq!(response.usage, Usage { input_tokens: 1000, cached_input_tokens: 400, output_tokens: 100 });
    let unlimited = ChatRequest { max_output_tokens: None, ..conversation() };
    model.chat(unlimited.clone()).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].path, "/v1/messages");
    assert_eq!(requests[0].headers["x-api-key"], KEY);
    assert_eq!(requests[0].headers["anthropic-version"], "2023-06-01");
    assert_eq!(
        requests[0].body,
        json!({
            "model": "priced", "stream": false, "max_tokens": 50, "temperature": 0.5, "top_p": 0.9,
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"},
                {"role": "user", "content": "3+3?"},
            ],
        })
    );
    // What is sent without a limit is what the limit of its cost assumes.
    let sent = requests[1].body["max_tokens"].as_u64().unwrap();
    let limited = ChatRequest { max_output_tokens: Some(sent as u32), ..unlimited.clone() };
    assert_eq!(model.cost_limit(&unlimited), model.cost_limit(&limited));
}

#[tokio::test]
async fn reasoning_models_of_openai() {
    let server = Server::start([], Reply::openai("6")).await;
    open(config(ProviderKind::OpenAi, &server), "gpt-5-mini").chat(conversation()).await.unwrap();
    let body = &server.requests()[0].body;
    assert_eq!(body["max_completion_tokens"], 50);
    for absent in ["max_tokens", "temperature", "top_p"] {
        assert!(body.get(absent).is_none(), "{absent} is sent: {body}");
    }
}

#[tokio::test]
async fn a_refused_parameter_is_left_out_from_then_on() {
    let refusal =
        Reply::error(400, "Unsupported value: 'temperature' does not support 0.5", "unsupported_value");
    let server = Server::start([refusal], Reply::openai("6")).await;
    let model = open(config(ProviderKind::OpenAi, &server), "new");
    assert_eq!(model.chat(conversation()).await.unwrap().retries, 0);
    model.chat(conversation()).await.unwrap();
    let sent: Vec<_> = server.requests().iter().map(|r| r.body.get("temperature").is_some()).collect();
    assert_eq!(sent, [true, false, false]);
}

#[tokio::test]
async fn own_fields_and_names_reach_the_provider_as_written() {
    let server = Server::start([], Reply::openai("6")).await;
    let mut config = config(ProviderKind::OpenAi, &server);
    config.body.insert("reasoning_effort".to_owned(), json!("low"));
    open(config, "ns::my-model-high").chat(hello()).await.unwrap();
    let body = &server.requests()[0].body;
    assert_eq!((&body["model"], &body["reasoning_effort"]), (&json!("ns::my-model-high"), &json!("low")));
}

#[tokio::test]
async fn an_own_endpoint_is_sent_no_key_that_is_not_named() {
    for (kind, reply, path) in [
        (ProviderKind::OpenAi, Reply::openai("hi"), "/v1/chat/completions"),
        (ProviderKind::Anthropic, Reply::anthropic("hi"), "/v1/messages"),
    ] {
        let server = Server::start([], reply).await;
        let config = ProviderConfig { key_env: None, ..config(kind, &server) };
        assert_eq!(open(config, "m").chat(hello()).await.unwrap().text, "hi");
        let request = &server.requests()[0];
        assert_eq!(request.path, path);
        assert!(!request.headers.contains_key("authorization") && !request.headers.contains_key("x-api-key"));
    }
}

#[tokio::test]
async fn what_passes_is_retried() {
    let malformed = Reply::status(200, "{\"choices\": [");
    let html = Reply::status(200, "<html>").with("content-type", "text/html");
    recovers(vec![Reply::error(429, "slow down", "rate_limit_exceeded")]).await;
    recovers(vec![Reply::error(429, "slow down", "x").with("retry-after-ms", "1")]).await;
    recovers(vec![Reply::error(408, "too slow", "x"), Reply::error(500, "oops", "x")]).await;
    recovers(vec![Reply::error(503, "overloaded", "x"), Reply::error(529, "overloaded", "x")]).await;
    recovers(vec![Reply::Close, Reply::CutBody]).await;
    recovers(vec![malformed, html]).await;
    recovers(vec![Reply::status(200, ""), Reply::status(200, json!({"choices": []}))]).await;
    recovers(vec![Reply::status(200, json!({"error": {"message": "no upstream"}}))]).await;
    recovers(vec![Reply::status(500, "")]).await;
}

#[tokio::test]
async fn what_does_not_pass_is_not_retried() {
    use LlmErrorKind::{Authentication, Configuration, InvalidRequest, QuotaExhausted};
    let wrong_key = format!("Incorrect API key provided: {KEY}; sk-abc****wxyz");
    let error = fails(Reply::error(401, &wrong_key, "x"), 1, Authentication, &["401", "LAB_KEY"]).await;
    assert!(!error.message.contains("sk-abc"), "{error}");
    fails(Reply::error(403, "country", "x"), 1, Authentication, &["403", "country", "may use"]).await;
    fails(Reply::error(404, "no such model", "x"), 1, InvalidRequest, &["no such model", "model's name"])
        .await;
    fails(Reply::error(400, "too long", "x"), 1, InvalidRequest, &["too long", "correct"]).await;
    let quota = Reply::error(429, "You exceeded your current quota", "insufficient_quota");
    fails(quota, 1, QuotaExhausted, &["quota", "add credit"]).await;
    let credit = Reply::error(400, "Your credit balance is too low", "invalid_request_error");
    fails(credit, 1, QuotaExhausted, &["add credit"]).await;
    let moved = Reply::status(308, "").with("location", "https://elsewhere.example/v1");
    fails(moved, 1, Configuration, &["elsewhere.example", "`base_url`"]).await;
}

#[tokio::test]
async fn what_does_not_end_fails_after_its_retries() {
    use LlmErrorKind::{Connection, MalformedResponse, RateLimited, Server};
    let limited = Reply::error(429, "slow down", "x");
    fails(limited, 3, RateLimited, &["slow down", "`max_concurrency`", "tried 3 times"]).await;
    fails(Reply::error(500, "oops", "x"), 3, Server, &["500", "oops", "later", "tried 3 times"]).await;
    fails(Reply::CutBody, 3, Connection, &["was cut", "http://127.0.0.1:"]).await;
    fails(Reply::status(200, " "), 3, MalformedResponse, &["an empty answer", "`kind`"]).await;
    fails(Reply::status(200, "[1"), 3, MalformedResponse, &["not valid JSON", "[1"]).await;
    let empty = json!({"choices": []});
    fails(Reply::status(200, empty), 3, MalformedResponse, &["without an answer"]).await;
    let page = format!("<html>{}</html>", "x".repeat(100_000));
    let error = fails(Reply::status(502, page), 3, Server, &["502", "<html>"]).await;
    assert!(error.message.len() < 1000, "{} bytes", error.message.len());
}

#[tokio::test]
async fn an_answer_that_does_not_come_times_out() {
    let (outcome, server) = call(vec![Reply::Hang; 3], |config| {
        config.timeout_seconds = 0.05;
        config.max_retries = 1;
    })
    .await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, server.count()), (LlmErrorKind::Timeout, 2));
    assert!(error.message.contains("0.05 s") && error.message.contains("`timeout_seconds`"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let server = Server::start([], Reply::Close).await;
    let config = ProviderConfig { max_retries: 1, ..config(ProviderKind::OpenAi, &server) };
    drop(server);
    let error = open(config, "m").chat(hello()).await.unwrap_err();
    assert_eq!(error.kind, LlmErrorKind::Connection);
    assert!(error.message.contains("start the server") && error.message.contains("tried 2 times"), "{error}");
}

#[tokio::test]
async fn the_wait_that_is_asked_for_is_kept() {
    for (name, value) in [("retry-after", "0.06"), ("retry-after-ms", "60")] {
        let start = Instant::now();
        let (outcome, _server) =
            call(vec![Reply::error(429, "slow down", "x").with(name, value)], |_| {}).await;
        outcome.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(60), "{name}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_wait_beyond_the_limit_fails_at_once() {
    let date = |time| ("date", time);
    let seconds = Reply::error(429, "slow down", "x").with("retry-after", "3600");
    let (name, now) = date("Thu, 01 Jan 2026 00:00:00 GMT");
    let until = Reply::error(503, "maintenance", "x")
        .with(name, now)
        .with("retry-after", "Thu, 01 Jan 2026 01:00:00 GMT");
    for reply in [seconds, until] {
        let (outcome, server) = call(vec![reply], |_| {}).await;
        let error = outcome.unwrap_err();
        assert_eq!((server.count(), error.retry_after), (1, Some(Duration::from_secs(3600))));
        for part in ["3600 s", "`retry_max_seconds`"] {
            assert!(error.message.contains(part), "{error}");
        }
    }
}

#[tokio::test]
async fn an_empty_answer_that_is_complete_is_an_answer() {
    let choice = json!({"finish_reason": "length", "message": {"role": "assistant", "content": ""}});
    let (outcome, _server) = call(vec![Reply::status(200, json!({"choices": [choice]}))], |_| {}).await;
    let response = outcome.unwrap();
    assert_eq!((response.text.as_str(), response.finish), ("", FinishReason::Length));
    assert_eq!((response.usage, response.dollars), (Usage::default(), None));
}

#[tokio::test]
async fn a_price_without_usage_is_unknown() {
    let choice = json!({"finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}});
    let server = Server::start([], Reply::status(200, json!({"choices": [choice]}))).await;
    let response = open(config(ProviderKind::OpenAi, &server), "priced").chat(hello()).await.unwrap();
    assert_eq!(response.dollars, None);
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_and_tried_again() {
    let server = Server::start(vec![Reply::error(500, "down", "x"); 2], Reply::openai("hi")).await;
    let config = ProviderConfig {
        max_retries: 0,
        breaker_failures: 2,
        breaker_seconds: 0.05,
        ..config(ProviderKind::OpenAi, &server)
    };
    let registry = registry(config);
    let model = registry.open(&"lab:m".parse().unwrap()).unwrap();
    for _ in 0..2 {
        assert_eq!(model.chat(hello()).await.unwrap_err().kind, LlmErrorKind::Server);
    }
    // Another model of the same provider is down, too.
    let other = registry.open(&"lab:other".parse().unwrap()).unwrap();
    let error = other.chat(hello()).await.unwrap_err();
    assert_eq!((error.kind, server.count()), (LlmErrorKind::CircuitOpen, 2));
    assert!(error.message.contains("tried again in 1 s") && error.message.contains("down"), "{error}");
    assert!(error.retry_after.is_some_and(|wait| wait <= Duration::from_millis(50)), "{error:?}");
    let back = loop {
        match model.chat(hello()).await {
            Ok(response) => break response,
            Err(error) => assert_eq!(error.kind, LlmErrorKind::CircuitOpen),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((back.text.as_str(), server.count()), ("hi", 3));
}

#[tokio::test]
async fn a_refusal_halves_the_calls_in_flight_for_all_models_of_the_provider() {
    let (outcome, _server) = call(vec![], |_| {}).await;
    outcome.unwrap();
    let server = Server::start([Reply::error(429, "slow down", "x")], Reply::openai("hi")).await;
    let config = ProviderConfig { max_concurrency: 8, ..config(ProviderKind::OpenAi, &server) };
    let registry = registry(config);
    let model = registry.open(&"lab:m".parse().unwrap()).unwrap();
    let other = registry.open(&"lab:other".parse().unwrap()).unwrap();
    assert_eq!(other.concurrency(), 8);
    model.chat(hello()).await.unwrap();
    assert_eq!(other.concurrency(), 4);
}

#[tokio::test]
async fn connections_are_kept() {
    let server = Server::start([], Reply::openai("hi")).await;
    let model = open(config(ProviderKind::OpenAi, &server), "m");
    for _ in 0..20 {
        model.chat(hello()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn nothing_shows_the_key() {
    let server = Server::start([], Reply::openai("hi")).await;
    let registry = registry(config(ProviderKind::OpenAi, &server));
    registry.open(&"lab:m".parse().unwrap()).unwrap();
    let shown = format!("{registry:?}");
    assert!(!shown.contains(KEY) && shown.contains("LAB_KEY"), "{shown}");
    let stored = serde_json::to_string(&config(ProviderKind::OpenAi, &server)).unwrap();
    assert!(!stored.contains(KEY), "{stored}");
}

#[tokio::test]
async fn a_request_without_a_turn_is_refused_before_it_is_sent() {
    let server = Server::start([], Reply::openai("hi")).await;
    let error =
        open(config(ProviderKind::OpenAi, &server), "m").chat(ChatRequest::new(vec![])).await.unwrap_err();
    assert_eq!((error.kind, server.count()), (LlmErrorKind::InvalidRequest, 0));
}
