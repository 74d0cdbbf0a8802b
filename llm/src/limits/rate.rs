//! Requests and tokens per minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Spreads requests and tokens evenly over time, and holds all calls back while the provider asks for it.
///
/// One second's worth may go at once, so a minute never sees more than 61 seconds' worth. Tokens are
/// estimated before a call and corrected after it; a call that is dearer than the second's worth goes out
/// and delays those after it.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Time that one request takes up; zero without a limit.
    per_request: Duration,
    /// Seconds that one token takes up; zero without a limit.
    per_token: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When all requests granted so far have had their time.
    requests_paid: Instant,
    /// When all tokens granted so far have had their time.
    tokens_paid: Instant,
    /// No call starts before this.
    paused_until: Option<Instant>,
}

/// A place in time for one request and its tokens. Given back when dropped before [`Reservation::used`].
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    rate: &'a Rate,
    tokens: u64,
    is_used: bool,
}

/// How much may go at once.
const BURST: Duration = Duration::from_secs(1);

impl Rate {
    /// Limits per minute; `None` for none.
    pub(crate) fn new(requests_per_minute: Option<u32>, tokens_per_minute: Option<u32>) -> Self {
        let now = Instant::now();
        Self {
            per_request: requests_per_minute
                .map_or(Duration::ZERO, |limit| Duration::from_secs(60) / limit.max(1)),
            per_token: tokens_per_minute.map_or(0.0, |limit| 60.0 / f64::from(limit.max(1))),
            state: Mutex::new(State { requests_paid: now, tokens_paid: now, paused_until: None }),
        }
    }

    /// Waits until a request with about so many tokens may go. Places are given in the order of asking.
    pub(crate) async fn reserve(&self, tokens: u64) -> Reservation<'_> {
        let start = self.book(tokens);
        let reservation = Reservation { rate: self, tokens, is_used: false };
        sleep_until_past(start).await;
        loop {
            let paused = self.lock().paused_until;
            match paused {
                Some(until) if until > Instant::now() => sleep_until_past(until).await,
                _ => return reservation,
            }
        }
    }

    /// Lets no call start for a while.
    pub(crate) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.lock();
        state.paused_until = Some(state.paused_until.map_or(until, |earlier| earlier.max(until)));
    }

    fn book(&self, tokens: u64) -> Instant {
        let now = Instant::now();
        let mut state = self.lock();
        let start = [state.requests_paid, state.tokens_paid]
            .into_iter()
            .filter_map(|paid| paid.checked_sub(BURST))
            .fold(now, Instant::max);
        // A request counts from its own start: time in which none was asked for is not saved up.
        state.requests_paid = state.requests_paid.max(now) + self.per_request;
        state.tokens_paid = state.tokens_paid.max(now) + self.tokens_time(tokens);
        start
    }

    fn tokens_time(&self, tokens: u64) -> Duration {
        // Beyond a day it no longer matters how long it is.
        Duration::from_secs_f64((self.per_token * tokens as f64).min(86_400.0))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation<'_> {
    /// The request is being sent: its place is used even if it fails.
    pub(crate) fn used(&mut self) {
        self.is_used = true;
    }

    /// Puts the tokens that were really used in the place of the estimate.
    pub(crate) fn settle(mut self, tokens: u64) {
        self.is_used = true;
        let (estimated, actual) = (self.rate.tokens_time(self.tokens), self.rate.tokens_time(tokens));
        let mut state = self.rate.lock();
        state.tokens_paid = earlier(state.tokens_paid + actual, estimated);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.is_used {
            let mut state = self.rate.lock();
            state.requests_paid = earlier(state.requests_paid, self.rate.per_request);
            state.tokens_paid = earlier(state.tokens_paid, self.rate.tokens_time(self.tokens));
        }
    }
}

fn earlier(instant: Instant, by: Duration) -> Instant {
    instant.checked_sub(by).unwrap_or(instant)
}

/// Skips the timer when there is nothing to wait for.
async fn sleep_until_past(instant: Instant) {
    if instant > Instant::now() {
        sleep_until(instant).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn send(rate: &Rate, tokens: u64) {
        rate.reserve(tokens).await.used();
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_nothing_waits() {
        let (rate, start) = (Rate::new(None, None), Instant::now());
        for _ in 0..1000 {
            send(&rate, 1_000_000).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_spread_over_the_minute() {
        let (rate, start) = (Rate::new(Some(60), None), Instant::now());
        for _ in 0..61 {
            send(&rate, 0).await;
        }
        // The first second's worth is free: request 0 and 1 go at once.
        assert!(start.elapsed().abs_diff(Duration::from_secs(59)) < Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_corrected_to_what_was_used() {
        let (rate, start) = (Rate::new(None, Some(6000)), Instant::now());
        rate.reserve(1000).await.settle(300);
        send(&rate, 0).await;
        // 300 tokens at 100 a second, less the second that is free.
        assert!(start.elapsed().abs_diff(Duration::from_secs(2)) < Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_not_used_is_given_back() {
        let (rate, start) = (Rate::new(Some(1), None), Instant::now());
        for _ in 0..100 {
            rate.book(0);
            drop(Reservation { rate: &rate, tokens: 0, is_used: false });
        }
        send(&rate, 0).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everyone() {
        let (rate, start) = (Rate::new(None, None), Instant::now());
        rate.pause(Duration::from_secs(5));
        rate.pause(Duration::from_secs(2));
        send(&rate, 0).await;
        assert!(start.elapsed() >= Duration::from_secs(5), "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_than_61_seconds_worth(
            limit in 1u32..600,
            gaps in prop::collection::vec(0u64..3000, 1..400),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let sent = runtime.block_on(async {
                let rate = Rate::new(Some(limit), None);
                let mut sent = Vec::new();
                for gap in gaps {
                    tokio::time::advance(Duration::from_millis(gap)).await;
                    send(&rate, 0).await;
                    sent.push(Instant::now());
                }
                sent
            });
            let worth = (f64::from(limit) * 61.0 / 60.0).floor() as usize + 1;
            for (index, start) in sent.iter().enumerate() {
                let end = *start + Duration::from_secs(60);
                let count = sent[index..].iter().take_while(|at| **at < end).count();
                prop_assert!(count <= worth, "{count} in a minute, at most {worth} expected");
            }
        }
    }
}
