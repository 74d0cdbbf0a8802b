//! Measures candidates by asking a model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use evohub_evolution::variation::parameter::ParameterRange;
use evohub_evolution::{Candidate, Case, Digest, Evaluation, Failure, Objectives};
use evohub_llm::{ChatModel, ChatRequest, ChatResponse, FinishReason};
use serde::{Deserialize, Serialize};
use tracing::Instrument;
use tracing::field::Empty;

use crate::evaluator::{Evaluator, evaluation_key};
use crate::failure;
use crate::output::OutputConfig;
use crate::render::Renderer;
use crate::scorer::{Scored, Scorer};

/// Answers that wait for their score are kept up to this many.
const MOST_UNSCORED: usize = 10_000;

/// How the task model generates. A candidate's parameters `temperature` and `top_p` go before these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerationConfig {
    /// Answers are cut after this many tokens; `None` leaves it to the provider.
    pub max_output_tokens: Option<u32>,
    /// Sampling temperature, 0 (greedy) to 2; `None` leaves it to the provider.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1; `None` leaves it to the provider.
    pub top_p: Option<f64>,
}

impl GenerationConfig {
    /// The numbers that a candidate's parameters go before: the name of each, its value here, and the highest that it
    /// may have; the lowest is 0.
    pub fn parameters(&self) -> [(&'static str, Option<f64>, f64); 2] {
        [("temperature", self.temperature, 2.0), ("top_p", self.top_p, 1.0)]
    }

    /// Whether a parameter of candidates may move in a range.
    ///
    /// # Errors
    /// What is wrong, with the parameters that there are or the values that this one may have.
    pub fn check_range(name: &str, range: &ParameterRange) -> Result<(), String> {
        let known = Self::default().parameters();
        let Some((_, _, most)) = known.iter().find(|(known, ..)| *known == name) else {
            let known = known.map(|(known, ..)| format!("`{known}`")).join(" and ");
            return Err(format!("there is no parameter `{name}` that candidates may set; there are {known}"));
        };
        if range.low() >= 0.0 && range.high() <= *most {
            return Ok(());
        }
        let (low, high) = (range.low(), range.high());
        Err(format!("must lie between 0 and {most}, and goes from {low} to {high}"))
    }
}

/// Asks a model with the candidate's prompt and scores what it answers.
pub struct PromptEvaluator {
    model: Arc<dyn ChatModel>,
    renderer: Renderer,
    scorer: Arc<dyn Scorer>,
    generation: GenerationConfig,
    output: OutputConfig,
    /// Answers that were paid for and not scored, because the scorer failed or was interrupted. The same
    /// evaluation, tried again, begins with them.
    unscored: Mutex<HashMap<Digest, ChatResponse>>,
}

impl PromptEvaluator {
    /// An evaluator with the provider's own settings, that scores whole answers.
    pub fn new(model: Arc<dyn ChatModel>, renderer: Renderer, scorer: Arc<dyn Scorer>) -> Self {
        Self {
            model,
            renderer,
            scorer,
            generation: GenerationConfig::default(),
            output: OutputConfig::default(),
            unscored: Mutex::default(),
        }
    }

    /// The same with other settings of the model.
    #[must_use]
    pub fn with_generation(self, generation: GenerationConfig) -> Self {
        Self { generation, ..self }
    }

    /// The same with another part of the answer scored.
    #[must_use]
    pub fn with_output(self, output: OutputConfig) -> Self {
        Self { output, ..self }
    }

    /// What the model is asked. Repeats differ by their seed, where the model takes one.
    pub fn request(&self, candidate: &Candidate, case: &Case, repeat: u32) -> ChatRequest {
        let parameter = |name: &str, fallback| candidate.parameters().get(name).copied().or(fallback);
        ChatRequest {
            messages: self.renderer.render(candidate, case),
            max_output_tokens: self.generation.max_output_tokens,
            temperature: parameter("temperature", self.generation.temperature),
            top_p: parameter("top_p", self.generation.top_p),
            seed: (repeat > 0).then_some(u64::from(repeat)),
        }
    }

