//! The quota of the cluster, as the models of a job ask for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evohub_llm::{ProviderLimits, SharedQuota, SharedQuotaAway};
use evohub_store::{Quota, QuotaAway, QuotaLimits};

/// The quota that the store keeps for all nodes.
pub(crate) struct StoredQuota(pub(crate) Arc<Quota>);

#[async_trait]
impl SharedQuota for StoredQuota {
    async fn reserve(
        &self,
        provider: &str,
        limits: ProviderLimits,
        tokens: u64,
        dollars: f64,
    ) -> Result<Duration, SharedQuotaAway> {
        let limits = QuotaLimits {
            requests_per_minute: limits.requests_per_minute,
            tokens_per_minute: limits.tokens_per_minute,
            dollars_per_hour: limits.dollars_per_hour,
        };
        self.0.reserve(provider, limits, tokens, dollars).await.map_err(away)
    }

    async fn settle(&self, provider: &str, tokens: i64, dollars: f64) -> Result<(), SharedQuotaAway> {
        self.0.settle(provider, tokens, dollars).await.map_err(away)
    }

    async fn give_back(&self, provider: &str, tokens: u64, dollars: f64) -> Result<(), SharedQuotaAway> {
        self.0.give_back(provider, tokens, dollars).await.map_err(away)
    }
}

/// Where it is and what was the matter; the provider and the consequences are said by whoever asked.
fn away(away: QuotaAway) -> SharedQuotaAway {
    SharedQuotaAway { why: format!("{}: {}", away.address, away.why) }
}

#[cfg(test)]
mod tests {
    use evohub_store::Tier;

    use super::*;

    #[tokio::test]
    async fn one_that_is_away_is_told_with_its_place_and_without_its_password() {
        let tier = Arc::new(Tier::new("redis://ann:hunter2@127.0.0.1:1/").unwrap());
        let quota = StoredQuota(Arc::new(Quota::new(tier)));
        let limits = ProviderLimits { requests_per_minute: Some(60), ..ProviderLimits::default() };
        let told = [
            quota.reserve("lab", limits, 1, 0.1).await.unwrap_err(),
            quota.settle("lab", 1, 0.1).await.unwrap_err(),
            quota.give_back("lab", 1, 0.1).await.unwrap_err(),
        ];
        for away in told {
            let text = away.to_string();
            assert!(
                text.starts_with("redis://ann:***@127.0.0.1:1/: ") && !text.contains("hunter2"),
                "{text}"
            );
        }
    }
}
