//! Calls under a quota that all nodes share.

use std::sync::Mutex;

use async_trait::async_trait;
use evohub_llm::{ProviderLimits, SharedQuota, SharedQuotaAway};

use super::*;

/// Gives places with a wait, and notes what it is told.
#[derive(Default)]
struct Noting {
    wait: Duration,
    reserved: Mutex<Vec<(String, ProviderLimits, u64, f64)>>,
    settled: Mutex<Vec<(i64, f64)>>,
    /// Rings when something is settled or given back.
    told: tokio::sync::Notify,
}

impl Noting {
    async fn next_settled(&self) -> (i64, f64) {
        tokio::time::timeout(Duration::from_secs(10), self.told.notified()).await.unwrap();
        self.settled.lock().unwrap().remove(0)
    }
}

#[async_trait]
impl SharedQuota for Noting {
    async fn reserve(
        &self,
        provider: &str,
        limits: ProviderLimits,
        tokens: u64,
        dollars: f64,
    ) -> Result<Duration, SharedQuotaAway> {
        self.reserved.lock().unwrap().push((provider.to_owned(), limits, tokens, dollars));
        Ok(self.wait)
    }

    async fn settle(&self, provider: &str, tokens: i64, dollars: f64) -> Result<(), SharedQuotaAway> {
        assert_eq!(provider, "lab");
        self.settled.lock().unwrap().push((tokens, dollars));
        self.told.notify_one();
        Ok(())
    }

    async fn give_back(&self, _: &str, _: u64, _: f64) -> Result<(), SharedQuotaAway> {
        panic!("every place of these tests is used");
    }
}

fn limited(server: &Server) -> ProviderConfig {
    ProviderConfig {
        requests_per_minute: Some(1),
        tokens_per_minute: Some(1_000),
        dollars_per_hour: Some(0.5),
        ..config(ProviderKind::OpenAi, server)
    }
}

fn shared(config: ProviderConfig, quota: &Arc<Noting>, model: &str) -> Arc<dyn ChatModel> {
    let quota = Arc::clone(quota) as Arc<dyn SharedQuota>;
    registry(config)
        .with_quota(quota, Arc::new(|| 0.5))
        .open(&format!("lab:{model}").parse().unwrap())
        .unwrap()
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
}

#[tokio::test]
async fn a_call_reserves_its_bound_and_settles_what_it_cost() {
    let server = Server::start([], Reply::openai("hi")).await;
    let quota = Arc::new(Noting { wait: Duration::from_millis(30), ..Noting::default() });
    let model = shared(limited(&server), &quota, "priced");
    let request = ChatRequest { max_output_tokens: Some(50), ..hello() };
    let bound = model.cost_limit(&request).unwrap();
    // Far beyond what one node by itself might send in this time.
    for _ in 0..3 {
        let response = model.chat(request.clone()).await.unwrap();
        assert!(response.limits_wait >= Duration::from_millis(30), "{response:?}");
        let (provider, limits, tokens, reserved) = quota.reserved.lock().unwrap().pop().unwrap();
        assert_eq!(provider, "lab");
        assert_eq!((limits.requests_per_minute, limits.tokens_per_minute), (Some(1), Some(1_000)));
        assert_eq!(limits.dollars_per_hour, Some(0.5));
        assert_eq!((tokens, reserved), (60, bound));
        let (tokens, dollars) = quota.next_settled().await;
        assert_eq!(tokens, 1_100 - 60);
        near(dollars, response.dollars.unwrap() - bound);
    }
}

#[tokio::test]
async fn an_attempt_that_the_provider_refused_cost_no_dollars() {
    let script = [Reply::error(429, "slow down", "x"), Reply::error(500, "oops", "x")];
    let server = Server::start(script, Reply::openai("hi")).await;
    let quota = Arc::new(Noting::default());
    let model = shared(limited(&server), &quota, "priced");
    let bound = model.cost_limit(&hello()).unwrap();
    let response = model.chat(hello()).await.unwrap();
    assert_eq!(quota.reserved.lock().unwrap().len(), 3);
    let mut settled = 0;
    while settled < 3 {
        tokio::time::timeout(Duration::from_secs(10), quota.told.notified()).await.unwrap();
        settled = quota.settled.lock().unwrap().len();
    }
    let told = quota.settled.lock().unwrap().clone();
    assert_eq!(told[..2], [(0, -bound), (0, -bound)]);
    near(told[2].1, response.dollars.unwrap() - bound);
}

#[tokio::test]
async fn a_call_that_may_have_been_served_keeps_its_bound() {
    let server = Server::start([], Reply::CutBody).await;
    let quota = Arc::new(Noting::default());
    let config = ProviderConfig { max_retries: 1, ..limited(&server) };
    shared(config, &quota, "priced").chat(hello()).await.unwrap_err();
    // What is settled would have been told by a task that runs before this one goes on.
    tokio::task::yield_now().await;
    assert_eq!(quota.reserved.lock().unwrap().len(), 2);
    assert_eq!(*quota.settled.lock().unwrap(), []);
}

#[tokio::test]
async fn a_model_without_a_price_reserves_no_dollars() {
    let server = Server::start([], Reply::openai("hi")).await;
    let quota = Arc::new(Noting::default());
    shared(limited(&server), &quota, "m").chat(hello()).await.unwrap();
    assert_eq!(quota.reserved.lock().unwrap()[0].3, 0.0);
    near(quota.next_settled().await.1, 0.0);
}

#[tokio::test]
async fn dollars_per_hour_hold_without_a_shared_quota_too() {
    let server = Server::start([], Reply::openai("hi")).await;
    // A call costs 0.0024 dollars, which is 86 ms of a limit of 100 an hour.
    let config = ProviderConfig { dollars_per_hour: Some(100.0), ..config(ProviderKind::OpenAi, &server) };
    let model = open(config, "priced");
    let (start, calls) = (Instant::now(), 16);
    let cost = model.chat(hello()).await.unwrap().dollars.unwrap();
    for _ in 0..calls {
        model.chat(hello()).await.unwrap();
    }
    // What the calls before the last one took up, less the second that is free.
    let least = 3_600.0 * cost * f64::from(calls) / 100.0 - 1.0;
    assert!(least > 0.2, "{cost}");
    assert!(start.elapsed().as_secs_f64() >= least, "{:?}", start.elapsed());
}
