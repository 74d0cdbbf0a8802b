//! The pools that a generation gives work to, and how much each of them takes.

use std::collections::BTreeMap;

use evohub_cluster::NodeName;

/// Where a pool of evaluators is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Host {
    /// In this process.
    Here,
    /// On another node.
    There(NodeName),
}

#[derive(Debug, Default)]
struct Pool {
    /// Whether it is at work for us, if only later.
    open: bool,
    /// Pieces of work that it takes from us at once.
    granted: usize,
    /// Pieces of work of ours that it has.
    used: usize,
}

/// The pools at work for a generation. Each grants a number of places; a place comes back when its work is done, so a
/// slow pool gets less.
#[derive(Debug)]
pub(crate) struct Crew {
    pools: BTreeMap<Host, Pool>,
    /// Most places used at once over all pools.
    most: usize,
}

impl Crew {
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self { pools: BTreeMap::new(), most: most.unwrap_or(usize::MAX) }
    }

    /// A pool says how much it takes at once.
    pub(crate) fn grant(&mut self, host: Host, places: usize) {
        let pool = self.pools.entry(host).or_default();
        (pool.open, pool.granted) = (true, places);
    }

    /// A pool is gone, or takes nothing any more. The places that are used there come back one by one as their work is
    /// heard of or given up.
    pub(crate) fn lose(&mut self, host: &Host) {
        if let Some(pool) = self.pools.get_mut(host) {
            (pool.open, pool.granted) = (false, 0);
        }
        self.pools.retain(|_, pool| pool.open || pool.used > 0);
    }

    /// Most that can be under way at once now.
    pub(crate) fn places(&self) -> usize {
        self.pools.values().map(|pool| pool.granted).sum::<usize>().min(self.most)
    }

    /// What is under way.
    pub(crate) fn used(&self) -> usize {
        self.pools.values().map(|pool| pool.used).sum()
    }

    /// Takes a place in the pool that is least filled; of equals that of this process.
    pub(crate) fn take(&mut self) -> Option<Host> {
        self.take_among(|_| true)
    }

    /// The same, but not in one of these pools.
    pub(crate) fn take_beside(&mut self, hosts: &[Host]) -> Option<Host> {
        self.take_among(|host| !hosts.contains(host))
    }

    /// Takes a place in the pool that `weight` prefers, whether it grants any now or not; `None` while it has none free.
    /// Whoever prefers alike sends equal work to the same pool.
    pub(crate) fn take_preferred<W: Ord>(&mut self, weight: impl Fn(&Host) -> W) -> Option<Host> {
        if self.used() >= self.most {
            return None;
        }
        let open = self.pools.iter_mut().filter(|(_, pool)| pool.open);
        let (host, pool) = open.max_by_key(|(host, _)| weight(host))?;
        if pool.used >= pool.granted {
            return None;
        }
        pool.used += 1;
        Some(host.clone())
    }

    /// Takes a place in a pool whether it has one or not: the work is there already.
    pub(crate) fn take_at(&mut self, host: Host) {
        self.pools.entry(host).or_default().used += 1;
    }

    fn take_among(&mut self, may: impl Fn(&Host) -> bool) -> Option<Host> {
        if self.used() >= self.most {
            return None;
        }
        let free = self.pools.iter_mut().filter(|(host, pool)| may(host) && pool.used < pool.granted);
        let filled = |pool: &Pool| (pool.used + 1) as f64 / pool.granted as f64;
        let (host, pool) = free.min_by(|(_, a), (_, b)| filled(a).total_cmp(&filled(b)))?;
        pool.used += 1;
        Some(host.clone())
    }

    /// A place comes back.
    pub(crate) fn give_back(&mut self, host: &Host) {
        if let Some(pool) = self.pools.get_mut(host) {
            pool.used = pool.used.saturating_sub(1);
            if pool.used == 0 && !pool.open {
                self.pools.remove(host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(name: &str) -> Host {
        Host::There(name.parse().unwrap())
    }

    #[test]
    fn work_goes_where_there_is_most_room_and_never_beyond_a_grant() {
        let mut crew = Crew::new(None);
        assert_eq!(crew.take(), None);
        crew.grant(Host::Here, 2);
        crew.grant(there("b"), 4);
        let taken: Vec<Host> = std::iter::from_fn(|| crew.take()).collect();
        assert_eq!(taken.len(), 6);
        assert_eq!(taken[0], there("b"), "a quarter is less than a half");
        assert_eq!(taken.iter().filter(|host| **host == Host::Here).count(), 2);
        crew.give_back(&Host::Here);
        assert_eq!((crew.take(), crew.take()), (Some(Host::Here), None));
    }

    #[test]
    fn the_whole_is_bounded_too() {
        let mut crew = Crew::new(Some(3));
        crew.grant(Host::Here, 10);
        crew.grant(there("b"), 10);
        assert_eq!(crew.places(), 3);
        assert_eq!(std::iter::from_fn(|| crew.take()).count(), 3);
    }

    #[test]
    fn a_lost_pool_takes_nothing_and_its_places_come_back_once() {
        let mut crew = Crew::new(None);
        crew.grant(there("b"), 2);
        assert!(crew.take().is_some() && crew.take().is_some());
        crew.lose(&there("b"));
        assert_eq!((crew.places(), crew.used(), crew.take()), (0, 2, None));
        crew.give_back(&there("b"));
        crew.give_back(&there("b"));
        crew.give_back(&there("b"));
        assert_eq!(crew.used(), 0);
    }

    #[test]
    fn equal_work_waits_for_the_same_pool() {
        let mut crew = Crew::new(None);
        crew.grant(Host::Here, 5);
        crew.grant(there("b"), 1);
        let weight = |host: &Host| *host == there("b");
        assert_eq!(crew.take_preferred(weight), Some(there("b")));
        assert_eq!(crew.take_preferred(weight), None);
        crew.lose(&there("b"));
        assert_eq!(crew.take_preferred(weight), Some(Host::Here));
    }

    #[test]
    fn a_second_attempt_goes_elsewhere() {
        let mut crew = Crew::new(None);
        crew.grant(Host::Here, 5);
        assert_eq!(crew.take_beside(&[Host::Here]), None);
        crew.grant(there("b"), 1);
        assert_eq!(crew.take_beside(&[Host::Here]), Some(there("b")));
    }
}
