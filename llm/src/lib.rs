//! Chat models: remote providers, a local model, prices, limits and retries.
//!
//! Everything that talks to a language model goes through [`ChatModel`].

pub mod chat;
pub mod error;
#[cfg(feature = "local-model")]
pub mod local;
pub mod model_name;

pub use chat::{ChatMessage, ChatModel, ChatRequest, ChatResponse, FinishReason, Role, Usage};
pub use error::{LlmError, LlmErrorKind};
pub use model_name::ModelName;
