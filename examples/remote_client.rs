//! A program that hands jobs to a cluster and is no part of it: submit, follow, read the result.
//!
//! ```console
//! $ evohub cluster up --nodes 3 --store postgres://postgres@127.0.0.1/evohub
//! $ cargo run --release --example remote_client -- 127.0.0.1:7301 evohub-cookie examples/movie-sentiment.toml
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::path::Path;

use evohub::cluster::{ClientConfig, TransportLimits};
use evohub::evolution::RunEvent;
use evohub::job_file::JobFile;
use evohub::monitoring::metrics::{Metrics, MetricsConfig};
use evohub::{ClusterClient, JobEvent};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [addresses, cookie, rest @ ..] = arguments.as_slice() else {
        println!(
            "Name the nodes of a cluster, the file of its cookie and a job file. A cluster to try it on:\n"
        );
        println!("  evohub cluster up --nodes 3 --store postgres://USER@HOST/DATABASE");
        println!("  cargo run --release --example remote_client -- 127.0.0.1:7301 evohub-cookie JOB.toml");
        return Ok(());
    };
    let file = rest.first().map_or("examples/movie-sentiment.toml", String::as_str);

    let config = ClientConfig {
        // Tried in this order; should the one that took us go, the others are tried.
        addresses: addresses.split(',').map(str::to_owned).collect(),
        cookie: std::fs::read_to_string(cookie)?.trim().to_owned().into(),
        tls: None,
        insecure: false,
        limits: TransportLimits::default(),
    };
    let client = ClusterClient::connect(config, Metrics::new(&MetricsConfig::default())).await?;
    for node in client.status().await?.nodes {
        println!("{} at {}: {}, {} workers", node.name, node.address, node.state, node.workers);
    }

    // The data files are read here and travel with the job; keys do not.
    let spec = JobFile::load(Path::new(file), &[])?.spec;
    // Durable when this returns: from now on the job runs whether this program lives or not.
    let mut job = client.submit(spec).await?;
    println!("submitted {}", job.id());

    let result = loop {
        let watched = job.next().await?;
        for event in watched.events {
            match event {
                JobEvent::Placed { island, node } => println!("island {island} is hosted by {node}"),
                JobEvent::TakenOver { node } => println!("{node} goes on with the job"),
                JobEvent::Island { event: RunEvent::BestImproved { score, .. }, .. } => {
                    println!("better: {score:.2}")
                }
                JobEvent::Closing { evaluations } => println!("scoring {evaluations} times on sealed cases"),
                _ => {}
            }
        }
        if let Some(result) = watched.result {
            break result;
        }
    };
    match (&result.best, &result.seed.test) {
        (Some(best), Some(before)) => {
            let after = best.test.as_ref().map_or(0.0, |test| test.score);
            println!(
                "{:.2} -> {after:.2} on sealed cases, with this prompt:\n\n{}",
                before.score, best.prompt
            );
        }
        _ => println!("{}", result.error.as_deref().unwrap_or("nothing better than the seed was found")),
    }
    Ok(())
}
