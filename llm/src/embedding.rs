//! Texts as vectors: what they mean, for comparing them.

use std::time::Duration;

use async_trait::async_trait;

use crate::chat::Usage;
use crate::error::LlmError;
use crate::model_name::ModelName;

/// The vectors of some texts, and what they took.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingResponse {
    /// One for each text, in their order, all of the same length.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens used by the attempt that succeeded.
    pub usage: Usage,
    /// Price of the call in US dollars; 0 for a local model; `None` when no price is known.
    pub dollars: Option<f64>,
    /// Time of the attempt that succeeded, from sending to the whole answer.
    pub latency: Duration,
    /// Attempts that failed before it.
    pub retries: u32,
    /// Time in which the call waited for a place within the provider's limits, or because the provider asked it to.
    pub limits_wait: Duration,
    /// Time of the attempts that failed, and of the pauses after them that nobody asked for.
    pub retry_time: Duration,
}

/// A model that says where texts lie in a space of meanings: texts that mean alike have vectors of like direction.
#[async_trait]
pub trait EmbeddingModel: Send + Sync {
    /// `provider:model`.
    fn name(&self) -> &ModelName;

    /// How many calls it can usefully serve at once.
    fn concurrency(&self) -> usize;

    /// The most that a call with these texts can cost, in US dollars, estimated rather too high. `None` when no price is
    /// known.
    fn cost_limit(&self, texts: &[String]) -> Option<f64>;

    /// The vectors of one or more texts. Retries, limits and prices are the model's own affair.
    ///
    /// # Errors
    /// An [`LlmError`] whose kind says whether trying again later, or elsewhere, can help.
    async fn embed(&self, texts: Vec<String>) -> Result<EmbeddingResponse, LlmError>;
}
