//! Clusters in simulated time: what is promised of membership holds under faults by chance.

#![expect(unreachable_pub, reason = "modules of a test")]

mod chaos;
mod world;

use std::ops::RangeInclusive;
use std::time::Duration;

use evohub_cluster::{Change, DownCause};
use world::{Setup, World};

const LOOPBACK: RangeInclusive<Duration> = Duration::from_micros(50)..=Duration::from_millis(5);
const NETWORK: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(100);
const SLOW: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(500);

const SIZES: [usize; 6] = [2, 3, 5, 6, 11, 20];

fn cluster(nodes: usize, delay: &RangeInclusive<Duration>, seed: u64) -> World {
    World::settled(Setup { nodes, seeds: 2, delay: delay.clone(), seed })
}

/// What the others said of a node since a time, and how long after it.
fn said_of(world: &World, node: usize, since: Duration) -> Vec<(Duration, usize, DownCause)> {
    let downs = world.changes.iter().filter(|(at, ..)| *at >= since);
    downs
        .filter_map(|(at, who, change)| match change {
            Change::Down { id, cause } if id.name == *world.name(node) => Some((*at - since, *who, *cause)),
            _ => None,
        })
        .collect()
}

/// Everybody else says once, in time, that the node is gone.
fn assert_noticed(world: &World, node: usize, since: Duration, limit: Duration) {
    let mut said = said_of(world, node, since);
    said.sort_by_key(|(_, who, _)| *who);
    let others: Vec<_> = (0..world.size()).filter(|other| *other != node).collect();
    assert_eq!(said.iter().map(|(_, who, _)| *who).collect::<Vec<_>>(), others);
    assert!(said.iter().all(|(after, ..)| *after <= limit), "{said:?}");
}

#[test]
fn a_killed_node_is_noticed_by_all_within_100_ms() {
    for (seed, nodes) in (0..10).flat_map(|seed| SIZES.map(|nodes| (seed, nodes))) {
        let mut world = cluster(nodes, &LOOPBACK, seed);
        let start = world.now();
        world.kill(nodes / 2);
        world.run(Duration::from_secs(10));
        assert_noticed(&world, nodes / 2, start, Duration::from_millis(100));
        let first = said_of(&world, nodes / 2, start)[0];
        assert_eq!(first.2, DownCause::Killed);
        world.agreement().unwrap();
    }
}

#[test]
fn a_frozen_node_is_noticed_by_all_within_5_s_and_comes_back_with_a_new_life() {
    for (seed, nodes) in (0..10).flat_map(|seed| SIZES.map(|nodes| (seed, nodes))) {
        let mut world = cluster(nodes, &NETWORK, seed);
        let start = world.now();
        world.freeze(nodes / 2);
        world.run(Duration::from_secs(10));
        assert_noticed(&world, nodes / 2, start, Duration::from_secs(5));
        let woken = world.changes.len();
        world.thaw(nodes / 2);
        let settled = world.run_until(Duration::from_secs(2), |world| world.agreement().is_ok());
        assert!(settled.is_some(), "{:?}", world.agreement());
        world.run(Duration::from_secs(10));
        let after = &world.changes[woken..];
        let reborn = after.iter().filter(|(_, _, change)| matches!(change, Change::Reborn(_)));
        assert_eq!(reborn.count(), 1);
        assert!(after.iter().all(|(_, _, change)| !matches!(change, Change::Down { .. })), "{after:?}");
    }
}

#[test]
fn a_node_that_is_cut_off_and_the_others_notice_within_5_s() {
    for (seed, nodes) in (0..10).flat_map(|seed| SIZES.map(|nodes| (seed, nodes))) {
        let mut world = cluster(nodes, &NETWORK, seed);
        let (start, lost) = (world.now(), nodes / 2);
        world.partition(|node| node == lost);
        world.run(Duration::from_secs(10));
        assert_noticed(&world, lost, start, Duration::from_secs(5));
        for other in (0..nodes).filter(|other| *other != lost) {
            let (after, who, _) = said_of(&world, other, start)[0];
            assert!(who == lost && after < Duration::from_secs(5), "{other}: {after:?}");
        }
        world.heal();
        let settled = world.run_until(Duration::from_secs(10), |world| world.agreement().is_ok());
        assert!(settled.is_some(), "{:?}", world.agreement());
    }
}

#[test]
fn a_node_that_hears_nobody_does_not_talk_the_others_dead() {
    for (seed, nodes) in
        (0..10).flat_map(|seed| SIZES.map(|nodes| (seed, nodes))).filter(|(_, nodes)| *nodes > 3)
    {
        let mut world = cluster(nodes, &NETWORK, seed);
        let (start, deaf) = (world.now(), nodes / 2);
        for other in 0..nodes {
            world.cut(other, deaf);
        }
        world.run(Duration::from_secs(20));
        let downs = world.changes.iter().filter(|(at, who, change)| {
            *at > start
                && *who != deaf
                && matches!(change, Change::Down { id, .. } if id.name != *world.name(deaf))
        });
        assert_eq!(
            downs.collect::<Vec<_>>(),
            Vec::<&(Duration, usize, Change)>::new(),
            "{nodes} nodes, seed {seed}"
        );
    }
}

#[test]
fn nobody_is_given_up_without_a_fault() {
    for (seed, nodes) in (0..10).flat_map(|seed| SIZES.map(|nodes| (seed, nodes))) {
        let mut world = cluster(nodes, &SLOW, seed);
        world.run(Duration::from_secs(60));
        let has_died = |(_, _, change): &&(_, _, Change)| !matches!(change, Change::Up(_));
        assert_eq!(world.changes.iter().find(has_died), None, "{nodes} nodes, seed {seed}");
        world.agreement().unwrap();
    }
}

