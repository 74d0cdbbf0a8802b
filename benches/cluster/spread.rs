//! Evaluations that wait as for a model, over three nodes: how close they come to the ideal time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use evohub::ClusterClient;
use evohub::cluster::{ClientConfig, TransportLimits};
use evohub::evolution::rng::stream;
use evohub::monitoring::metrics::{Metrics, MetricsConfig};
use rand::seq::SliceRandom;

use crate::job;
use crate::median;
use crate::node::{COOKIE, Other, Setup};
use crate::pauses::{Done, Pauses, Ran, now};
use crate::ray::{self, Load};

const NODES: usize = 3;
/// Evaluations that a node makes at once.
const WORKERS: usize = 32;
const PROMPTS: usize = 30;
const CASES: usize = 100;
const MEDIAN: Duration = Duration::from_millis(200);
/// Spreads of the waits: those of a model that answers at an even pace, and those of one that does not.
const SIGMAS: [f64; 2] = [0.5, 0.8];
const ROUNDS: usize = 3;
/// Random orders in which the waits are put one after the other in thought.
const ORDERS: u64 = 1_000;

pub(crate) async fn measure(postgres: &str) {
    let evaluations = PROMPTS * CASES;
    println!(
        "{evaluations} evaluations of one generation, lognormal waits with a median of {} ms, {NODES} nodes of \
         {WORKERS} workers",
        MEDIAN.as_millis()
    );
    for sigma in SIGMAS {
        let pauses = Pauses { median: MEDIAN, sigma, delay: Duration::ZERO, concurrency: 2 * WORKERS };
        // The waits of each round are others.
        let name = |round: usize| format!("spread-{sigma}-{round}");
        let first = measure_round(postgres, pauses, &name(0)).await;
        for round in 1..ROUNDS {
            measure_round(postgres, pauses, &name(round)).await;
        }
        let waits = waits(pauses, &name(0));
        if let Some(figures) =
            ray::run(Load::Waits { seconds: &waits, processes: NODES, at_once: WORKERS }).await
        {
            let theirs = figures.seconds / ideal(&waits);
            println!(
                "  Ray           the waits of the first round in {:.2} s, {theirs:.3} times the ideal: {:.3} times as \
                 long as evohub",
                figures.seconds,
                theirs / first
            );
        }
    }
}

/// Seconds that the waits take when all workers are busy to the end.
fn ideal(waits: &[f64]) -> f64 {
    waits.iter().sum::<f64>() / (NODES * WORKERS) as f64
}

/// The waits of a job, in the order in which its evaluations are asked for.
fn waits(pauses: Pauses, name: &str) -> Vec<f64> {
    let cases = job::cases("validation", CASES);
    let of = |(prompt, case): (&_, &_)| pauses.of(prompt, case).as_secs_f64();
    let prompts = job::prompts(name, PROMPTS, 64);
    prompts.iter().flat_map(|prompt| cases.iter().map(move |case| (prompt, case))).map(of).collect()
}

/// How long it takes when whoever is free takes the next of random order, and nothing takes time but the waits: what
/// can be had by who does not know how long each takes. The median.
fn in_random_turn(waits: &[f64]) -> f64 {
    let mut rng = stream(1, "orders", 0);
    let mut waits = waits.to_vec();
    let times = (0..ORDERS).map(|_| {
        waits.shuffle(&mut rng);
        in_turn(&waits, NODES * WORKERS)
    });
    median(times.collect())
}

fn in_turn(waits: &[f64], workers: usize) -> f64 {
    // In microseconds, which have an order.
    let mut free: BinaryHeap<Reverse<u64>> = (0..workers).map(|_| Reverse(0)).collect();
    let mut last = 0;
    for wait in waits {
        let Some(Reverse(at)) = free.pop() else { continue };
        let end = at + (wait * 1e6) as u64;
        last = last.max(end);
        free.push(Reverse(end));
    }
    last as f64 / 1e6
}

/// The time that a job took, as a multiple of the ideal.
async fn measure_round(postgres: &str, pauses: Pauses, name: &str) -> f64 {
    let mut nodes: Vec<Other> = vec![];
    for number in 0..NODES {
        let setup = Setup {
            name: format!("node-{number}"),
            seeds: nodes.iter().map(|node| node.address.clone()).collect(),
            store: postgres.into(),
            workers: WORKERS,
            pauses,
        };
        nodes.push(Other::start(&setup).await);
    }
    let client = client(&nodes).await;
    ready(&client).await;

    let submitted = now();
    let spec = job::spec(name, job::prompts(name, PROMPTS, 64), CASES, None);
    let result = client.submit(spec).await.unwrap().result().await.unwrap();
    let whole = now() - submitted;
    assert_eq!(result.status, "done", "{:?}", result.error);
    assert_eq!(result.evaluations, (PROMPTS * CASES) as u64);

    let mut done = vec![];
    for node in &mut nodes {
        done.push(node.done().await);
    }
    show(pauses, name, &done, submitted, whole)
}

fn show(pauses: Pauses, name: &str, done: &[Done], submitted: f64, whole: f64) -> f64 {
    let waits = waits(pauses, name);
    let (ideal, in_turn) = (ideal(&waits), in_random_turn(&waits));
    // The report's evaluation on the one test case comes after the search.
    let sorted = |of: fn(&Ran) -> f64| {
        let mut times: Vec<f64> = done.iter().flat_map(|done| done.ran.iter().map(of)).collect();
        times.sort_by(f64::total_cmp);
        times.truncate(waits.len());
        times
    };
    let (begins, ends) = (sorted(|ran| ran.begin), sorted(|ran| ran.end));
    let (first, given, last) = (begins[0], begins[waits.len() - 1], ends[waits.len() - 1]);
    let search = last - submitted;
    let busy: Vec<String> =
        done.iter().map(|done| format!("{:.1}", 100.0 * busy(&done.ran, first, given))).collect();
    let begun: usize = done.iter().map(|done| done.begun).sum();
    println!(
        "  sigma {}: {search:.2} s from submission to the last evaluation ({whole:.2} s to the result): {:.3} times \
         the ideal {ideal:.2} s; who gives the next to whoever is free takes {:.3} times the ideal",
        pauses.sigma,
        search / ideal,
        in_turn / ideal
    );
    println!(
        "    first evaluation after {:.0} ms; workers busy until the last began {} % by node; {:.2} s more until it \
         ended; {} given to two nodes",
        1e3 * (first - submitted),
        busy.join(", "),
        last - given,
        begun.saturating_sub(waits.len() + 1)
    );
    search / ideal
}

/// The share of a node's workers that was busy.
fn busy(ran: &[Ran], from: f64, to: f64) -> f64 {
    let within = |ran: &Ran| (ran.end.min(to) - ran.begin.max(from)).max(0.0);
    ran.iter().map(within).sum::<f64>() / (WORKERS as f64 * (to - from))
}

async fn client(nodes: &[Other]) -> ClusterClient {
    let config = ClientConfig {
        addresses: nodes.iter().map(|node| node.address.clone()).collect(),
        cookie: COOKIE.to_owned().into(),
        tls: None,
        insecure: false,
        limits: TransportLimits::default(),
    };
    ClusterClient::connect(config, Metrics::new(&MetricsConfig::default())).await.unwrap()
}

/// Waits until all nodes are there and have said what they can do.
async fn ready(client: &ClusterClient) {
    loop {
        let status = client.status().await.unwrap();
        let works = status.nodes.iter().filter(|node| node.reachable && node.workers > 0);
        if works.count() == NODES {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
