//! A model that plays a script, for tests.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::chat::{ChatModel, ChatRequest, ChatResponse, FinishReason, Usage};
use crate::error::{LlmError, LlmErrorKind};
use crate::model_name::ModelName;
use crate::price::PriceConfig;

/// Says what is answered to a request, and may fail on its own account.
type Script = dyn Fn(&ChatRequest) -> Result<String, LlmErrorKind> + Send + Sync;

/// A model whose answers, failures, delays and prices a test lays down.
///
/// It waits on tokio's time, so that a test with paused time takes none. Calls are numbered from 0 in the
/// order in which they are made.
pub struct ScriptedModel {
    name: ModelName,
    script: Box<Script>,
    concurrency: usize,
    slots: Option<Semaphore>,
    latency: Option<Latency>,
    failures: BTreeMap<u64, LlmErrorKind>,
    price: Option<PriceConfig>,
    calls: AtomicU64,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    requests: Mutex<Vec<ChatRequest>>,
}

#[derive(Debug, Clone, Copy)]
struct Latency {
    median: Duration,
    sigma: f64,
    seed: u64,
}

impl ScriptedModel {
    /// A model that answers as the closure says, at once, free of charge, for 32 calls at once.
    ///
    /// # Panics
    /// When `name` is no `provider:model`.
    pub fn new(name: &str, answer: impl Fn(&ChatRequest) -> String + Send + Sync + 'static) -> Self {
        Self::fallible(name, move |request| Ok(answer(request)))
    }

    /// A model that answers by rules: the answer beside the first text that any turn contains, or `otherwise`.
    ///
    /// # Panics
    /// When `name` is no `provider:model`.
    pub fn with_rules(name: &str, rules: Vec<(String, String)>, otherwise: &str) -> Self {
        let otherwise = otherwise.to_owned();
        Self::new(name, move |request| {
            let has = |text: &str| request.messages.iter().any(|turn| turn.content.contains(text));
            rules
                .iter()
                .find(|(text, _)| has(text))
                .map_or_else(|| otherwise.clone(), |(_, answer)| answer.clone())
        })
    }

    /// A model whose closure may also fail, by what it is asked.
    ///
    /// # Panics
    /// When `name` is no `provider:model`.
    pub fn fallible(
        name: &str,
        script: impl Fn(&ChatRequest) -> Result<String, LlmErrorKind> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.parse().expect("a test names its model `provider:model`"),
            script: Box::new(script),
            concurrency: 32,
            slots: None,
            latency: None,
            failures: BTreeMap::new(),
            price: Some(PriceConfig { input: 0.0, cached_input: None, output: 0.0 }),
            calls: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            requests: Mutex::default(),
        }
    }

    /// What [`ChatModel::concurrency`] says. More calls than that are served all the same.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls;
        self
    }

    /// Serves so many calls at once; further ones wait, in order. [`ChatModel::concurrency`] says the same.
    #[must_use]
    pub fn slots(mut self, calls: usize) -> Self {
        self.concurrency = calls;
        self.slots = Some(Semaphore::new(calls));
        self
    }

    /// Lognormal delays: half of the calls take less than `median`; `sigma` 0 makes all the same. A call's
    /// delay follows from the seed and its number alone.
    #[must_use]
    pub fn latency(mut self, median: Duration, sigma: f64, seed: u64) -> Self {
        self.latency = Some(Latency { median, sigma, seed });
        self
    }

    /// Lets the call of this number fail.
    #[must_use]
    pub fn failing(mut self, call: u64, kind: LlmErrorKind) -> Self {
        self.failures.insert(call, kind);
        self
    }

    /// The price of its tokens, a token being a word; `None` for an unknown one.
    #[must_use]
    pub fn price(mut self, price: Option<PriceConfig>) -> Self {
        self.price = price;
        self
    }

    /// Calls made so far, failed ones included.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Calls being served now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// The most calls that were ever served at once.
    pub fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::SeqCst)
    }

    /// All requests so far, in order.
    ///
    /// # Panics
    /// When a call panicked while it noted its request.
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().expect("no call panics here").clone()
    }
}

