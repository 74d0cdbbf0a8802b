//! A model for the tests of this crate: it gives the answers it was made with, in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use evohub_llm::{ChatModel, ChatRequest, ChatResponse, FinishReason, LlmError, ModelName, Usage};

pub(crate) struct Scripted {
    name: ModelName,
    answers: Mutex<VecDeque<Result<ChatResponse, LlmError>>>,
    requests: Mutex<Vec<ChatRequest>>,
}

/// An answer of 3 tokens to 7, for a quarter of a dollar, in two seconds.
pub(crate) fn answer(text: &str) -> ChatResponse {
    ChatResponse {
        text: text.into(),
        finish: FinishReason::Stop,
        usage: Usage { input_tokens: 7, cached_input_tokens: 0, output_tokens: 3 },
        dollars: Some(0.25),
        latency: Duration::from_secs(2),
        retries: 0,
        limits_wait: Duration::ZERO,
        retry_time: Duration::ZERO,
    }
}

impl Scripted {
    pub(crate) fn new(answers: impl IntoIterator<Item = Result<ChatResponse, LlmError>>) -> Arc<Self> {
        Arc::new(Self {
            name: "test:model".parse().unwrap(),
            answers: Mutex::new(answers.into_iter().collect()),
            requests: Mutex::default(),
        })
    }

    /// What it was asked.
    pub(crate) fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap().clone()
    }
}

#[async_trait]
impl ChatModel for Scripted {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn concurrency(&self) -> usize {
        5
    }

    /// A dollar per thousand characters.
    fn cost_limit(&self, request: &ChatRequest) -> Option<f64> {
        Some(request.messages.iter().map(|message| message.content.len()).sum::<usize>() as f64 / 1000.0)
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse, LlmError> {
        self.requests.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().expect("the script is at its end")
    }
}