    async fn answer(&self, key: Digest, request: ChatRequest) -> Result<ChatResponse, Failure> {
        let kept = self.unscored().get(&key).cloned();
        if let Some(response) = kept {
            return Ok(response);
        }
        let response = self.model.chat(request).await.map_err(|error| failure::failure_of_model(&error))?;
        let mut unscored = self.unscored();
        if unscored.len() < MOST_UNSCORED {
            unscored.insert(key, response.clone());
        }
        Ok(response)
    }

    /// Scores an answer in a span of its own; what a judge is asked is inside it.
    async fn calculate_fitness(&self, case: &Case, response: &ChatResponse) -> Result<Scored, Failure> {
        let span = tracing::info_span!(
            "calculate_fitness",
            score = Empty,
            error.type = Empty,
            otel.status_code = Empty,
            otel.status_description = Empty,
        );
        let outcome = self.score(case, response).instrument(span.clone()).await;
        match &outcome {
            Ok(scored) => {
                span.record("score", scored.score);
            }
            Err(failure) => {
                span.record("error.type", failure.cause.as_str());
                span.record("otel.status_code", "ERROR");
                span.record("otel.status_description", failure.message.as_str());
            }
        }
        outcome
    }

    async fn score(&self, case: &Case, response: &ChatResponse) -> Result<Scored, Failure> {
        if response.finish == FinishReason::ContentFilter {
            return Ok(self.scorer.unscored("the provider's content filter withheld the answer"));
        }
        let mut scored = match self.output.part(&response.text) {
            Ok(part) => self.scorer.score(case, part).await?,
            Err(why) => self.scorer.unscored(&why),
        };
        if response.finish == FinishReason::Length {
            scored.feedback.push_str("\nthe answer was cut at the limit of its length; it should be shorter");
        }
        Ok(scored)
    }

    fn unscored(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, ChatResponse>> {
        // No code that can panic runs while it is held.
        self.unscored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Evaluator for PromptEvaluator {
    fn fingerprint(&self) -> String {
        let GenerationConfig { max_output_tokens, temperature, top_p } = self.generation;
        [
            format!("prompt/1 {}", self.model.name()),
            format!("max_output_tokens={max_output_tokens:?} temperature={temperature:?} top_p={top_p:?}"),
            self.renderer.fingerprint(),
            self.output.fingerprint(),
            self.scorer.fingerprint(),
        ]
        .join("\n")
    }

    fn concurrency(&self) -> usize {
        self.model.concurrency()
    }

    fn cost_limit(&self, candidate: &Candidate, case: &Case) -> Option<f64> {
        let task = self.model.cost_limit(&self.request(candidate, case, 0))?;
        Some(task + self.scorer.cost_limit(case, self.generation.max_output_tokens)?)
    }

    async fn evaluate(&self, candidate: &Candidate, case: &Case, repeat: u32) -> Result<Evaluation, Failure> {
        let key = evaluation_key("", candidate, case, repeat);
        let response = self.answer(key, self.request(candidate, case, repeat)).await?;
        let scored = self.calculate_fitness(case, &response).await?;
        self.unscored().remove(&key);
        Ok(Evaluation {
            objectives: Objectives {
                score: scored.score,
                dollars: response.dollars.unwrap_or_default() + scored.dollars,
                latency_seconds: response.latency.as_secs_f64(),
                output_length: response.text.chars().count() as u64,
                named: scored.objectives,
            },
            output: response.text,
            feedback: scored.feedback,
            input_tokens: response.usage.input_tokens + scored.usage.input_tokens,
            output_tokens: response.usage.output_tokens + scored.usage.output_tokens,
            model_calls: 1 + scored.model_calls,
        })
    }
}

#[cfg(test)]
mod tests;
