//! A model of a provider: limits, retries and prices round each call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evohub_monitoring::metrics::ModelMetrics;
use tokio::time::{Instant, sleep, timeout};

use super::answer::{Answer, ask};
use super::backoff::backoff;
use super::failure::Failure;
use super::provider::Provider;
use super::sampling::Sampling;
use crate::chat::{ChatModel, ChatRequest, ChatResponse, Usage};
use crate::error::{LlmError, LlmErrorKind};
use crate::limits::breaker::{Admission, Open};
use crate::limits::rate::Amount;
use crate::model_name::ModelName;
use crate::price::{PriceConfig, estimated_input_tokens};
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
    async fn attempts(
        &self,
        request: &ChatRequest,
        admission: &Admission<'_>,
    ) -> Result<ChatResponse, GivenUp> {
        let config = &self.provider.config;
        let base = Duration::from_millis(config.retry_base_ms);
        let max_retries = if admission.is_probe() { 0 } else { config.max_retries };
        let mut retries = 0;
        let mut spent = Spent::default();
        loop {
            let failure = match self.attempt(request, &mut spent).await {
                Ok((answer, latency)) => return Ok(self.response(answer, latency, retries, spent)),
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
    async fn attempt(&self, request: &ChatRequest, spent: &mut Spent) -> Result<(Answer, Duration), Failure> {
        let provider = &*self.provider;
        let input = estimated_input_tokens(request);
        let expected = Amount {
            tokens: input + u64::from(request.max_output_tokens.unwrap_or(EXPECTED_OUTPUT_TOKENS)),
            dollars: self.cost_limit(request).unwrap_or(0.0),
        };
        loop {
            let asked = Instant::now();
            let permit = provider.concurrency.acquire().await;
            let mut place = provider.allowance.reserve(expected).await;
            place.used();
            spent.limits_wait += asked.elapsed();
            let fitted = self.sampling.fit(request);
            let started = Instant::now();
            let outcome =
                timeout(provider.config.timeout(), ask(provider, self.name.model(), request, &fitted))
                    .await
                    .unwrap_or_else(|_| Err(Failure::timeout(provider)));
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
                    let has_limit = request.max_output_tokens.is_some();
                    let Some(parameter) = self.sampling.learn(&fitted, has_limit, &failure.refusal) else {
                        return Err(failure);
                    };
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

    fn response(&self, answer: Answer, latency: Duration, retries: u32, spent: Spent) -> ChatResponse {
        let dollars = self.price.zip(answer.usage).map(|(price, usage)| price.dollars(usage));
        let usage = answer.usage.unwrap_or_default();
        ChatResponse {
            text: answer.text,
            finish: answer.finish,
            usage,
            dollars,
            latency,
            retries,
            limits_wait: spent.limits_wait,
            retry_time: spent.retry_time,
        }
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
        let admission = match self.provider.breaker.admit() {
            Ok(admission) => admission,
            Err(open) => return Err(self.error(GivenUp { failure: self.circuit_open(&open), retries: 0 })),
        };
        match self.attempts(&request, &admission).await {
            Ok(response) => {
                admission.answered();
                Ok(response)
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
}
