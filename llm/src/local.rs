//! A GGUF model that runs inside the process.
//!
//! Requests that arrive together are computed together. What their prompts have in common at the beginning (an
//! instruction, examples) is computed once and kept, so that a case costs little more than its own text.

mod attention;
mod chat_template;
mod engine;
mod fault;
mod format;
mod forward;
mod gguf;
mod kernel;
mod llama;
mod package;
mod panels;
mod pooling;
mod prefix_cache;
mod sampling;
mod schedule;
mod segment;
mod tokenizer;

#[cfg(test)]
mod synthetic;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use self::chat_template::ChatTemplate;
use self::engine::Engine;
use self::fault::Fault;
use self::gguf::Gguf;
use self::llama::Llama;
use self::sampling::Sampler;
use self::schedule::Limits;
use self::tokenizer::Tokenizer;
use crate::chat::{ChatModel, ChatRequest, ChatResponse, FinishReason, Usage};
use crate::embedding::{EmbeddingModel, EmbeddingResponse};
use crate::error::{LlmError, LlmErrorKind};
use crate::model_name::ModelName;

pub use self::package::{FetchProgress, fetch};

/// Tokens of an answer when the request does not say.
const DEFAULT_OUTPUT_TOKENS: u32 = 64;

/// What a local model may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalOptions {
    /// Threads that compute; `None` for as many as there are processors.
    pub threads: Option<NonZeroUsize>,
    /// Requests that are computed at once. More are faster in all, and slower for each.
    pub concurrency: NonZeroUsize,
    /// Bytes for the beginnings of prompts that are kept for others that begin alike.
    pub prefix_cache_bytes: usize,
    /// Bytes for the requests that are being computed; one is always let in.
    pub running_bytes: usize,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            threads: None,
            concurrency: const { NonZeroUsize::new(16).expect("16 is not 0") },
            prefix_cache_bytes: 192 << 20,
            running_bytes: 384 << 20,
        }
    }
}

/// A GGUF model of the Llama architecture, and the thread that computes it.
///
/// Greedy answers do not depend on what else is computed at the time.
pub struct LocalModel {
    name: ModelName,
    concurrency: usize,
    context: usize,
    tokenizer: Arc<Tokenizer>,
    template: ChatTemplate,
    engine: Engine,
}

impl LocalModel {
    /// Opens `local:PATH.gguf`, or `local:smollm2-135m-instruct`, which is fetched first when it has to be (see
    /// [`fetch`]). Blocks until the model is loaded.
    ///
    /// # Errors
    /// Those of [`fetch`]; kind `LocalModel` for a file that is damaged or holds a model that cannot run here.
    pub fn open(
        name: ModelName,
        options: &LocalOptions,
        progress: &dyn Fn(FetchProgress),
    ) -> Result<Self, LlmError> {
        let path = fetch(&name, progress)?;
        Self::load(name.clone(), &path, options).map_err(|fault| fault.at(&name, path.display()))
    }

    fn load(name: ModelName, path: &Path, options: &LocalOptions) -> Result<Self, Fault> {
        let start = Instant::now();
        let pool = engine::pool(options.threads)?;
        let file = Gguf::open(path)?;
        let (tokenizer, model) =
            pool.install(|| rayon::join(|| Tokenizer::read(&file), || Llama::read(&file)));
        let (tokenizer, model) = (Arc::new(tokenizer?), model?);
        let template = ChatTemplate::read(&file, &tokenizer)?;
        let concurrency = options.concurrency.get();
        let context = model.shape.context;
        let limits =
            Limits { width: concurrency, running: options.running_bytes, cached: options.prefix_cache_bytes };
        let engine = Engine::start(model, tokenizer.clone(), limits, pool)?;
        tracing::debug!(model = %name, path = %path.display(), elapsed = ?start.elapsed(), "loaded a local model");
        Ok(Self { name, concurrency, context, tokenizer, template, engine })
    }

    fn error(&self, kind: LlmErrorKind, message: impl Into<String>) -> LlmError {
        LlmError::new(kind, &self.name, message)
    }

    fn local_error(&self, fault: &Fault) -> LlmError {
        self.error(LlmErrorKind::LocalModel, fault.to_string())
    }

