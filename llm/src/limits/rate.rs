//! Requests, tokens and dollars over time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::shared::ProviderLimits;

/// Spreads requests, tokens and dollars evenly over time, and holds all calls back while the provider asks for it.
///
/// One second's worth may go at once, so a minute never sees more than 61 seconds' worth. Tokens and dollars are
/// estimated before a call and corrected after it; a call that is dearer than the second's worth goes out and delays
/// those after it.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Seconds that one request, one token and one dollar take up; zero without a limit.
    per_unit: [f64; 3],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When all requests, all tokens and all dollars granted so far have had their time.
    paid: [Instant; 3],
    /// No call starts before this.
    paused_until: Option<Instant>,
}

/// What a call takes, beside being one request.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Amount {
    pub(crate) tokens: u64,
    /// US dollars.
    pub(crate) dollars: f64,
}

/// A place in time for one call.
#[derive(Debug)]
pub(crate) struct Booking {
    /// When the call may go.
    pub(crate) start: Instant,
    /// The part of the limits that it was booked under.
    share: f64,
    took: [Duration; 3],
}

/// How much may go at once.
const BURST: Duration = Duration::from_secs(1);

/// Seconds that one call takes up at most: beyond a day it no longer matters how long it is.
const LONGEST: f64 = 86_400.0;

impl Rate {
    pub(crate) fn new(limits: ProviderLimits) -> Self {
        let per_minute = |limit: Option<u32>| limit.map_or(0.0, |limit| 60.0 / f64::from(limit.max(1)));
        Self {
            per_unit: [
                per_minute(limits.requests_per_minute),
                per_minute(limits.tokens_per_minute),
                limits.dollars_per_hour.map_or(0.0, |limit| 3600.0 / limit),
            ],
            state: Mutex::new(State { paid: [Instant::now(); 3], paused_until: None }),
        }
    }

    /// Takes the next place under a share of the limits (above 0, up to 1). Places are given in the order of asking.
    pub(crate) fn book(&self, amount: Amount, share: f64) -> Booking {
        let now = Instant::now();
        let mut state = self.lock();
        let start = state
            .paid
            .iter()
            .filter_map(|paid| paid.checked_sub(BURST))
            .fold(now, |start, paid| start.max(paid));
        let took = self.times(amount, share);
        // A call counts from when it was asked for: time in which none was asked for is not saved up.
        state.add(now, took);
        Booking { start, share, took }
    }

    /// Notes a place that was given elsewhere, under the whole limits, so that places given here come after it.
    pub(crate) fn follow(&self, start: Instant, amount: Amount) -> Booking {
        let took = self.times(amount, 1.0);
        self.lock().add(start, took);
        Booking { start, share: 1.0, took }
    }

    /// Puts what was really used in the place of the estimate.
    pub(crate) fn settle(&self, booking: &Booking, amount: Amount) {
        let actual = self.times(amount, booking.share);
        let mut state = self.lock();
        for (place, paid) in state.paid.iter_mut().enumerate() {
            *paid = earlier(*paid + actual[place], booking.took[place]);
        }
    }

    /// Gives up a place that was not used.
    pub(crate) fn give_back(&self, booking: &Booking) {
        let mut state = self.lock();
        for (paid, took) in state.paid.iter_mut().zip(booking.took) {
            *paid = earlier(*paid, took);
        }
    }

    /// Lets no call start for a while.
    pub(crate) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.lock();
        state.paused_until = Some(state.paused_until.map_or(until, |earlier| earlier.max(until)));
    }

    /// Waits until calls may start.
    pub(crate) async fn pass_pause(&self) {
        loop {
            let paused = self.lock().paused_until;
            match paused {
                Some(until) if until > Instant::now() => sleep_until_past(until).await,
                _ => return,
            }
        }
    }

    fn times(&self, amount: Amount, share: f64) -> [Duration; 3] {
        let units = [1.0, amount.tokens as f64, amount.dollars];
        std::array::from_fn(|place| match self.per_unit[place] {
            per_unit if per_unit > 0.0 => {
                Duration::from_secs_f64((per_unit * units[place] / share).clamp(0.0, LONGEST))
            }
            _ => Duration::ZERO,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, from: Instant, took: [Duration; 3]) {
        for (paid, took) in self.paid.iter_mut().zip(took) {
            *paid = (*paid).max(from) + took;
        }
    }
}

fn earlier(instant: Instant, by: Duration) -> Instant {
    instant.checked_sub(by).unwrap_or(instant)
}

/// Skips the timer when there is nothing to wait for.
pub(crate) async fn sleep_until_past(instant: Instant) {
    if instant > Instant::now() {
        sleep_until(instant).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: ProviderLimits =
        ProviderLimits { requests_per_minute: None, tokens_per_minute: None, dollars_per_hour: None };

    fn of(tokens: u64, dollars: f64) -> Amount {
        Amount { tokens, dollars }
    }

    /// How long the next call would wait.
    fn wait(rate: &Rate) -> Duration {
        let booking = rate.book(Amount::default(), 1.0);
        rate.give_back(&booking);
        booking.start.duration_since(Instant::now())
    }

    fn near(found: Duration, seconds: u64) {
        assert!(found.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(10), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_corrected_to_what_was_used() {
        let rate = Rate::new(ProviderLimits { tokens_per_minute: Some(6000), ..NONE });
        let booking = rate.book(of(1000, 0.0), 1.0);
        rate.settle(&booking, of(300, 0.0));
        // 300 tokens at 100 a second, less the second that is free.
        near(wait(&rate), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn dollars_are_spread_over_the_hour_and_corrected() {
        let rate = Rate::new(ProviderLimits { dollars_per_hour: Some(36.0), ..NONE });
        let booking = rate.book(of(1_000_000, 0.5), 1.0);
        near(wait(&rate), 49);
        rate.settle(&booking, of(1_000_000, 0.3));
        near(wait(&rate), 29);
        // A call dearer than all that a day allows holds the others up for a day, not for ever.
        rate.book(of(0, 1e300), 1.0);
        near(wait(&rate), 86_400 + 29);
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_of_the_limits_takes_as_many_times_longer() {
        let rate = Rate::new(ProviderLimits {
            requests_per_minute: Some(60),
            tokens_per_minute: Some(6000),
            dollars_per_hour: None,
        });
        let booking = rate.book(of(1000, 0.0), 0.25);
        near(wait(&rate), 39);
        rate.settle(&booking, of(0, 0.0));
        near(wait(&rate), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn places_come_after_those_given_elsewhere() {
        let rate = Rate::new(ProviderLimits { requests_per_minute: Some(60), ..NONE });
        let elsewhere = rate.follow(Instant::now() + Duration::from_secs(20), of(0, 0.0));
        near(wait(&rate), 20);
        rate.give_back(&elsewhere);
        rate.follow(Instant::now(), of(0, 0.0));
        // Nothing is taken off twice.
        near(wait(&rate), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_not_used_is_given_back() {
        let rate = Rate::new(ProviderLimits {
            requests_per_minute: Some(1),
            tokens_per_minute: Some(1),
            dollars_per_hour: Some(1.0),
        });
        for _ in 0..100 {
            let booking = rate.book(of(10, 0.1), 1.0);
            rate.give_back(&booking);
        }
        assert_eq!(wait(&rate), Duration::ZERO);
    }
}
