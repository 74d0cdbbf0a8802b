//! Second attempts at what takes much longer than the rest ("The Tail at Scale", Dean and Barroso 2013).

use std::collections::VecDeque;
use std::time::Duration;

use super::{GenerationMessage, GenerationState, Order};
use crate::actor::Address;
use crate::spec::Hedge;

/// Durations that are remembered.
const REMEMBERED: usize = 200;
/// Fewer say nothing about the rest.
const FEWEST: usize = 20;
/// An attempt that takes so many times the 95th percentile is more likely stuck than slow.
const FACTOR: f64 = 2.0;
/// No attempt is slow before this.
const SHORTEST: Duration = Duration::from_millis(500);

/// How long the newest successful attempts took.
#[derive(Debug, Default)]
pub(super) struct Durations(VecDeque<Duration>);

impl Durations {
    pub(super) fn add(&mut self, duration: Duration) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(duration);
    }

    /// After which time a second attempt is worth its place; `None` while too little is known.
    fn slow(&self) -> Option<Duration> {
        if self.0.len() < FEWEST {
            return None;
        }
        let mut sorted: Vec<Duration> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let high = sorted[(sorted.len() * 95).div_ceil(100) - 1];
        Some(high.mul_f64(FACTOR).max(SHORTEST))
    }
}

impl GenerationState {
    /// Gives what takes too long to another node as well, when there is nothing else to do with its place.
    pub(super) fn hedge(&mut self, myself: &Address<GenerationMessage>) {
        let idle = self.ready.is_empty()
            && self.shared.is_empty()
            && self.unknown.is_empty()
            && !self.looking_up
            && !self.draining;
        if !idle || !self.may_hedge() {
            return;
        }
        let Some(slow) = self.durations.slow() else { return };
        let is_slow = |open: &super::Open| {
            open.hosts.len() == 1
                && open.deadline.is_some()
                && open.began.elapsed() > slow
                && matches!(open.order, Order::Evaluate(_))
        };
        let late: Vec<u64> =
            self.open.iter().filter(|(_, open)| is_slow(open)).map(|(number, _)| *number).collect();
        for number in late {
            let Some(open) = self.open.get(&number) else { continue };
            let Some(host) = self.crew.take_beside(&open.hosts) else { return };
            let began = open.began;
            self.node().metrics.cluster.hedged();
            self.attempt(number, host, myself);
            // The first attempt is still the one that may run out of time.
            if let Some(open) = self.open.get_mut(&number) {
                open.began = began;
            }
        }
    }

    fn may_hedge(&self) -> bool {
        let prepared = &self.arguments.means.prepared;
        match prepared.spec.hedge {
            Hedge::Always => true,
            Hedge::Never => false,
            Hedge::Free => {
                let (evaluation, _) = prepared.tools.cost_models(&prepared.spec);
                evaluation.dollars_per_call == 0.0 && evaluation.dollars_per_character == 0.0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_is_twice_what_nearly_all_take() {
        let mut durations = Durations::default();
        (0..FEWEST - 1).for_each(|_| durations.add(Duration::from_secs(1)));
        assert_eq!(durations.slow(), None, "too few to know");
        (0..500).for_each(|i| durations.add(Duration::from_secs(if i % 50 == 0 { 60 } else { 1 })));
        assert_eq!(durations.slow(), Some(Duration::from_secs(2)));
        let mut fast = Durations::default();
        (0..FEWEST).for_each(|_| fast.add(Duration::from_millis(1)));
        assert_eq!(fast.slow(), Some(SHORTEST));
    }
}
