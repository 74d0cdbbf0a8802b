//! One exchange with a language model.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::LlmError;
use crate::model_name::ModelName;

/// Who speaks in a [`ChatMessage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Standing instructions.
    System,
    /// What the model answers to.
    User,
    /// An answer of the model (real, or shown to it as an example).
    Assistant,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// The text of the turn.
    pub content: String,
}

impl ChatMessage {
    /// A turn of the standing instructions.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: Role::System, content: content.into() }
    }

    /// A turn that the model answers to.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// An answer of the model.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: content.into() }
    }
}

/// What is asked of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The conversation; the last turn is the one to answer.
    pub messages: Vec<ChatMessage>,
    /// The answer is cut after this many tokens; `None` leaves it to the provider.
    pub max_output_tokens: Option<u32>,
    /// Sampling temperature, 0 (greedy) to 2; `None` leaves it to the provider (a local model: 0). Not
    /// sent to models that refuse it, as OpenAI's reasoning models do; the same goes for `top_p`.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1; `None` leaves it to the provider.
    pub top_p: Option<f64>,
    /// Seed for the sampling, where the provider takes one.
    pub seed: Option<u64>,
}

impl ChatRequest {
    /// A request with the provider's own settings.
    pub fn new(messages: Vec<ChatMessage>) -> Self {
        Self { messages, max_output_tokens: None, temperature: None, top_p: None, seed: None }
    }
}

/// Tokens that a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the request that the provider (or the local prefix cache) had ready.
    pub cached_input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// The limit of output tokens cut it.
    Length,
    /// The provider withheld it.
    ContentFilter,
    /// Anything else, or not said.
    Other,
}

impl FinishReason {
    /// A short stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::Other => "other",
        }
    }
}

/// An answer, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatResponse {
    /// The text of the answer.
    pub text: String,
    /// Why it ended.
    pub finish: FinishReason,
    /// Tokens used by the attempt that succeeded.
    pub usage: Usage,
    /// Price of the call in US dollars; 0 for a local model; `None` when no price is known.
    pub dollars: Option<f64>,
    /// Time of the attempt that succeeded, from sending to the whole answer.
    pub latency: Duration,
    /// Attempts that failed before it.
    pub retries: u32,
    /// Time in which the call waited for a place within the provider's limits, or because the provider asked
    /// it to.
    pub limits_wait: Duration,
    /// Time of the attempts that failed, and of the pauses after them that nobody asked for.
    pub retry_time: Duration,
}

/// A language model that answers conversations.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// `provider:model`.
    fn name(&self) -> &ModelName;

    /// How many calls it can usefully serve at once.
    fn concurrency(&self) -> usize;

    /// The most that a call with this request can cost, in US dollars: its input, estimated rather too
    /// high, and all the output that it allows. `None` when no price is known. Without
    /// `max_output_tokens` a provider may answer at greater length than is reckoned with here.
    fn cost_limit(&self, request: &ChatRequest) -> Option<f64>;

    /// Answers one conversation. Retries, limits and prices are the model's own affair.
    ///
    /// # Errors
    /// An [`LlmError`] whose kind says whether trying again later, or elsewhere, can help.
    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse, LlmError>;
}
