//! A model of a provider: limits, retries and prices round each call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evohub_monitoring::metrics::ModelMetrics;
use tokio::time::{Instant, sleep, timeout};

use super::answer::{Answer, Said, ask};
use super::backoff::backoff;
use super::embedding::embed;
use super::failure::Failure;
use super::provider::Provider;
use super::sampling::Sampling;
use crate::chat::{ChatModel, ChatRequest, ChatResponse, FinishReason, Usage};
use crate::embedding::{EmbeddingModel, EmbeddingResponse};
use crate::error::{LlmError, LlmErrorKind};
use crate::limits::breaker::{Admission, Open};
use crate::limits::rate::Amount;
use crate::model_name::ModelName;
use crate::price::{PriceConfig, estimated_input_tokens, estimated_tokens};
use crate::provider_kind::ProviderKind;

/// A model that is called over HTTP.
#[derive(Debug)]
pub(crate) struct RemoteModel {
    name: ModelName,
    provider: Arc<Provider>,
    price: Option<PriceConfig>,
    sampling: Sampling,
    /// `None` where nobody counts.
    metrics: Option<ModelMetrics>,
}

/// Output tokens that a request without a limit is taken to use, for the tokens per minute only; corrected
/// as soon as the answer is there.
const EXPECTED_OUTPUT_TOKENS: u32 = 256;

/// Longest part of a failure that the next message repeats.
const REPEATED: usize = 200;

impl RemoteModel {
    pub(crate) fn new(
        name: ModelName,
        provider: Arc<Provider>,
        metrics: Option<ModelMetrics>,
        price: impl FnOnce(Option<ProviderKind>) -> Option<PriceConfig>,
    ) -> Self {
        let price = price(provider.listed);
        if price.is_none() && provider.config.dollars_per_hour.is_some() {
            tracing::warn!(
                model = %name,
                "`dollars_per_hour` does not hold this model back: its price is not known; give it under [prices]",
            );
        }
        let sampling = Sampling::of(provider.config.kind, name.model());
        Self { name, provider, price, sampling, metrics }
    }

    /// Attempts until one succeeds or none is left, with the number of those that failed before.
    async fn attempts(&self, asked: Asked<'_>, admission: &Admission<'_>) -> Result<Answered, GivenUp> {
        let config = &self.provider.config;
        let base = Duration::from_millis(config.retry_base_ms);
        let max_retries = if admission.is_probe() { 0 } else { config.max_retries };
        let mut retries = 0;
        let mut spent = Spent::default();
        loop {
            let failure = match self.attempt(asked, &mut spent).await {
                Ok((answer, latency)) => return Ok(Answered { answer, latency, retries, spent }),
                Err(failure) => failure,
            };
            if !failure.is_worth_a_retry() || retries >= max_retries {
                return Err(GivenUp { failure, retries });
            }
            if let Some(asked) = failure.retry_after.filter(|asked| *asked > config.retry_max()) {
                return Err(GivenUp { failure: too_long(failure, asked, config.retry_max()), retries });
            }
            if failure.is_overload
                && let Some(asked) = failure.retry_after
            {
                // The others would be refused as well.
                self.provider.allowance.pause(asked);
            }
            if let Some(open) = self.provider.breaker.is_open() {
                return Err(GivenUp { failure: self.circuit_open(&open), retries });
            }
            let wait = backoff(base, config.retry_max(), retries, failure.retry_after);
            retries += 1;
            if let Some(metrics) = &self.metrics {
                metrics.retried(failure.kind.as_str());
            }
            tracing::debug!(
                model = %self.name, kind = %failure.kind, retry = retries, wait_ms = wait.as_millis() as u64,
                "trying again: {}", failure.message,
            );
            let paused = Instant::now();
            sleep(wait).await;
            match failure.retry_after {
                Some(_) => spent.limits_wait += paused.elapsed(),
                None => spent.retry_time += paused.elapsed(),
            }
        }
    }

