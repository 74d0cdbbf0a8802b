//! Requests and answers in the client library's terms.

use genai::ModelIden;
use genai::chat::{self as wire, ChatOptions, StopReason};
use genai::resolver::{AuthData, Endpoint};
use genai::{Headers, ServiceTarget};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::provider::Provider;
use super::sampling::Fitted;
use crate::chat::{ChatRequest, FinishReason, Role, Usage};
use crate::price::ASSUMED_OUTPUT_TOKENS;
use crate::provider_kind::ProviderKind;

/// An answer of a provider.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) said: Said,
    /// `None` when the provider does not say.
    pub(super) usage: Option<Usage>,
}

/// What an answer says.
#[derive(Debug)]
pub(super) enum Said {
    Text(String, FinishReason),
    Vectors(Vec<Vec<f32>>),
}

/// Sends one request and reads the answer.
pub(super) async fn ask(
    provider: &Provider,
    model: &str,
    request: &ChatRequest,
    fitted: &Fitted,
) -> Result<Answer, Failure> {
    let options = options(provider, model, request, fitted);
    let response = provider
        .client
        .exec_chat(target(provider, model), messages(request), Some(&options))
        .await
        .map_err(|error| Failure::from_client(error, provider))?;
    read(response, provider)
}

fn target(provider: &Provider, model: &str) -> ServiceTarget {
    let kind = provider.config.kind;
    service(provider, "chat/completions", ModelIden::new(kind.adapter(), wire_name(kind, model)))
}

/// Where requests for a model go; `path` is where those in OpenAI's form do.
pub(super) fn service(provider: &Provider, path: &str, model: ModelIden) -> ServiceTarget {
    let kind = provider.config.kind;
    let auth = match &provider.key {
        Some(key) => AuthData::from_single(key.expose_secret()),
        None => match kind {
            // These two insist on a key; an address and headers of our own go round that.
            ProviderKind::Anthropic => keyless(provider, "messages", &[("anthropic-version", "2023-06-01")]),
            ProviderKind::Ollama => AuthData::None,
            _ => keyless(provider, path, &[]),
        },
    };
    ServiceTarget { endpoint: Endpoint::from_owned(provider.base_url.as_str()), auth, model }
}

fn keyless(provider: &Provider, path: &str, headers: &[(&str, &str)]) -> AuthData {
    let mut url = provider.base_url.clone();
    url.set_path(&format!("{}{path}", provider.base_url.path()));
    let mut all = Headers::default();
    for (name, value) in headers {
        all.merge(Headers::from((*name, *value)));
    }
    AuthData::RequestOverride { url: url.to_string(), headers: all }
}

/// Whether the client library would take a part of the name for something else: a namespace (`x::y`) or
/// a degree of reasoning (`x-high`).
fn would_be_mangled(kind: ProviderKind, model: &str) -> bool {
    let takes_name_from_body = !matches!(
        kind,
        ProviderKind::Cohere | ProviderKind::Fireworks | ProviderKind::Gemini | ProviderKind::Ollama
    );
    takes_name_from_body
        && (model.contains("::") || wire::ReasoningEffort::from_model_name(model).0.is_some())
}

/// The name for the client library. What it must not read anything into ends in a dash; the true name
/// then goes into the body by itself.
fn wire_name(kind: ProviderKind, model: &str) -> String {
    if would_be_mangled(kind, model) { format!("{model}-") } else { model.to_owned() }
}

fn messages(request: &ChatRequest) -> wire::ChatRequest {
    let turns = request.messages.iter().map(|message| match message.role {
        Role::System => wire::ChatMessage::system(message.content.as_str()),
        Role::User => wire::ChatMessage::user(message.content.as_str()),
        Role::Assistant => wire::ChatMessage::assistant(message.content.as_str()),
    });
    wire::ChatRequest::new(turns.collect())
}

fn options(provider: &Provider, model: &str, request: &ChatRequest, fitted: &Fitted) -> ChatOptions {
    let kind = provider.config.kind;
    let mut body = Map::new();
    if would_be_mangled(kind, model) {
        body.insert("model".to_owned(), Value::from(model));
    }
    let mut limit = request.max_output_tokens;
    if kind == ProviderKind::Anthropic {
        // Anthropic demands a limit; the client library's own is the model's largest.
        limit = limit.or(Some(ASSUMED_OUTPUT_TOKENS));
    }
    if fitted.uses_completion_limit
        && let Some(tokens) = limit.take()
    {
        body.insert("max_completion_tokens".to_owned(), Value::from(tokens));
    }
    body.extend(provider.config.body.clone());
    ChatOptions {
        temperature: fitted.temperature,
        top_p: fitted.top_p,
        seed: fitted.seed,
        max_tokens: limit,
        extra_body: (!body.is_empty()).then_some(Value::Object(body)),
        capture_raw_body: Some(true),
        ..ChatOptions::default()
    }
}

fn read(response: wire::ChatResponse, provider: &Provider) -> Result<Answer, Failure> {
    let body = response.captured_raw_body.unwrap_or(Value::Null);
    let finish = match &response.stop_reason {
        Some(StopReason::Completed(_) | StopReason::StopSequence(_)) => FinishReason::Stop,
        Some(StopReason::MaxTokens(_)) => FinishReason::Length,
        Some(StopReason::ContentFilter(_)) => FinishReason::ContentFilter,
        Some(StopReason::ToolCall(_) | StopReason::Other(_)) | None => FinishReason::Other,
    };
    let text = response.content.into_joined_texts();
    // An empty text is an answer when the model says that it was done; without even that, none came.
    if text.is_none() && response.stop_reason.is_none() {
        return Err(Failure::malformed(provider, "JSON without an answer", &body.to_string()));
    }
    let count = |tokens: Option<i32>| tokens.and_then(|tokens| u64::try_from(tokens).ok());
    let usage = response.usage;
    let said_nothing = usage.prompt_tokens.is_none() && usage.completion_tokens.is_none();
    let cached = usage.prompt_tokens_details.and_then(|details| count(details.cached_tokens)).unwrap_or(0);
    let usage = (!said_nothing && has_usage(&body)).then(|| Usage {
        input_tokens: count(usage.prompt_tokens).unwrap_or(0),
        cached_input_tokens: cached,
        output_tokens: count(usage.completion_tokens).unwrap_or(0),
    });
    Ok(Answer { said: Said::Text(text.unwrap_or_default(), finish), usage })
}

/// The client library makes zeros of some counts that are missing.
fn has_usage(body: &Value) -> bool {
    ["usage", "usageMetadata", "meta", "eval_count"]
        .iter()
        .any(|key| body.get(key).is_some_and(|v| !v.is_null()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sent_as_written() {
        for model in ["my-model-high", "my-model-none", "ns::model"] {
            assert!(would_be_mangled(ProviderKind::OpenAi, model), "{model}");
            let wire = wire_name(ProviderKind::OpenAi, model);
            assert_eq!(
                wire::ReasoningEffort::from_model_name(&wire).0.map(|effort| effort.to_string()),
                None
            );
        }
        for model in ["gpt-5-mini", "claude-haiku-4-5", "meta-llama/Llama-3-8b"] {
            assert_eq!(wire_name(ProviderKind::OpenAi, model), model);
        }
    }
}
