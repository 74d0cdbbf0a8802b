//! A quota of calls that all nodes keep to together.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

/// What a provider may be asked for; `None` for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProviderLimits {
    /// Calls per minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute, of requests and answers together.
    pub tokens_per_minute: Option<u32>,
    /// US dollars per hour.
    pub dollars_per_hour: Option<f64>,
}

/// The shared quota cannot be asked now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SharedQuotaAway {
    /// What was the matter, with no secret in it.
    pub why: String,
}

/// One rate of calls to each provider for all nodes together.
///
/// It is asked before every call to a provider that has limits, and not waited for longer than 250 ms: while it is
/// away, each node keeps to its own share of the limits. An answer that comes within two seconds is not lost then: its
/// place is given back.
#[async_trait]
pub trait SharedQuota: Send + Sync {
    /// Takes a place for a call of about so many tokens and US dollars, and says how long to wait before it is sent.
    /// What has no limit is given as zero.
    ///
    /// # Errors
    /// When it cannot be asked now.
    async fn reserve(
        &self,
        provider: &str,
        limits: ProviderLimits,
        tokens: u64,
        dollars: f64,
    ) -> Result<Duration, SharedQuotaAway>;

    /// Corrects the estimate of a call: `tokens` and `dollars` are what it really took, less what was reserved.
    ///
    /// # Errors
    /// When it cannot be asked now; the estimate stands then.
    async fn settle(&self, provider: &str, tokens: i64, dollars: f64) -> Result<(), SharedQuotaAway>;

    /// Gives the place of a call back that was never sent, with the tokens and dollars that were reserved for it.
    ///
    /// # Errors
    /// When it cannot be asked now; the place is lost then.
    async fn give_back(&self, provider: &str, tokens: u64, dollars: f64) -> Result<(), SharedQuotaAway>;
}

/// A node's part of a cluster: the quota of all, and which share of it is the node's own.
#[derive(Clone)]
pub(crate) struct Membership {
    pub(crate) quota: Arc<dyn SharedQuota>,
    pub(crate) share: Arc<dyn Fn() -> f64 + Send + Sync>,
}
