//! Faults of all kinds, one after the other in an order that a seed decides, while jobs run.
//!
//! `CHAOS_SEED` and `CHAOS_MINUTES` say otherwise than the short run that all tests together have time for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;

use crate::cluster::{Cluster, WORKERS};

const NODES: usize = 4;
/// How long it goes on unless it is told otherwise.
const SHORT: Duration = Duration::from_secs(20);
/// Most of a job's questions before a fault; it has about 500.
const LATEST: usize = 350;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A node is killed, and starts again.
    Kill,
    /// Two nodes are killed at once.
    KillTwo,
    /// All are.
    KillAll,
    /// A node stands still for less than anybody notices.
    Stumble,
    /// A node stands still until it is given up.
    Freeze,
    /// A node leaves, and starts again.
    Leave,
    /// A node is drained, ended and started again.
    Drain,
}

impl Fault {
    const ALL: [Self; 7] =
        [Self::Kill, Self::KillTwo, Self::KillAll, Self::Stumble, Self::Freeze, Self::Leave, Self::Drain];
}

fn setting(name: &str) -> Option<f64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

#[test]
fn faults_come_in_any_order() {
    let seed = setting("CHAOS_SEED").map_or(1, |seed| seed as u64);
    let time = setting("CHAOS_MINUTES").map_or(SHORT, |minutes| Duration::from_secs_f64(60.0 * minutes));
    let mut random = StdRng::seed_from_u64(seed);
    let mut cluster = Cluster::start(NODES);
    let (start, mut jobs, mut counts) = (Instant::now(), 0, BTreeMap::<Fault, usize>::new());
    while start.elapsed() < time {
        jobs += 1;
        let owner = random.random_range(0..NODES);
        let before = cluster.lab.count();
        let job = cluster.submit(owner, &jobs.to_string());
        let mut moments: Vec<usize> =
            (0..random.random_range(1..=2)).map(|_| random.random_range(10..LATEST)).collect();
        moments.sort_unstable();
        for moment in moments {
            cluster.lab.wait_for(before + moment);
            let fault = *Fault::ALL.choose(&mut random).unwrap();
            let mut nodes: Vec<usize> = (0..NODES).collect();
            nodes.shuffle(&mut random);
            println!("seed {seed}, job {jobs} of {owner}: {fault:?} of {nodes:?} after {moment}");
            *counts.entry(fault).or_default() += 1;
            strike(&mut cluster, fault, &nodes);
        }
        // A node that stood still sends what it had begun, and comes too late.
        cluster.check_with(&job, 2 * WORKERS);
        cluster.until_whole();
    }
    println!("seed {seed}: {jobs} jobs in {:?} ended as they should, through {counts:?}", start.elapsed());
}

/// Has a fault happen to the first of some nodes, or more of them. All run again afterwards.
fn strike(cluster: &mut Cluster, fault: Fault, nodes: &[usize]) {
    let one = nodes[0];
    let struck = match fault {
        Fault::Kill => &nodes[..1],
        Fault::KillTwo => &nodes[..2],
        Fault::KillAll => nodes,
        Fault::Stumble | Fault::Freeze => {
            let time = if fault == Fault::Freeze { 7 } else { 1 };
            cluster.freeze(&[one]);
            // Not to wait for anything: this is how long it is frozen.
            std::thread::sleep(Duration::from_secs(time));
            cluster.nodes[one].thaw();
            return;
        }
        Fault::Leave | Fault::Drain => {
            if fault == Fault::Drain {
                let name = cluster.nodes[one].name.clone();
                cluster.run(&["node", "drain", &name], nodes[1]).done();
            }
            cluster.nodes[one].signal(Signal::TERM);
            assert_eq!(cluster.nodes[one].wait(), Some(0), "{}", cluster.nodes[one].said());
            cluster.add(one);
            return;
        }
    };
    cluster.kill(struck);
    struck.iter().for_each(|number| cluster.add(*number));
}
