//! What a cluster of processes on this machine can do: calls and evaluations a second over two nodes, how close three
//! nodes come to the ideal time, what an idle node takes, and how fast it joins.
//!
//! Needs the servers of `scripts/servers`. With `EVOHUB_BENCH_RAY`, a Python that has Ray, the same load runs on Ray
//! after each part, and the ratio is printed. Words name the parts to run: `evaluations` (and calls), `spread`, `idle`.

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

mod calls;
mod evaluations;
mod idle;
mod job;
mod node;
mod pauses;
mod process;
mod ray;
mod servers;
mod spread;

use servers::Servers;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() {
    if let Some(setup) = node::Setup::of_environment() {
        return node::serve(setup).await;
    }
    // Cargo adds words of its own, which begin with a dash.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let servers = Servers::start();
    if is_wanted("evaluations") {
        let calls = calls::measure().await;
        evaluations::measure(&servers, calls).await;
    }
    if is_wanted("spread") {
        spread::measure(servers.postgres()).await;
    }
    if is_wanted("idle") {
        idle::measure(&servers).await;
    }
}
