//! Faults by chance.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::world::{Setup, World};

/// How long agreement may take: a dial that is lost, and the longest wait before the next, with their ways.
const LIMIT: Duration = Duration::from_secs(12);

/// Lets faults by chance happen to a cluster, then none: all that run agree on who runs, and are linked.
pub fn survives(seed: u64) {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let nodes = rng.random_range(2..=12);
    let slowest = [2, 50, 500][rng.random_range(0..3)];
    let delay = Duration::from_micros(50)..=Duration::from_millis(slowest);
    let seeds = rng.random_range(1..=nodes.min(3));
    let mut world = World::settled(Setup { nodes, seeds, delay, seed });
    for _ in 0..rng.random_range(1..30) {
        fault(&mut world, &mut rng, nodes);
        let longest = [50, 500, 5000][rng.random_range(0..3)];
        world.run(Duration::from_millis(rng.random_range(0..longest)));
    }
    world.heal();
    for node in 0..nodes {
        world.thaw(node);
        // Whoever started while no seed ran knows nobody until one does.
        if node < seeds && !world.is_running(node) {
            world.start(node);
        }
    }
    let settled = world.run_until(LIMIT, |world| world.agreement().is_ok());
    assert!(settled.is_some(), "seed {seed}: {}", world.agreement().unwrap_err());
    // And that is how it stays.
    let start = world.now();
    world.run(Duration::from_secs(10));
    world.agreement().unwrap_or_else(|wrong| panic!("seed {seed}, later: {wrong}"));
    let calm = start + Duration::from_secs(5);
    let change = world.changes.iter().find(|(at, ..)| *at > calm);
    assert_eq!(change, None, "seed {seed}");
}

fn fault(world: &mut World, rng: &mut Pcg64Mcg, nodes: usize) {
    let mut node = || rng.random_range(0..nodes);
    let (one, other, sort) = (node(), node(), rng.random_range(0..14));
    match sort {
        0 | 1 => world.kill(one),
        2 | 3 => world.start(one),
        4 => world.freeze(one),
        5 | 6 => world.thaw(one),
        7 if one != other => world.break_link(one, other),
        8 => world.cut(one, other),
        9 => {
            world.cut(one, other);
            world.cut(other, one);
        }
        10 => {
            let border = rng.random_range(0..=nodes);
            world.partition(|node| node < border);
        }
        11 => {
            for other in 0..nodes {
                world.cut(one, other);
            }
        }
        12 => world.heal(),
        13 if world.is_running(one) && !world.is_frozen(one) => world.leave(one),
        _ => {}
    }
}
