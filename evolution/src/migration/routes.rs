//! Who sends to whom.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::rng::stream;

/// The shape of the exchanges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// Each island sends to the next, the last to the first: what is found spreads slowly, and the islands stay
    /// different for long.
    #[default]
    Ring,
    /// Each island sends to all others.
    Full,
    /// Each island sends to one other, drawn anew for each epoch.
    Random,
    /// Nobody sends anything.
    None,
}

/// The routes of a job: pure functions of its settings, the same on every island.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routes {
    topology: Topology,
    /// The job's seed.
    seed: u64,
    /// Islands of the job.
    count: u32,
}

impl Routes {
    /// The routes among `count` islands of a job with this seed.
    pub fn new(topology: Topology, seed: u64, count: u32) -> Self {
        Self { topology, seed, count }
    }

    /// The islands that `island` sends to in an epoch, in ascending order.
    pub fn targets(&self, epoch: u32, island: u32) -> Vec<u32> {
        match self.topology {
            Topology::Random => self.draw(epoch, island).into_iter().collect(),
            _ => self.audience(island),
        }
    }

    /// The islands that send to `island` in an epoch, in ascending order.
    pub fn sources(&self, epoch: u32, island: u32) -> Vec<u32> {
        let sends_here = |from: &u32| match self.topology {
            Topology::Ring => (from + 1) % self.count == island,
            Topology::Full => true,
            Topology::Random => self.draw(epoch, *from) == Some(island),
            Topology::None => false,
        };
        self.others(island).filter(sends_here).collect()
    }

    /// The islands that `island` sends to in some epoch, in ascending order: those that must hear when it is over.
    pub fn audience(&self, island: u32) -> Vec<u32> {
        match self.topology {
            Topology::Ring => self.others(island).filter(|to| (island + 1) % self.count == *to).collect(),
            Topology::Full | Topology::Random => self.others(island).collect(),
            Topology::None => vec![],
        }
    }

    fn others(&self, island: u32) -> impl Iterator<Item = u32> {
        // An island beyond the last has no others, so that nothing is ever sent to or expected of it.
        let count = if island < self.count { self.count } else { 0 };
        (0..count).filter(move |other| *other != island)
    }

    fn draw(&self, epoch: u32, island: u32) -> Option<u32> {
        let rivals = self.count.checked_sub(1).filter(|rivals| *rivals > 0 && island < self.count)?;
        let number = u64::from(epoch) << 32 | u64::from(island);
        let drawn = stream(self.seed, "targets", number).random_range(0..rivals);
        Some(if drawn < island { drawn } else { drawn + 1 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topologies() -> impl Strategy<Value = Topology> {
        prop::sample::select(vec![Topology::Ring, Topology::Full, Topology::Random, Topology::None])
    }

    proptest! {
        #[test]
        fn sources_and_targets_agree(topology in topologies(), seed: u64, count in 0..9_u32, epoch in 1..50_u32) {
            let routes = Routes::new(topology, seed, count);
            // One beyond the last is asked about as well: it has nobody.
            for from in 0..=count {
                let targets = routes.targets(epoch, from);
                prop_assert!(targets.is_sorted() && targets.iter().all(|to| *to != from && *to < count));
                for to in 0..=count {
                    let sends = targets.contains(&to);
                    prop_assert_eq!(sends, routes.sources(epoch, to).contains(&from));
                    prop_assert!(!sends || routes.audience(from).contains(&to));
                }
            }
        }

        #[test]
        fn each_sends_to_as_many_as_its_topology_says(seed: u64, count in 2..9_u32, epoch in 1..50_u32) {
            for island in 0..count {
                let degrees = |topology| {
                    let routes = Routes::new(topology, seed, count);
                    (routes.targets(epoch, island).len(), routes.sources(epoch, island).len())
                };
                let all = count as usize - 1;
                prop_assert_eq!(degrees(Topology::Ring), (1, 1));
                prop_assert_eq!(degrees(Topology::Full), (all, all));
                prop_assert_eq!(degrees(Topology::Random).0, 1);
                prop_assert_eq!(degrees(Topology::None), (0, 0));
            }
        }

        #[test]
        fn a_single_island_has_nobody(topology in topologies(), seed: u64, epoch in 1..50_u32) {
            let routes = Routes::new(topology, seed, 1);
            prop_assert!(routes.targets(epoch, 0).is_empty());
            prop_assert!(routes.sources(epoch, 0).is_empty());
            prop_assert!(routes.audience(0).is_empty());
        }
    }

    #[test]
    fn a_random_target_is_each_other_island_now_and_then() {
        let routes = Routes::new(Topology::Random, 7, 5);
        let mut drawn: Vec<u32> = (1..100).flat_map(|epoch| routes.targets(epoch, 2)).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, [0, 1, 3, 4]);
    }
}
