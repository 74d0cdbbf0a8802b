//! One rate of calls to a provider for all nodes together, kept in a shared Redis.

use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};

use crate::tier::{Tier, TierState};

/// How long to wait for an answer.
const ANSWER: Duration = Duration::from_millis(250);

/// Of the keys in Redis. The number changes with the meaning of what stands there.
const PREFIX: &str = "evohub:1:quota:";

/// What all nodes together may ask of a provider; `None` for no limit. They should agree on it: the limits that were
/// named last count for all.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct QuotaLimits {
    /// Calls per minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute, of requests and answers together.
    pub tokens_per_minute: Option<u32>,
    /// US dollars per hour.
    pub dollars_per_hour: Option<f64>,
}

/// The shared quota cannot be asked now: each node keeps to its own share until it can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the shared quota of {provider} in {address} cannot be asked ({why}): keep to a share of the limits meanwhile"
)]
pub struct QuotaAway {
    /// The provider that it is for.
    pub provider: String,
    /// Where it should be, with no secret in it.
    pub address: String,
    /// What was the matter.
    pub why: String,
}

/// Spreads requests, tokens and dollars of all nodes evenly over time, by the clock of Redis.
///
/// One second's worth may go at once, so a minute never sees more than 61 seconds' worth. Tokens and dollars are
/// estimated before a call and corrected after it; a call that is dearer than the second's worth goes out and delays
/// those after it.
#[derive(Debug)]
pub struct Quota {
    tier: Arc<Tier>,
    reserve: Script,
    settle: Script,
}

impl Quota {
    /// The quotas in a shared Redis. Connects to nothing yet.
    pub fn new(tier: Arc<Tier>) -> Self {
        Self {
            tier,
            reserve: Script::new(include_str!("quota/reserve.lua")),
            settle: Script::new(include_str!("quota/settle.lua")),
        }
    }

    /// Whether it can be asked.
    pub fn tier_state(&self) -> TierState {
        self.tier.state()
    }

    /// Takes a place for a call of about so many tokens and dollars, and says how long to wait before it is sent; zero:
    /// it may go at once. Places are given in the order of asking.
    ///
    /// # Errors
    /// When Redis does not answer within a quarter of a second, or did not a moment ago.
    pub async fn reserve(
        &self,
        provider: &str,
        limits: QuotaLimits,
        tokens: u64,
        dollars: f64,
    ) -> Result<Duration, QuotaAway> {
        let mut question = self.reserve.prepare_invoke();
        question
            .key(key(provider))
            .arg(microseconds(60.0, limits.requests_per_minute.map(|limit| f64::from(limit.max(1)))))
            .arg(microseconds(60.0, limits.tokens_per_minute.map(|limit| f64::from(limit.max(1)))))
            .arg(microseconds(3600.0, limits.dollars_per_hour))
            .arg(tokens)
            .arg(finite(dollars).max(0.0));
        let wait: u64 = self.ask(provider, &question).await?;
        Ok(Duration::from_micros(wait))
    }

    /// Corrects the estimate of a call: `tokens` and `dollars` are what it really took, less what was reserved.
    ///
    /// # Errors
    /// As [`Quota::reserve`]; the estimate stands then.
    pub async fn settle(&self, provider: &str, tokens: i64, dollars: f64) -> Result<(), QuotaAway> {
        self.correct(provider, 0, tokens, dollars).await
    }

    /// Gives the place of a call back that was never sent, with the tokens and dollars that were reserved for it.
    ///
    /// # Errors
    /// As [`Quota::reserve`]; the place is lost then.
    pub async fn give_back(&self, provider: &str, tokens: u64, dollars: f64) -> Result<(), QuotaAway> {
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        self.correct(provider, -1, -tokens, -dollars).await
    }

    async fn correct(
        &self,
        provider: &str,
        requests: i64,
        tokens: i64,
        dollars: f64,
    ) -> Result<(), QuotaAway> {
        let mut question = self.settle.prepare_invoke();
        question.key(key(provider)).arg(requests).arg(tokens).arg(finite(dollars));
        self.ask(provider, &question).await
    }

    async fn ask<T: redis::FromRedisValue>(
        &self,
        provider: &str,
        question: &ScriptInvocation<'_>,
    ) -> Result<T, QuotaAway> {
        let answer = match self.tier.attempt() {
            Some(mut attempt) => {
                let generation = attempt.generation();
                let answer = question.invoke_async(&mut attempt.connection);
                self.tier.answer(generation, ANSWER, answer).await
            }
            None => Err(self.tier.why_away()),
        };
        answer.map_err(|why| QuotaAway {
            provider: provider.to_owned(),
            address: self.tier.address().to_owned(),
            why,
        })
    }
}

fn key(provider: &str) -> String {
    format!("{PREFIX}{provider}")
}

/// Time that one unit takes up, when so many of them may go in so many seconds; zero without a limit.
fn microseconds(seconds: f64, limit: Option<f64>) -> f64 {
    // A limit of nothing still lets something go in the end, as that of one node does.
    limit.map_or(0.0, |limit| seconds * 1e6 / finite(limit).max(1e-3))
}

/// Redis would take words for numbers that are none.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}
