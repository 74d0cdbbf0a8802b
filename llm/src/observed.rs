//! Watches the calls of a model: counts them, and puts a span round each.

mod span;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evohub_monitoring::metrics::{CallInFlight, ModelMetrics, OverheadCause};
use tokio::time::Instant;

pub(crate) use span::Server;
use span::{CallSpan, Called};

use crate::chat::{ChatModel, ChatRequest, ChatResponse, FinishReason, Usage};
use crate::embedding::{EmbeddingModel, EmbeddingResponse};
use crate::error::LlmError;
use crate::model_name::ModelName;

/// The outcome of a call that nobody waited for to its end.
const CANCELLED: &str = "cancelled";
/// The outcome of a call in which the model panicked.
const PANICKED: &str = "panicked";

/// A model whose calls are seen, and otherwise the model itself.
pub(crate) struct Observed<M: ?Sized> {
    model: Arc<M>,
    called: Called,
    /// `None` where nobody counts.
    metrics: Option<ModelMetrics>,
}

impl Observed<dyn ChatModel> {
    /// Watches a model that chats. `server` is where its calls go, if they leave the process.
    pub(crate) fn chat(
        model: Arc<dyn ChatModel>,
        server: Option<Server>,
        metrics: Option<ModelMetrics>,
    ) -> Self {
        Self { called: Called::new("chat", model.name(), server), model, metrics }
    }
}

impl Observed<dyn EmbeddingModel> {
    /// Watches a model that embeds; otherwise as [`Observed::chat`].
    pub(crate) fn embeddings(
        model: Arc<dyn EmbeddingModel>,
        server: Option<Server>,
        metrics: Option<ModelMetrics>,
    ) -> Self {
        Self { called: Called::new("embeddings", model.name(), server), model, metrics }
    }
}

#[async_trait]
impl EmbeddingModel for Observed<dyn EmbeddingModel> {
    fn name(&self) -> &ModelName {
        self.model.name()
    }

    fn concurrency(&self) -> usize {
        self.model.concurrency()
    }

    fn cost_limit(&self, texts: &[String]) -> Option<f64> {
        self.model.cost_limit(texts)
    }

    async fn embed(&self, texts: Vec<String>) -> Result<EmbeddingResponse, LlmError> {
        let call = Call::begin(self.metrics.as_ref(), self.called.span(None));
        let outcome = self.model.embed(texts).await;
        call.ended(&outcome.as_ref().map(Took::from));
        outcome
    }
}

/// What an answered call took.
struct Took {
    finish: Option<FinishReason>,
    usage: Usage,
    dollars: Option<f64>,
    latency: Duration,
    limits_wait: Duration,
    retry_time: Duration,
}

impl From<&ChatResponse> for Took {
    fn from(response: &ChatResponse) -> Self {
        let ChatResponse { finish, usage, dollars, latency, limits_wait, retry_time, .. } = *response;
        Self { finish: Some(finish), usage, dollars, latency, limits_wait, retry_time }
    }
}

impl From<&EmbeddingResponse> for Took {
    fn from(response: &EmbeddingResponse) -> Self {
        let EmbeddingResponse { usage, dollars, latency, limits_wait, retry_time, .. } = *response;
        Self { finish: None, usage, dollars, latency, limits_wait, retry_time }
    }
}

#[async_trait]
impl ChatModel for Observed<dyn ChatModel> {
    fn name(&self) -> &ModelName {
        self.model.name()
    }

    fn concurrency(&self) -> usize {
        self.model.concurrency()
    }

    fn cost_limit(&self, request: &ChatRequest) -> Option<f64> {
        self.model.cost_limit(request)
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse, LlmError> {
        // The call is not done inside its span: entering it at each step of the call costs more than the span itself,
        // and nothing below it has spans of its own.
        let call = Call::begin(self.metrics.as_ref(), self.called.span(Some(&request)));
        let outcome = self.model.chat(request).await;
        call.ended(&outcome.as_ref().map(Took::from));
        outcome
    }
}

/// A call under way. Dropped before it ended, it was cancelled.
struct Call<'a> {
    metrics: Option<&'a ModelMetrics>,
    span: CallSpan,
    start: Instant,
    has_ended: bool,
    _in_flight: Option<CallInFlight>,
}

impl<'a> Call<'a> {
    fn begin(metrics: Option<&'a ModelMetrics>, span: CallSpan) -> Self {
        let in_flight = metrics.map(ModelMetrics::begin);
        Self { metrics, span, start: Instant::now(), has_ended: false, _in_flight: in_flight }
    }

    fn ended(mut self, outcome: &Result<Took, &LlmError>) {
        self.has_ended = true;
        let total = self.start.elapsed();
        match outcome {
            Ok(took) => self.span.answered(took.finish, took.usage),
            Err(error) => self.span.failed(error),
        }
        let Some(metrics) = self.metrics else { return };
        match outcome {
            Ok(took) => count_answer(metrics, took, total),
            Err(error) => metrics.called(error.kind.as_str()),
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let outcome = if std::thread::panicking() { PANICKED } else { CANCELLED };
        self.span.broke_off(outcome);
        if let Some(metrics) = self.metrics {
            metrics.called(outcome);
        }
    }
}

fn count_answer(metrics: &ModelMetrics, took: &Took, total: Duration) {
    let Took { usage, dollars, latency, limits_wait, retry_time, .. } = took;
    metrics.called("success");
    metrics.used(
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.output_tokens,
        dollars.unwrap_or_default(),
        *latency,
    );
    metrics.overhead(OverheadCause::Limits, *limits_wait);
    metrics.overhead(OverheadCause::Retries, *retry_time);
    let accounted = *latency + *limits_wait + *retry_time;
    metrics.overhead(OverheadCause::Work, total.saturating_sub(accounted));
}

#[cfg(all(test, feature = "testing"))]
mod tests;