    /// The tokens of the conversation, and how many may be answered.
    fn prompt(&self, request: &ChatRequest) -> Result<(Vec<u32>, usize), LlmError> {
        let invalid = |message: String| self.error(LlmErrorKind::InvalidRequest, message);
        if request.messages.is_empty() {
            return Err(invalid("the conversation has no turn to answer".to_owned()));
        }
        let wanted = request.max_output_tokens.unwrap_or(DEFAULT_OUTPUT_TOKENS);
        if wanted == 0 {
            return Err(invalid("an answer of at most 0 tokens is none: ask for at least 1".to_owned()));
        }
        let prompt = self
            .template
            .tokens(&self.tokenizer, &request.messages)
            .map_err(|fault| self.local_error(&fault))?;
        if prompt.len() >= self.context {
            return Err(invalid(format!(
                "the prompt has {} tokens, the model's context {}: shorten the prompt or take fewer examples",
                prompt.len(),
                self.context
            )));
        }
        let most = (wanted as usize).min(self.context - prompt.len());
        Ok((prompt, most))
    }

    fn sampler(&self, request: &ChatRequest) -> Result<Sampler, LlmError> {
        let within = |name: &str, value: Option<f64>, default: f64, most: f64| match value {
            None => Ok(default),
            Some(value) if (0.0..=most).contains(&value) => Ok(value),
            Some(value) => Err(self
                .error(LlmErrorKind::InvalidRequest, format!("{name} is {value}, not between 0 and {most}"))),
        };
        let temperature = within("temperature", request.temperature, 0.0, 2.0)?;
        let top_p = within("top_p", request.top_p, 1.0, 1.0)?;
        Ok(Sampler::new(temperature, top_p, request.seed))
    }
}

#[async_trait]
impl ChatModel for LocalModel {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn cost_limit(&self, _: &ChatRequest) -> Option<f64> {
        Some(0.0)
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse, LlmError> {
        let start = Instant::now();
        let sampler = self.sampler(&request)?;
        let (prompt, most) = self.prompt(&request)?;
        let input_tokens = prompt.len() as u64;
        let answer =
            self.engine.answer(prompt, most, sampler).await.map_err(|fault| self.local_error(&fault))?;
        let text = self.tokenizer.decode(&answer.tokens).map_err(|fault| self.local_error(&fault))?;
        Ok(ChatResponse {
            text,
            finish: if answer.ended { FinishReason::Stop } else { FinishReason::Length },
            usage: Usage {
                input_tokens,
                cached_input_tokens: answer.cached as u64,
                output_tokens: answer.tokens.len() as u64,
            },
            dollars: Some(0.0),
            latency: start.elapsed(),
            retries: 0,
            limits_wait: Duration::ZERO,
            retry_time: Duration::ZERO,
        })
    }
}

/// The mean of the last layer's states over a text's tokens, of length 1. The model was made to go on with texts, not to
/// compare them: all vectors are much alike, and which of two texts is nearer says more than how near it is.
#[async_trait]
impl EmbeddingModel for LocalModel {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn cost_limit(&self, _: &[String]) -> Option<f64> {
        Some(0.0)
    }

    /// A text that is longer than the model's context is embedded by its beginning.
    async fn embed(&self, texts: Vec<String>) -> Result<EmbeddingResponse, LlmError> {
        let start = Instant::now();
        let mut input_tokens = 0;
        let mut asked = Vec::with_capacity(texts.len());
        for text in &texts {
            let mut tokens = vec![];
            self.tokenizer.encode(text, &mut tokens).map_err(|fault| self.local_error(&fault))?;
            tokens.truncate(self.context);
            if tokens.is_empty() {
                let message = "an empty text has no meaning to embed";
                return Err(self.error(LlmErrorKind::InvalidRequest, message));
            }
            input_tokens += tokens.len() as u64;
            asked.push(self.engine.embed(tokens));
        }
        let mut vectors = Vec::with_capacity(asked.len());
        for vector in asked {
            vectors.push(vector.await.map_err(|fault| self.local_error(&fault))?);
        }
        Ok(EmbeddingResponse {
            vectors,
            usage: Usage { input_tokens, ..Usage::default() },
            dollars: Some(0.0),
            latency: start.elapsed(),
            retries: 0,
            limits_wait: Duration::ZERO,
            retry_time: Duration::ZERO,
        })
    }
}

impl fmt::Debug for LocalModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalModel").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