impl Latency {
    fn of(self, call: u64) -> Duration {
        // The numbers of calls are neighbours; the generator's own seeding spreads them.
        let mut random = Pcg64Mcg::seed_from_u64(self.seed ^ call.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Box and Muller's way from uniform to normal; the first number must not be zero.
        let (radius, angle) = (1.0 - random.random::<f64>(), random.random::<f64>());
        let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        self.median.mul_f64((self.sigma * normal).exp())
    }
}

/// Counts a call as in flight until it ends or is dropped.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[async_trait]
impl ChatModel for ScriptedModel {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn cost_limit(&self, request: &ChatRequest) -> Option<f64> {
        self.price.map(|price| price.limit(request))
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatResponse, LlmError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.requests.lock().expect("no call panics here").push(request.clone());
        let asked = Instant::now();
        let _slot = match &self.slots {
            Some(slots) => slots.acquire().await.ok(),
            None => None,
        };
        let limits_wait = asked.elapsed();
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        let _in_flight = InFlight(&self.in_flight);
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        let latency = self.latency.map_or(Duration::ZERO, |latency| latency.of(call));
        if !latency.is_zero() {
            sleep(latency).await;
        }
        let text = match self.failures.get(&call) {
            Some(kind) => Err(*kind),
            None => (self.script)(&request),
        }
        .map_err(|kind| LlmError::new(kind, &self.name, format!("scripted failure of call {call}")))?;
        let usage = Usage {
            input_tokens: request.messages.iter().map(|turn| words(&turn.content)).sum(),
            cached_input_tokens: 0,
            output_tokens: words(&text),
        };
        let dollars = self.price.map(|price| price.dollars(usage));
        Ok(ChatResponse {
            text,
            finish: FinishReason::Stop,
            usage,
            dollars,
            latency,
            retries: 0,
            limits_wait,
            retry_time: Duration::ZERO,
        })
    }
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedModel")
            .field("name", &self.name)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::chat::ChatMessage;

    fn ask(text: &str) -> ChatRequest {
        ChatRequest::new(vec![ChatMessage::user(text)])
    }

    #[tokio::test]
    async fn answers_by_rules_and_charges_words() {
        let rules = vec![("good".to_owned(), "positive".to_owned())];
        let price = PriceConfig { input: 1e6, cached_input: None, output: 2e6 };
        let model = ScriptedModel::with_rules("test:m", rules, "no idea").price(Some(price));
        let response = model.chat(ask("a good film")).await.unwrap();
        assert_eq!((response.text.as_str(), response.dollars), ("positive", Some(5.0)));
        assert_eq!(model.chat(ask("a film")).await.unwrap().text, "no idea");
        assert_eq!(model.requests(), [ask("a good film"), ask("a film")]);
    }

    #[tokio::test]
    async fn fails_at_the_chosen_calls() {
        let model = ScriptedModel::new("test:m", |_| String::new()).failing(1, LlmErrorKind::Server);
        model.chat(ask("x")).await.unwrap();
        let error = model.chat(ask("x")).await.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (LlmErrorKind::Server, "scripted failure of call 1")
        );
        model.chat(ask("x")).await.unwrap();
        assert_eq!(model.calls(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn serves_as_many_at_once_as_it_has_slots() {
        let second = Duration::from_secs(1);
        let model =
            Arc::new(ScriptedModel::new("test:m", |_| String::new()).slots(4).latency(second, 0.0, 0));
        let start = Instant::now();
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let model = Arc::clone(&model);
                tokio::spawn(async move { model.chat(ask("x")).await })
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!((model.most_in_flight(), model.in_flight()), (4, 0));
        assert!(start.elapsed().abs_diff(2 * second) < Duration::from_millis(10));
    }

    #[test]
    fn delays_are_lognormal_and_follow_from_the_seed() {
        let delays = |seed| {
            let latency = Latency { median: Duration::from_millis(200), sigma: 0.8, seed };
            (0..10_000).map(|call| latency.of(call).as_secs_f64()).collect::<Vec<_>>()
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
        let logs: Vec<f64> = delays(7).iter().map(|seconds| (seconds / 0.2).ln()).collect();
        let mean = logs.iter().sum::<f64>() / 1e4;
        let sigma = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 1e4).sqrt();
        assert!(mean.abs() < 0.03 && (sigma - 0.8).abs() < 0.03, "mean {mean}, sigma {sigma}");
    }
}
