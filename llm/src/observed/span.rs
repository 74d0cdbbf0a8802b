//! The span of a call, with OpenTelemetry's attributes for generative AI.
//!
//! All names are in this file. The texts of prompts and answers are in no attribute.

use evohub_monitoring::redaction::redact;
use tracing::Span;
use tracing::field::Empty;

use crate::chat::{ChatRequest, FinishReason, Usage};
use crate::error::LlmError;
use crate::model_name::ModelName;
use crate::provider_kind::ProviderKind;

/// Where calls go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its name or IP address.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What all spans of a model have in common, made once.
#[derive(Debug)]
pub(super) struct Called {
    title: String,
    operation: &'static str,
    provider: String,
    model: String,
    server: Option<Server>,
}

impl Called {
    /// `operation` is what the model does, in OpenTelemetry's words.
    pub(super) fn new(operation: &'static str, name: &ModelName, server: Option<Server>) -> Self {
        // A user may write a key where a name belongs.
        let model = redact(name.model()).into_owned();
        let provider = match ProviderKind::from_name(name.provider()) {
            Some(kind) => well_known(kind).to_owned(),
            None => redact(name.provider()).into_owned(),
        };
        Self { title: format!("{operation} {model}"), operation, provider, model, server }
    }

    /// The span of a call that begins. Nothing is done for it where nobody listens.
    pub(super) fn span(&self, request: Option<&ChatRequest>) -> CallSpan {
        CallSpan(tracing::info_span!(
            "llm_api_call",
            otel.kind = "client",
            otel.name = self.title.as_str(),
            otel.status_code = Empty,
            otel.status_description = Empty,
            gen_ai.operation.name = self.operation,
            gen_ai.provider.name = self.provider.as_str(),
            gen_ai.request.model = self.model.as_str(),
            gen_ai.request.max_tokens = request.and_then(|it| it.max_output_tokens).map(i64::from),
            gen_ai.request.temperature = request.and_then(|it| it.temperature),
            gen_ai.request.top_p = request.and_then(|it| it.top_p),
            gen_ai.response.finish_reasons = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            server.address = self.server.as_ref().map(|server| server.host.as_str()),
            server.port = self.server.as_ref().map(|server| i64::from(server.port)),
            error.type = Empty,
        ))
    }
}

/// The span of one call.
#[derive(Debug)]
pub(super) struct CallSpan(Span);

impl CallSpan {
    pub(super) fn answered(&self, finish: Option<FinishReason>, usage: Usage) {
        if let Some(finish) = finish {
            self.0.record("gen_ai.response.finish_reasons", finish.as_str());
        }
        // A collector takes an unsigned number for a text.
        self.0.record("gen_ai.usage.input_tokens", usage.input_tokens as i64);
        self.0.record("gen_ai.usage.output_tokens", usage.output_tokens as i64);
    }

    pub(super) fn failed(&self, error: &LlmError) {
        if self.0.is_disabled() {
            return;
        }
        self.0.record("error.type", error.kind.as_str());
        self.0.record("otel.status_code", "ERROR");
        // Made by this crate it is free of secrets; one that an embedding program made need not be.
        self.0.record("otel.status_description", &*redact(&error.message));
    }

    /// Nobody waited for the call to its end, which is no error of the model.
    pub(super) fn broke_off(&self, why: &str) {
        self.0.record("error.type", why);
    }
}

/// The name of a provider in OpenTelemetry's conventions, or its own where they have none.
fn well_known(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Gemini => "gcp.gemini",
        ProviderKind::Mistral => "mistral_ai",
        ProviderKind::Xai => "x_ai",
        other => other.as_str(),
    }
}
