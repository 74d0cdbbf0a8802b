//! Where work goes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::{Member, NodeName, View};

/// What a place is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The custom evaluator that the node must be able to run, if any.
    pub evaluator: Option<&'a str>,
    /// Told apart from other work, so that equal nodes share it: the job and the number of the island, say.
    pub salt: &'a str,
    /// Islands that are being placed on nodes, which their heartbeats do not show yet.
    pub placing: &'a BTreeMap<NodeName, u32>,
}

/// The node that is to host one more island: of those that can take it, the one that hosts the fewest, then the one
/// with the most free workers, then the one that chance picks, the same on all nodes.
pub fn choose(view: &View, wanted: &Wanted<'_>) -> Option<NodeName> {
    let hosted = |member: &Member| {
        let placing = wanted.placing.get(member.name()).map_or(0, |&count| count as usize);
        member.load.islands.len() + placing
    };
    view.usable()
        .filter(|member| member.facts.can_run(wanted.evaluator))
        .min_by_key(|member| {
            (hosted(member), Reverse(member.load.free_workers()), weight(wanted.salt, member.name()))
        })
        .map(|member| member.name().clone())
}

/// The node that takes over a job whose owner is gone. It depends on nothing but who is alive and able, so that all
/// nodes that know the same members name the same one, and few jobs change hands when a node comes or goes.
pub fn heir(view: &View, job: &str, evaluator: Option<&str>) -> Option<NodeName> {
    view.alive()
        .filter(|member| member.facts.can_run(evaluator))
        .max_by_key(|member| weight(job, member.name()))
        .map(|member| member.name().clone())
}

/// The weight of a node for something: as good as random, and the same everywhere.
fn weight(salt: &str, name: &NodeName) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(salt.len() as u64).to_le_bytes());
    hasher.update(salt.as_bytes());
    hasher.update(name.as_str().as_bytes());
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Facts, Incarnation, Load, MemberState, NodeId};

    fn member(name: &str) -> Member {
        Member {
            id: NodeId { name: name.parse().unwrap(), incarnation: Incarnation::first(1) },
            facts: Facts::default(),
            state: MemberState::Alive,
            load: Load { workers: 8, ..Load::default() },
            version: 1,
        }
    }

    fn view(members: impl IntoIterator<Item = Member>) -> View {
        let members: BTreeMap<_, _> =
            members.into_iter().map(|member| (member.name().clone(), Arc::new(member))).collect();
        View { myself: name("a"), reachable: members.keys().cloned().collect(), members }
    }

    fn name(name: &str) -> NodeName {
        name.parse().unwrap()
    }

    fn wanted<'a>(salt: &'a str, placing: &'a BTreeMap<NodeName, u32>) -> Wanted<'a> {
        Wanted { evaluator: None, salt, placing }
    }

    fn hosting(name: &str, islands: u32) -> Member {
        let mut member = member(name);
        member.load.islands = (0..islands).map(|number| ("other".into(), number)).collect();
        member
    }

    #[test]
    fn islands_spread_evenly_while_heartbeats_are_old() {
        let view = view(["a", "b", "c"].map(member));
        let mut placing = BTreeMap::new();
        for number in 0..9 {
            let chosen = choose(&view, &wanted(&format!("job {number}"), &placing)).unwrap();
            *placing.entry(chosen).or_insert(0) += 1;
        }
        assert_eq!(placing.into_values().collect::<Vec<_>>(), [3, 3, 3]);
    }

    #[test]
    fn fewest_islands_come_before_free_workers() {
        let mut busy = hosting("b", 1);
        busy.load.busy = 8;
        let free = hosting("c", 2);
        let mut less_busy = hosting("d", 1);
        less_busy.load.busy = 7;
        let none = BTreeMap::new();
        let all = view([hosting("a", 3), busy.clone(), free.clone(), less_busy]);
        assert_eq!(choose(&all, &wanted("job", &none)), Some(name("d")));
        let without = view([hosting("a", 3), busy, free]);
        assert_eq!(choose(&without, &wanted("job", &none)), Some(name("b")));
    }

    #[test]
    fn only_who_can_take_it_is_chosen() {
        let mut draining = member("b");
        draining.state = MemberState::Draining;
        let mut ill = member("c");
        ill.load.healthy = false;
        let mut able = hosting("e", 5);
        able.facts.evaluators = ["judge".to_owned()].into();
        let mut view = view([hosting("a", 9), draining, ill, member("d"), able]);
        view.reachable.remove(&name("d"));
        let none = BTreeMap::new();
        assert_eq!(choose(&view, &wanted("job", &none)), Some(name("e")));
        let judged = |evaluator| Wanted { evaluator: Some(evaluator), ..wanted("job", &none) };
        assert_eq!(choose(&view, &judged("judge")), Some(name("e")));
        assert_eq!(choose(&view, &judged("oracle")), None);
        assert_eq!(heir(&view, "job", Some("judge")), Some(name("e")));
    }

    #[test]
    fn equal_nodes_share_jobs_and_keep_them_when_another_goes() {
        let names = ["a", "b", "c", "d"];
        let (all, fewer) = (view(names.map(member)), view(["a", "b", "c"].map(member)));
        let mut shares: BTreeMap<NodeName, u32> = BTreeMap::new();
        for number in 0..400 {
            let job = format!("job {number}");
            let before = heir(&all, &job, None).unwrap();
            let after = heir(&fewer, &job, None).unwrap();
            assert!(before == after || before == name("d"), "{job} went from {before} to {after}");
            *shares.entry(before).or_default() += 1;
        }
        assert!(shares.values().all(|share| (70..130).contains(share)), "{shares:?}");
    }

    #[test]
    fn the_heir_does_not_depend_on_links_or_load() {
        let quiet = view(["a", "b", "c"].map(member));
        let mut busy = view(["a", "b", "c"].map(|name| hosting(name, 7)));
        busy.reachable.clear();
        for number in 0..50 {
            let job = format!("job {number}");
            assert_eq!(heir(&quiet, &job, None), heir(&busy, &job, None));
        }
    }
}