    /// One attempt, with the waits for its place before it. A refusal of a parameter that can be left out
    /// costs no retry.
    async fn attempt(&self, asked: Asked<'_>, spent: &mut Spent) -> Result<(Answer, Duration), Failure> {
        let provider = &*self.provider;
        let expected = self.expected(asked);
        loop {
            let waiting = Instant::now();
            let permit = provider.concurrency.acquire().await;
            let mut place = provider.allowance.reserve(expected).await;
            place.used();
            spent.limits_wait += waiting.elapsed();
            let started = Instant::now();
            let (limit, model) = (provider.config.timeout(), self.name.model());
            let (fitted, outcome) = match asked {
                Asked::Chat(request) => {
                    let fitted = self.sampling.fit(request);
                    let outcome = timeout(limit, ask(provider, model, request, &fitted)).await;
                    (Some((fitted, request)), outcome)
                }
                Asked::Texts(texts) => (None, timeout(limit, embed(provider, model, texts)).await),
            };
            let outcome = outcome.unwrap_or_else(|_| Err(Failure::timeout(provider)));
            match outcome {
                Ok(answer) => {
                    permit.succeeded();
                    place.settle(answer.usage.map_or(expected, |usage| self.taken(usage)));
                    return Ok((answer, started.elapsed()));
                }
                Err(failure) => {
                    spent.retry_time += started.elapsed();
                    if failure.is_overload {
                        permit.overloaded();
                    }
                    if !failure.may_cost {
                        place.settle(Amount { dollars: 0.0, ..expected });
                    }
                    let learnt = fitted.and_then(|(fitted, request)| {
                        let has_limit = request.max_output_tokens.is_some();
                        self.sampling.learn(&fitted, has_limit, &failure.refusal)
                    });
                    let Some(parameter) = learnt else { return Err(failure) };
                    tracing::warn!(model = %self.name, parameter, "the model refuses a parameter; sending without it");
                }
            }
        }
    }

    fn taken(&self, usage: Usage) -> Amount {
        Amount {
            tokens: usage.input_tokens + usage.output_tokens,
            dollars: self.price.map_or(0.0, |price| price.dollars(usage)),
        }
    }

    /// What a call is taken to use before it is known.
    fn expected(&self, asked: Asked<'_>) -> Amount {
        let (tokens, dollars) = match asked {
            Asked::Chat(request) => {
                let output = request.max_output_tokens.unwrap_or(EXPECTED_OUTPUT_TOKENS);
                (estimated_input_tokens(request) + u64::from(output), ChatModel::cost_limit(self, request))
            }
            Asked::Texts(texts) => (tokens_of(texts), EmbeddingModel::cost_limit(self, texts)),
        };
        Amount { tokens, dollars: dollars.unwrap_or(0.0) }
    }

    /// Sees a call through, within what the provider's breaker allows.
    async fn call(&self, asked: Asked<'_>) -> Result<Answered, LlmError> {
        let admission = match self.provider.breaker.admit() {
            Ok(admission) => admission,
            Err(open) => return Err(self.error(GivenUp { failure: self.circuit_open(&open), retries: 0 })),
        };
        match self.attempts(asked, &admission).await {
            Ok(answered) => {
                admission.answered();
                Ok(answered)
            }
            Err(given_up) => {
                if given_up.failure.is_outage() {
                    admission.failed(&given_up.failure.message);
                } else {
                    admission.answered();
                }
                Err(self.error(given_up))
            }
        }
    }

    fn dollars(&self, answer: &Answer) -> Option<f64> {
        self.price.zip(answer.usage).map(|(price, usage)| price.dollars(usage))
    }

    fn circuit_open(&self, open: &Open) -> Failure {
        let when = match open.wait.as_secs_f64().ceil() {
            seconds if seconds > 0.0 => format!("it is tried again in {seconds} s"),
            _ => "one call is trying it now".to_owned(),
        };
        let last: String = open.last_failure.chars().take(REPEATED).collect();
        let message = format!(
            "{} calls to this provider failed in a row, so none is made for now; {when}; the last one: {last}",
            open.failures
        );
        Failure { retry_after: Some(open.wait), ..Failure::new(LlmErrorKind::CircuitOpen, message) }
    }

