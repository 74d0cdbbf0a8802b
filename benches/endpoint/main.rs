//! How busy evohub keeps an OpenAI-compatible endpoint on loopback that serves at most 32 calls at once, with
//! lognormal latency (median 200 ms, sigma 0.8; proposals 800 ms), and what it adds to a call.
//!
//! Prints, for one prompt on 1,000 cases and for a GEPA job of 2,000 calls: the share of the slots that was busy, and
//! the time between a slot's becoming free and its next call.

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

#[path = "../../tests/support/http.rs"]
mod http;
mod job;
mod landscape;
mod server;
mod stub;

use std::sync::Arc;
use std::time::Instant;

use evohub::evolution::optimizers::{GaConfig, GepaConfig};
use evohub::evolution::{AlgorithmConfig, CaseSet};
use evohub::{JobResult, JobSpec};

use landscape::{FRESH, LANDSCAPES, cases};
use server::{Call, Server, quantile};
use stub::{SLOTS, Stub};

/// Calls at the end that leave slots free because there is nothing more to do.
const TAIL: usize = 64;

async fn run(
    algorithm: AlgorithmConfig,
    seed: u64,
    validation: u64,
    evaluations: u64,
) -> (JobResult, Vec<Call>) {
    let server = Server::start(Arc::new(Stub::new(LANDSCAPES[0], seed))).await;
    let search = CaseSet::new(cases(0..100), cases(1_000..1_000 + validation)).unwrap();
    let test = cases(FRESH).swap_remove(0);
    let job = job::spec(&server.url(), &LANDSCAPES[0].start(), search, test, algorithm, evaluations);
    let job = JobSpec { seed, operators: job::reflection_alone(), ..job };
    (job::run(job).await.unwrap(), server.calls())
}

/// Milliseconds from the end of a call to the beginning of the next one that takes its slot.
fn gaps(calls: &[Call]) -> Vec<f64> {
    // The call that takes a slot is the n-th to begin after the n-th has ended, all slots being full before.
    let mut ends: Vec<Instant> = calls.iter().map(|call| call.end).collect();
    ends.sort();
    let begins = calls.iter().skip(SLOTS).map(|call| call.begin);
    begins.zip(ends).map(|(begin, end)| begin.saturating_duration_since(end).as_secs_f64() * 1e3).collect()
}

#[tokio::main]
async fn main() {
    // A generation that never comes: the seed is measured on all cases, and that is all the budget pays for.
    let whole = GaConfig { ranking_cases: Some(1_000), finals: 0.0, ..GaConfig::default() };
    let (_, calls) = run(AlgorithmConfig::Ga(whole), 1, 1_000, 1_000).await;
    let full = &calls[..calls.len() - TAIL];
    println!(
        "one prompt on 1,000 cases: {:.1} % of {SLOTS} slots busy until the last {TAIL} calls",
        100.0 * server::busy(full, SLOTS)
    );
    println!(
        "  a free slot waits for its next call: median {:.2} ms, p95 {:.2} ms",
        quantile(gaps(full), 0.5),
        quantile(gaps(full), 0.95)
    );

    for seed in 1..=3 {
        let (result, calls) = run(AlgorithmConfig::Gepa(GepaConfig::default()), seed, 100, 2_000).await;
        let proposals = calls.iter().filter(|call| call.is_proposal).count();
        let best = result.best.map_or(0.0, |best| LANDSCAPES[0].truth(&best.prompt));
        println!(
            "gepa where {}, seed {seed}: {} task calls, {proposals} proposals in {:.1} s: {:.1} % of {SLOTS} slots busy from \
             first to last call, true accuracy {best:.3} (the endpoint is late by {:.1} ms at most, p99)",
            LANDSCAPES[0].name,
            calls.len() - proposals,
            server::seconds(&calls),
            100.0 * server::busy(&calls, SLOTS),
            server::lateness(&calls)
        );
    }
}
