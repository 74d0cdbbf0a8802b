//! The lot that decides about an evaluation.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The names of the spans at which lots are drawn. What happens inside such a span follows it.
pub const DRAWN_SPANS: [&str; 2] = ["evaluate_prompt", "propose"];

/// Draws with a probability. All spans of a job share its trace, so that the trace's id cannot decide.
#[derive(Debug, Clone)]
pub(super) struct Lots {
    /// Of all 2^64 numbers, those below this one win; `None` when all win.
    winning: Option<u64>,
    state: Arc<AtomicU64>,
}

impl Lots {
    /// Of which so many win, from 0 to 1.
    pub(super) fn new(ratio: f64) -> Self {
        // As the product is rounded down, a ratio below one has at least one number that does not win.
        let winning = (ratio < 1.0).then_some((ratio * 2f64.powi(64)) as u64);
        Self { winning, state: Arc::new(AtomicU64::new(RandomState::new().hash_one(0))) }
    }

    /// One step of SplitMix64.
    pub(super) fn draw(&self) -> bool {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let Some(winning) = self.winning else { return true };
        let mut number = self.state.fetch_add(STEP, Relaxed).wrapping_add(STEP);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ (number >> 31)) < winning
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_with_the_probability() {
        let wins = |ratio: f64| {
            let lots = Lots::new(ratio);
            (0..100_000).filter(|_| lots.draw()).count()
        };
        assert_eq!((wins(0.0), wins(1.0)), (0, 100_000));
        // Six standard deviations and more.
        assert!((9_400..=10_600).contains(&wins(0.1)), "{}", wins(0.1));
        assert!((49_000..=51_000).contains(&wins(0.5)), "{}", wins(0.5));
    }
}
