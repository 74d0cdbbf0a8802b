//! A model that is known by name only.

use async_trait::async_trait;
use evohub_llm::registry::LOCAL;
use evohub_llm::{
    ChatModel, ChatRequest, ChatResponse, EmbeddingModel, EmbeddingResponse, LlmError, LlmErrorKind,
    ModelName,
};

/// Stands for a model while a job is checked: no weights are loaded, and it answers nothing.
#[derive(Debug)]
pub struct UnopenedModel(ModelName);

impl UnopenedModel {
    /// The model of this name, unopened.
    pub fn new(name: ModelName) -> Self {
        Self(name)
    }

    fn refusal(&self) -> LlmError {
        LlmError::new(LlmErrorKind::Configuration, &self.0, "the model was looked up and not opened")
    }

    fn price(&self) -> Option<f64> {
        (self.0.provider() == LOCAL).then_some(0.0)
    }
}

#[async_trait]
impl ChatModel for UnopenedModel {
    fn name(&self) -> &ModelName {
        &self.0
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn cost_limit(&self, _: &ChatRequest) -> Option<f64> {
        self.price()
    }

    async fn chat(&self, _: ChatRequest) -> Result<ChatResponse, LlmError> {
        Err(self.refusal())
    }
}

#[async_trait]
impl EmbeddingModel for UnopenedModel {
    fn name(&self) -> &ModelName {
        &self.0
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn cost_limit(&self, _: &[String]) -> Option<f64> {
        self.price()
    }

    async fn embed(&self, _: Vec<String>) -> Result<EmbeddingResponse, LlmError> {
        Err(self.refusal())
    }
}
