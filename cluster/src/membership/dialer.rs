//! When to dial whom.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use crate::MembershipConfig;

/// When to dial which address: at once, then after waits that double and are spread by chance, for ever.
#[derive(Debug, Default)]
pub(super) struct Dialer {
    attempts: BTreeMap<String, Attempt>,
}

#[derive(Debug, Default)]
struct Attempt {
    /// When to dial next.
    due: Duration,
    /// When the dial under way began.
    dialled: Option<Duration>,
    /// Dials in a row that came to nothing.
    failures: u32,
    /// When the link was made that is not yet known to last.
    linked: Option<Duration>,
    /// Links in a row that did not last.
    breaks: u32,
}

impl Dialer {
    /// A dial that nothing was heard of for so long is taken for failed.
    const LOST_AFTER: Duration = Duration::from_secs(30);

    /// The addresses to dial now, of all those to which a link is wanted. An address that was not wanted before is
    /// dialled after the wait given with it.
    pub(super) fn dial(
        &mut self,
        config: &MembershipConfig,
        now: Duration,
        wanted: &BTreeMap<&str, Duration>,
    ) -> Vec<String> {
        let is_fresh = |linked: Duration| now.saturating_sub(linked) < config.dead_after;
        self.attempts.retain(|address, attempt| {
            wanted.contains_key(address.as_str()) || attempt.linked.is_some_and(is_fresh)
        });
        let mut dials = Vec::new();
        for (&address, &wait) in wanted {
            if !self.attempts.contains_key(address) {
                let attempt = Attempt { due: now + wait, ..Attempt::default() };
                self.attempts.insert(address.to_owned(), attempt);
            }
            let Some(attempt) = self.attempts.get_mut(address) else { continue };
            let is_lost = |dialled: Duration| now.saturating_sub(dialled) > Self::LOST_AFTER;
            if attempt.due <= now && attempt.dialled.is_none_or(is_lost) {
                attempt.dialled = Some(now);
                dials.push(address.to_owned());
            }
        }
        dials
    }

    /// A dial came to nothing, or to no link of its own.
    pub(super) fn failed(
        &mut self,
        config: &MembershipConfig,
        now: Duration,
        address: &str,
        rng: &mut Pcg64Mcg,
    ) {
        let Some(attempt) = self.attempts.get_mut(address) else { return };
        attempt.dialled = None;
        attempt.due = now + backoff(config, attempt.failures, rng);
        attempt.failures = attempt.failures.saturating_add(1);
    }

    /// There is a link to who listens there.
    pub(super) fn linked(&mut self, now: Duration, address: &str) {
        let attempt = self.attempts.entry(address.to_owned()).or_default();
        attempt.dialled = None;
        attempt.failures = 0;
        attempt.linked = Some(now);
    }

    /// The link to who listens there broke. It is dialled at once, unless links there break again and again.
    pub(super) fn broke(
        &mut self,
        config: &MembershipConfig,
        now: Duration,
        address: &str,
        rng: &mut Pcg64Mcg,
    ) {
        let attempt = self.attempts.entry(address.to_owned()).or_default();
        attempt.dialled = None;
        attempt.due = match attempt.breaks {
            0 => now,
            breaks => now + backoff(config, breaks - 1, rng),
        };
        attempt.breaks = attempt.breaks.saturating_add(1);
    }
}

/// The wait after a number of failures before the one that just happened: doubled for each, spread over its upper
/// half so that nodes that failed together do not come again together.
fn backoff(config: &MembershipConfig, failures: u32, rng: &mut Pcg64Mcg) -> Duration {
    let full = config.redial_min.saturating_mul(1 << failures.min(20)).min(config.redial_max);
    full.mul_f64(rng.random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn setup() -> (MembershipConfig, Dialer, Pcg64Mcg) {
        (MembershipConfig::default(), Dialer::default(), Pcg64Mcg::seed_from_u64(1))
    }

    #[test]
    fn waits_longer_after_each_failure_up_to_a_limit() {
        let (config, mut dialer, mut rng) = setup();
        let wanted = BTreeMap::from([("a:1", Duration::ZERO)]);
        let mut waits = Vec::new();
        let mut now = at(0);
        for _ in 0..12 {
            let start = now;
            while dialer.dial(&config, now, &wanted).is_empty() {
                now += at(1);
            }
            waits.push(now - start);
            assert!(dialer.dial(&config, now, &wanted).is_empty(), "one dial at a time");
            dialer.failed(&config, now, "a:1", &mut rng);
        }
        assert_eq!(waits[0], Duration::ZERO);
        assert!((at(50)..=at(101)).contains(&waits[1]), "{waits:?}");
        assert!((at(800)..=at(1601)).contains(&waits[5]), "{waits:?}");
        assert!(waits[8..].iter().all(|wait| (at(2500)..=at(5001)).contains(wait)), "{waits:?}");
    }

    #[test]
    fn a_link_that_breaks_is_dialled_at_once_and_one_that_keeps_breaking_is_not() {
        let (config, mut dialer, mut rng) = setup();
        let wanted = BTreeMap::from([("a:1", at(700))]);
        dialer.linked(at(0), "a:1");
        dialer.broke(&config, at(1), "a:1", &mut rng);
        assert_eq!(dialer.dial(&config, at(1), &wanted), ["a:1"]);
        dialer.linked(at(2), "a:1");
        dialer.broke(&config, at(3), "a:1", &mut rng);
        assert!(dialer.dial(&config, at(3), &wanted).is_empty());
        assert_eq!(dialer.dial(&config, at(103), &wanted), ["a:1"]);
        dialer.linked(at(104), "a:1");
        dialer.dial(&config, at(4000), &BTreeMap::new());
        dialer.broke(&config, at(4001), "a:1", &mut rng);
        assert_eq!(dialer.dial(&config, at(4001), &wanted), ["a:1"], "that one had lasted");
    }

    #[test]
    fn a_dial_that_is_never_answered_is_made_again() {
        let (config, mut dialer, _) = setup();
        let wanted = BTreeMap::from([("a:1", at(500))]);
        assert!(dialer.dial(&config, at(0), &wanted).is_empty());
        assert_eq!(dialer.dial(&config, at(500), &wanted), ["a:1"]);
        assert!(dialer.dial(&config, at(30_000), &wanted).is_empty());
        assert_eq!(dialer.dial(&config, at(31_000), &wanted), ["a:1"]);
    }
}
