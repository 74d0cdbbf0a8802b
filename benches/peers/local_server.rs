//! The local model behind a server, for all systems alike.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use evohub::evolution::Digest;
use evohub::llm::{ChatMessage, ChatModel, ChatRequest, FinishReason, ModelRegistry};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::server::{Call, Model, Reply, TEACHER};

const MODEL: &str = "local:smollm2-135m-instruct";
/// Tokens of an answer when the request does not say.
const MOST_TOKENS: u32 = 300;

/// The text, and whether it was cut at the limit of its length.
type Answer = (String, bool);

/// A model that answers greedily, and the same question with the same answer. What is asked again costs nothing, and
/// counts as a call all the same.
pub(crate) struct Local {
    model: Arc<dyn ChatModel>,
    answers: Mutex<HashMap<Digest, Arc<OnceCell<Answer>>>>,
}

impl Local {
    /// Loads the model, which is fetched through pip when it is not there.
    pub(crate) async fn open() -> Result<Self, String> {
        let opened = tokio::task::spawn_blocking(|| {
            ModelRegistry::new([].into(), [].into())?.open(&MODEL.parse().unwrap())
        });
        let model = opened.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        Ok(Self { model, answers: Mutex::default() })
    }

    /// Asks it, without a record.
    pub(crate) async fn ask(&self, messages: Vec<ChatMessage>, most_tokens: u32) -> Result<Answer, String> {
        let mut fields = vec![most_tokens.to_string()];
        for message in &messages {
            fields.extend([format!("{:?}", message.role), message.content.clone()]);
        }
        let key = Digest::of_fields(fields.iter().map(String::as_bytes));
        let cell = Arc::clone(self.answers.lock().unwrap().entry(key).or_default());
        let request = ChatRequest {
            max_output_tokens: Some(most_tokens),
            temperature: Some(0.0),
            ..ChatRequest::new(messages)
        };
        let answer = cell.get_or_try_init(|| async {
            let response = self.model.chat(request).await.map_err(|error| error.to_string())?;
            Ok::<Answer, String>((response.text, response.finish == FinishReason::Length))
        });
        answer.await.cloned()
    }
}

#[async_trait]
impl Model for Local {
    async fn answer(&self, body: &Value) -> Result<Reply, String> {
        let messages = serde_json::from_value(body["messages"].clone()).map_err(|error| error.to_string())?;
        let limit = body["max_tokens"].as_u64().or(body["max_completion_tokens"].as_u64());
        let limit = limit.map_or(MOST_TOKENS, |most| u32::try_from(most).unwrap_or(u32::MAX));
        let begin = Instant::now();
        let (text, truncated) = self.ask(messages, limit).await?;
        let is_proposal = body["model"] == TEACHER;
        let call = Call { is_proposal, begin, end: Instant::now(), late: Duration::ZERO };
        Ok(Reply { text, truncated, call: Some(call) })
    }
}
