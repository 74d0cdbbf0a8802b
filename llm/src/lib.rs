//! Language models: remote providers, a local model, prices, limits and retries.
//!
//! Everything that talks to a language model goes through [`ChatModel`] or [`EmbeddingModel`]; a [`ModelRegistry`] opens
//! one by its name.

pub mod chat;
pub mod embedding;
pub mod error;
mod excerpt;
mod key;
mod limits;
#[cfg(feature = "local-model")]
pub mod local;
pub mod model_name;
mod observed;
pub mod price;
pub mod provider_config;
pub mod provider_kind;
pub mod registry;
mod remote;
#[cfg(feature = "testing")]
pub mod scripted;

pub use chat::{ChatMessage, ChatModel, ChatRequest, ChatResponse, FinishReason, Role, Usage};
pub use embedding::{EmbeddingModel, EmbeddingResponse};
pub use error::{LlmError, LlmErrorKind};
pub use limits::shared::{ProviderLimits, SharedQuota, SharedQuotaAway};
pub use model_name::ModelName;
pub use price::PriceConfig;
pub use provider_config::ProviderConfig;
pub use provider_kind::ProviderKind;
pub use registry::ModelRegistry;
pub use remote::ProviderProbe;
#[cfg(feature = "testing")]
pub use scripted::ScriptedModel;
