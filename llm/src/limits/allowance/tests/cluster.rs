//! Nodes that call one provider, in simulated time.

use std::sync::Mutex;

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::limits::shared::SharedQuotaAway;

/// One rate for all that counts each call from its start. Away between two instants.
struct Memory {
    paid: Mutex<[Instant; 2]>,
    outage: (Instant, Instant),
}

#[async_trait]
impl SharedQuota for Memory {
    async fn reserve(
        &self,
        _: &str,
        limits: ProviderLimits,
        tokens: u64,
        _: f64,
    ) -> Result<Duration, SharedQuotaAway> {
        let now = Instant::now();
        if self.outage.0 <= now && now < self.outage.1 {
            return Err(SharedQuotaAway { why: "an outage".to_owned() });
        }
        let seconds = |limit: Option<u32>, units: f64| {
            limit.map_or(Duration::ZERO, |limit| Duration::from_secs_f64(60.0 * units / f64::from(limit)))
        };
        let took =
            [seconds(limits.requests_per_minute, 1.0), seconds(limits.tokens_per_minute, tokens as f64)];
        let mut paid = self.paid.lock().unwrap();
        let start = paid.iter().fold(now, |start, paid| start.max(*paid - Duration::from_secs(1)));
        for (paid, took) in paid.iter_mut().zip(took) {
            *paid = (*paid).max(start) + took;
        }
        Ok(start - now)
    }

    async fn settle(&self, _: &str, _: i64, _: f64) -> Result<(), SharedQuotaAway> {
        Ok(())
    }

    async fn give_back(&self, _: &str, _: u64, _: f64) -> Result<(), SharedQuotaAway> {
        Ok(())
    }
}

/// Calls at once on one node.
const CALLERS: usize = 4;

/// When calls of so many tokens went out over some minutes, from all nodes. `gaps` in milliseconds and `tokens` are taken
/// in turn; an outage is in seconds from the beginning.
fn simulate(
    limits: ProviderLimits,
    nodes: usize,
    gaps: Vec<u64>,
    tokens: Vec<u64>,
    outage: (u64, u64),
) -> Vec<(Instant, u64)> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // As after a long time: an instant may not lie before the first one.
        tokio::time::advance(Duration::from_secs(10)).await;
        let start = Instant::now();
        let outage = (start + Duration::from_secs(outage.0), start + Duration::from_secs(outage.1));
        let quota = Arc::new(Memory { paid: Mutex::new([start; 2]), outage });
        let sent = Arc::new(Mutex::new(Vec::new()));
        for node in 0..nodes {
            let allowance = Arc::new(member(limits, &quota, move || 1.0 / nodes as f64));
            for caller in 0..CALLERS {
                let (allowance, sent) = (Arc::clone(&allowance), Arc::clone(&sent));
                let mut gaps = gaps.clone().into_iter().cycle().skip(node * 7 + caller * 3);
                let mut tokens = tokens.clone().into_iter().cycle().skip(node * 5 + caller * 2);
                tokio::spawn(async move {
                    while let (Some(gap), Some(tokens)) = (gaps.next(), tokens.next()) {
                        tokio::time::sleep(Duration::from_millis(gap)).await;
                        allowance.reserve(Amount { tokens, dollars: 0.0 }).await.used();
                        sent.lock().unwrap().push((Instant::now(), tokens));
                    }
                });
            }
        }
        tokio::time::sleep(Duration::from_secs(180)).await;
        sent.lock().unwrap().clone()
    })
}

/// The most that any minute saw: calls, and tokens.
fn fullest_minute(sent: &[(Instant, u64)]) -> (f64, f64) {
    let minute = |first: usize| {
        let end = sent[first].0 + Duration::from_secs(60);
        let calls = sent[first..].iter().take_while(|(at, _)| *at < end);
        calls.fold((0.0, 0.0), |(calls, tokens), (_, more)| (calls + 1.0, tokens + *more as f64))
    };
    (0..sent.len()).map(minute).fold((0.0, 0.0), |most, minute| (most.0.max(minute.0), most.1.max(minute.1)))
}

fn worth(limit: u32) -> f64 {
    f64::from(limit) * 61.0 / 60.0
}

/// Never away.
const NO_OUTAGE: (u64, u64) = (0, 0);

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_minute_of_one_node_sees_more_than_61_seconds_worth(
        limit in 1u32..600,
        gaps in prop::collection::vec(0u64..3000, 1..400),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let sent = runtime.block_on(async {
            let allowance = alone(ProviderLimits { requests_per_minute: Some(limit), ..NONE });
            let mut sent = Vec::new();
            for gap in gaps {
                tokio::time::advance(Duration::from_millis(gap)).await;
                send(&allowance, 1).await;
                sent.push((Instant::now(), 0));
            }
            sent
        });
        let most = fullest_minute(&sent).0;
        prop_assert!(most <= worth(limit).floor() + 1.0, "{most} in a minute of {limit}");
    }

    #[test]
    fn nodes_together_keep_to_the_limits(
        requests in 1u32..600,
        tokens_per_minute in 100u32..60_000,
        nodes in 1usize..6,
        gaps in prop::collection::vec(0u64..5000, 1..50),
        tokens in prop::collection::vec(0u64..2000, 1..50),
    ) {
        let limits = ProviderLimits {
            requests_per_minute: Some(requests),
            tokens_per_minute: Some(tokens_per_minute),
            ..NONE
        };
        let sent = simulate(limits, nodes, gaps, tokens, NO_OUTAGE);
        prop_assert!(!sent.is_empty());
        let (calls, used) = fullest_minute(&sent);
        prop_assert!(calls <= worth(requests).floor() + 1.0, "{calls} calls in a minute of {requests}");
        // The last one goes out however dear it is.
        prop_assert!(used <= worth(tokens_per_minute) + 2000.0, "{used} tokens in a minute of {tokens_per_minute}");
    }

    #[test]
    fn shares_together_keep_to_the_limits(
        limit in 1u32..600,
        nodes in 1usize..6,
        gaps in prop::collection::vec(0u64..5000, 1..50),
    ) {
        let sent = simulate(
            ProviderLimits { requests_per_minute: Some(limit), ..NONE }, nodes, gaps, vec![0], (0, 1000),
        );
        let most = fullest_minute(&sent).0;
        // The first call of each node goes at once.
        prop_assert!(most <= worth(limit) + nodes as f64, "{most} in a minute of {limit} for {nodes}");
    }

    #[test]
    fn an_outage_costs_no_more_than_what_was_waiting(
        limit in 240u32..600,
        nodes in 2usize..6,
        gaps in prop::collection::vec(0u64..200, 1..50),
        from in 1u64..120,
        length in 1u64..60,
    ) {
        let sent = simulate(
            ProviderLimits { requests_per_minute: Some(limit), ..NONE }, nodes, gaps, vec![0], (from, from + length),
        );
        let most = fullest_minute(&sent).0;
        // A second's worth at each change, the first call of each node, and the calls that wait for places of the quota.
        let extra = 2.0 * f64::from(limit) / 60.0 + (nodes * (1 + CALLERS)) as f64;
        prop_assert!(most <= worth(limit) + extra, "{most} in a minute of {limit} for {nodes}");
        // Nor does it stop the work: these callers ask for more than they get.
        let whole = f64::from(limit) * 3.0;
        prop_assert!(sent.len() as f64 >= 0.8 * whole.min((nodes * CALLERS) as f64 * 180.0 / 0.21), "{} of {whole}", sent.len());
    }
}