    fn error(&self, given_up: GivenUp) -> LlmError {
        let GivenUp { failure, retries } = given_up;
        let message = match retries {
            0 => failure.message,
            1 => format!("{} (tried 2 times)", failure.message),
            _ => format!("{} (tried {} times)", failure.message, retries + 1),
        };
        let retry_after = failure.retry_after.filter(|wait| !wait.is_zero());
        LlmError { retry_after, ..LlmError::new(failure.kind, &self.name, message) }
    }
}

/// What a provider is asked.
#[derive(Debug, Clone, Copy)]
enum Asked<'a> {
    Chat(&'a ChatRequest),
    Texts(&'a [String]),
}

/// An answer, and what it took.
struct Answered {
    answer: Answer,
    latency: Duration,
    retries: u32,
    spent: Spent,
}

/// About how many tokens texts have; rather too many than too few.
fn tokens_of(texts: &[String]) -> u64 {
    texts.iter().map(|text| estimated_tokens(text)).sum()
}

/// Time that went by beside the attempt that succeeds, as in [`ChatResponse`].
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    limits_wait: Duration,
    retry_time: Duration,
}

/// The last failure of a call.
struct GivenUp {
    failure: Failure,
    retries: u32,
}

fn too_long(failure: Failure, asked: Duration, longest: Duration) -> Failure {
    let message = format!(
        "{}; it asks to wait {} s, and `retry_max_seconds` allows {} s",
        failure.message,
        asked.as_secs_f64(),
        longest.as_secs_f64()
    );
    Failure { message, ..failure }
}

#[async_trait]
impl ChatModel for RemoteModel {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn concurrency(&self) -> usize {
        self.provider.concurrency.limit()
    }

    fn cost_limit(&self, request: &ChatRequest) -> Option<f64> {
        self.price.map(|price| price.limit(request))
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse, LlmError> {
        if request.messages.is_empty() {
            let message = "a request without any turn; give it at least a user turn";
            return Err(LlmError::new(LlmErrorKind::InvalidRequest, &self.name, message));
        }
        let answered = self.call(Asked::Chat(&request)).await?;
        let dollars = self.dollars(&answered.answer);
        let Answered { answer, latency, retries, spent: Spent { limits_wait, retry_time } } = answered;
        let (text, finish) = match answer.said {
            Said::Text(text, finish) => (text, finish),
            Said::Vectors(_) => (String::new(), FinishReason::Other),
        };
        let usage = answer.usage.unwrap_or_default();
        Ok(ChatResponse { text, finish, usage, dollars, latency, retries, limits_wait, retry_time })
    }
}

#[async_trait]
impl EmbeddingModel for RemoteModel {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn concurrency(&self) -> usize {
        self.provider.concurrency.limit()
    }

    fn cost_limit(&self, texts: &[String]) -> Option<f64> {
        let usage = Usage { input_tokens: tokens_of(texts), ..Usage::default() };
        self.price.map(|price| price.dollars(usage))
    }

    async fn embed(&self, texts: Vec<String>) -> Result<EmbeddingResponse, LlmError> {
        if texts.is_empty() {
            let message = "a request without any text; give it at least one";
            return Err(LlmError::new(LlmErrorKind::InvalidRequest, &self.name, message));
        }
        let answered = self.call(Asked::Texts(&texts)).await?;
        let dollars = self.dollars(&answered.answer);
        let Answered { answer, latency, retries, spent: Spent { limits_wait, retry_time } } = answered;
        let vectors = match answer.said {
            Said::Vectors(vectors) => vectors,
            Said::Text(..) => vec![],
        };
        let usage = answer.usage.unwrap_or_default();
        Ok(EmbeddingResponse { vectors, usage, dollars, latency, retries, limits_wait, retry_time })
    }
}