#[test]
fn a_link_that_is_cut_takes_nobody_with_it() {
    for (seed, nodes) in (0..20).flat_map(|seed| [3, 6, 11].map(|nodes| (seed, nodes))) {
        let mut world = cluster(nodes, &NETWORK, seed);
        let before = world.changes.len();
        let (one, other) = (seed as usize % nodes, (seed as usize + 1 + nodes / 3) % nodes);
        world.cut(one, other);
        if seed % 2 == 0 {
            world.cut(other, one);
        }
        world.run(Duration::from_secs(60));
        assert_eq!(world.changes[before..], [], "{nodes} nodes, seed {seed}");
        for (from, to) in [(one, other), (other, one)] {
            let view = world.view(from).unwrap();
            assert!(view.member(world.name(to)).unwrap().is_living());
            assert!(!view.is_usable(world.name(to)), "work would not get there");
        }
        world.heal();
        let settled = world.run_until(Duration::from_secs(10), |world| world.agreement().is_ok());
        assert!(settled.is_some(), "{:?}", world.agreement());
    }
}

#[test]
fn a_node_that_those_who_watch_it_cannot_reach_stays() {
    // Among so many, hearsay alone is too slow: they have to ask.
    let mut world = cluster(150, &SLOW, 0);
    let before = world.changes.len();
    for watcher in 1..=6 {
        world.cut(0, watcher);
        world.cut(watcher, 0);
    }
    world.run(Duration::from_secs(15));
    assert_eq!(world.changes[before..], []);
}

#[test]
fn both_halves_of_a_large_cluster_notice_the_cut() {
    for seed in 0..3 {
        // Neighbours on the ring are on the same side: nearly all who watch a node are lost with it.
        let mut world = cluster(60, &NETWORK, seed);
        world.partition(|node| node < 30);
        let halved = world.run_until(Duration::from_secs(30), |world| {
            (0..60).all(|node| world.view(node).is_some_and(|view| view.living().count() == 30))
        });
        assert!(halved.is_some_and(|after| after < Duration::from_secs(10)), "{halved:?}");
    }
}

#[test]
fn news_is_with_all_long_before_the_next_heartbeats() {
    for seed in 0..5 {
        let mut world = cluster(100, &LOOPBACK, seed);
        let start = world.now();
        world.drain(50);
        let drains = |world: &World| {
            let drains = |change: &Change| matches!(change, Change::Draining(_));
            world.changes.iter().filter(|(at, _, change)| *at >= start && drains(change)).count()
        };
        let known = world.run_until(Duration::from_millis(250), |world| drains(world) == 99);
        assert!(known.is_some(), "{} of 99 know", drains(&world));
    }
}

#[test]
fn who_leaves_is_let_go_and_who_drains_stays() {
    let mut world = cluster(6, &LOOPBACK, 1);
    let start = world.now();
    world.drain(2);
    world.run(Duration::from_millis(500));
    for node in 0..6 {
        let view = world.view(node).unwrap();
        assert!(view.member(world.name(2)).unwrap().is_living() && !view.is_usable(world.name(2)));
        assert!(view.is_reachable(world.name(2)));
    }
    world.leave(2);
    world.run(Duration::from_secs(60));
    assert_noticed(&world, 2, start, Duration::from_millis(520));
    assert!(said_of(&world, 2, start).iter().all(|(_, _, cause)| *cause == DownCause::Left));
    world.agreement().unwrap();
}

#[test]
fn the_two_halves_of_a_cut_cluster_find_each_other_again() {
    for seed in 0..10 {
        // All know the address of one node that is gone, so that only memory helps.
        let mut world = World::settled(Setup { nodes: 8, seeds: 1, delay: NETWORK, seed });
        world.kill(0);
        world.partition(|node| node % 2 == 0 || node > 5);
        world.run(Duration::from_secs(60));
        let apart = world.view(3).unwrap();
        assert_eq!(apart.living().count(), 3, "{apart:?}");
        world.heal();
        let settled = world.run_until(Duration::from_secs(15), |world| world.agreement().is_ok());
        assert!(settled.is_some(), "{:?}", world.agreement());
    }
}

#[test]
fn all_agree_with_reality_soon_after_the_last_fault() {
    const SCHEDULES: u64 = 1000;
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || (thread..SCHEDULES).step_by(threads as usize).for_each(chaos::survives));
        }
    });
}

#[test]
fn two_hundred_nodes_start_at_once_and_say_no_more_each_than_twenty() {
    let rate = |nodes: usize| {
        let mut world = World::new(Setup { nodes, seeds: 3, delay: NETWORK, seed: 1 });
        (0..nodes).for_each(|node| world.start(node));
        let settled = world.run_until(Duration::from_secs(30), |world| world.agreement().is_ok());
        assert!(settled.is_some(), "{:?}", world.agreement());
        world.run(Duration::from_secs(3));
        let start = world.now();
        let rate = world.message_rate(Duration::from_secs(5));
        assert!(world.changes.iter().all(|(at, ..)| *at < start), "nothing happens in a quiet cluster");
        (rate, world)
    };
    let (few, _) = rate(20);
    let (many, mut world) = rate(200);
    assert!(many < few * 1.5, "{many} messages a second instead of {few}");
    // A new process in the place of each.
    (0..200).for_each(|node| world.start(node));
    let settled = world.run_until(Duration::from_secs(30), |world| world.agreement().is_ok());
    assert!(settled.is_some(), "{:?}", world.agreement());
}
