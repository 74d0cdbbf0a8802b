//! Embeddings of a provider.

use evohub_llm::{EmbeddingModel, ProviderConfig, ProviderKind};
use serde_json::{Value, json};

use super::server::{Reply, Server};
use super::*;

/// OpenAI's form, out of order as it may be.
fn vectors(vectors: &[[f64; 2]]) -> Reply {
    let data: Vec<Value> = vectors
        .iter()
        .enumerate()
        .rev()
        .map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector}))
        .collect();
    let usage = json!({"prompt_tokens": 1_000, "total_tokens": 1_000});
    Reply::status(200, json!({"object": "list", "data": data, "model": "m", "usage": usage}))
}

fn open_embedding(config: ProviderConfig, model: &str) -> Arc<dyn EmbeddingModel> {
    registry(config).open_embedding(&format!("lab:{model}").parse().unwrap()).unwrap()
}

fn texts() -> Vec<String> {
    vec!["one".to_owned(), "two".to_owned()]
}

#[tokio::test]
async fn vectors_come_in_the_order_of_their_texts_after_a_retry() {
    let busy = Reply::error(429, "slow down", "rate_limit_exceeded");
    let server = Server::start([busy], vectors(&[[1.0, 0.0], [0.0, 1.0]])).await;
    let model = open_embedding(config(ProviderKind::OpenAi, &server), "priced");
    let answer = model.embed(texts()).await.unwrap();
    assert_eq!(answer.vectors, [[1.0, 0.0], [0.0, 1.0]]);
    assert_eq!((answer.usage.input_tokens, answer.usage.output_tokens), (1_000, 0));
    assert_eq!((answer.dollars, answer.retries), (Some(0.002), 1));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].path, "/v1/embeddings");
    assert_eq!(requests[1].headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(requests[1].body["input"], json!(["one", "two"]));
    assert_eq!(
        (&requests[1].body["model"], &requests[1].body["encoding_format"]),
        (&json!("priced"), &json!("float"))
    );
    assert!(model.cost_limit(&texts()).is_some_and(|dollars| dollars > 0.0));
}

#[tokio::test]
async fn a_server_without_a_key_is_asked_at_the_same_place() {
    let server = Server::start([], vectors(&[[0.6, 0.8]])).await;
    let keyless = ProviderConfig { key_env: None, ..config(ProviderKind::OpenAi, &server) };
    let model = open_embedding(keyless, "m");
    assert_eq!(model.embed(vec!["one".into()]).await.unwrap().vectors, [[0.6, 0.8]]);
    let requests = server.requests();
    assert_eq!(requests[0].path, "/v1/embeddings");
    assert!(!requests[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn what_is_no_answer_is_told_without_the_key() {
    let refusal = Reply::error(401, &format!("the key {KEY} is not known"), "invalid_api_key");
    for (reply, kind) in [
        (vectors(&[[1.0, 0.0]]), LlmErrorKind::MalformedResponse),
        (Reply::openai("hello"), LlmErrorKind::MalformedResponse),
        (refusal, LlmErrorKind::Authentication),
    ] {
        let server = Server::start([], reply).await;
        let config = ProviderConfig { max_retries: 0, ..config(ProviderKind::OpenAi, &server) };
        let error = open_embedding(config, "m").embed(texts()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(!error.to_string().contains(KEY), "{error}");
    }
}
