//! How long to wait before a retry.

use std::time::Duration;

use rand::RngExt;

/// Exponential backoff with full jitter: random from zero to `base * 2^retry`, at most `longest`.
///
/// A wait that the provider asked for is kept, with a little added so that those who were told the same
/// do not come back at the same moment.
pub(crate) fn backoff(base: Duration, longest: Duration, retry: u32, asked: Option<Duration>) -> Duration {
    let fraction = rand::rng().random::<f64>();
    match asked {
        Some(wait) => wait + base.mul_f64(fraction),
        None => {
            base.saturating_mul(1u32.checked_shl(retry).unwrap_or(u32::MAX)).min(longest).mul_f64(fraction)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stays_within_its_bounds(base in 0u64..100_000, longest in 0u64..100_000, retry in 0u32..200) {
            let (base, longest) = (Duration::from_millis(base), Duration::from_millis(longest));
            let wait = backoff(base, longest, retry, None);
            prop_assert!(wait <= longest);
            prop_assert!(retry > 31 || wait <= base.saturating_mul(1 << retry));
        }

        #[test]
        fn is_never_shorter_than_asked(base in 0u64..10_000, asked in 0u64..100_000, retry in 0u32..200) {
            let (base, asked) = (Duration::from_millis(base), Duration::from_millis(asked));
            let wait = backoff(base, Duration::ZERO, retry, Some(asked));
            prop_assert!(wait >= asked && wait <= asked + base);
        }
    }

    #[test]
    fn is_spread() {
        let second = Duration::from_secs(1);
        let waits: Vec<_> = (0..1000).map(|_| backoff(second, second, 0, None)).collect();
        assert!(
            waits.iter().any(|wait| *wait < second / 4) && waits.iter().any(|wait| *wait > second * 3 / 4)
        );
    }
}
