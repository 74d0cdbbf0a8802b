//! How busy a GEPA run keeps 32 slots, and what it reaches, against the same run with one proposal at a time.
//!
//! Simulated time: lognormal latencies with a median of 0.2 s for a task call and 0.8 s for a proposal, sigma 0.8;
//! 100 validation cases, 2,000 task calls. Prints a table; the last column is the true accuracy of the chosen
//! prompt on 2,000 fresh cases, with its standard error over the seeds.

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

use evohub_evolution::AlgorithmConfig;
use evohub_evolution::optimizers::suite::{Landscape, Outcome, Setup, simulate};
use evohub_evolution::optimizers::{BanditConfig, GaConfig, GepaConfig};
use evohub_evolution::race::RaceConfig;

fn variants() -> Vec<(String, AlgorithmConfig)> {
    let plain = RaceConfig { enabled: false, ..RaceConfig::default() };
    let paper = GepaConfig {
        minibatch: 3,
        minibatch_uses: 1,
        contenders: 1,
        in_flight: 1,
        race: plain,
        ranking_cases: Some(100),
        finals: 0.0,
        ..GepaConfig::default()
    };
    let mut variants = vec![
        ("gepa as published".to_owned(), AlgorithmConfig::Gepa(paper.clone())),
        ("  8 in flight".to_owned(), AlgorithmConfig::Gepa(GepaConfig { in_flight: 8, ..paper })),
    ];
    for in_flight in [1, 4, 8, 16, 38] {
        let config = GepaConfig { in_flight, ..GepaConfig::default() };
        variants.push((format!("gepa, {in_flight} in flight"), AlgorithmConfig::Gepa(config)));
    }
    for in_flight in [2, 4, 8] {
        let config = BanditConfig { in_flight: Some(in_flight), ..BanditConfig::default() };
        variants.push((format!("bandit, {in_flight} in flight"), AlgorithmConfig::Bandit(config)));
    }
    variants.push(("ga".to_owned(), AlgorithmConfig::Ga(GaConfig::default())));
    variants
}

fn main() {
    let seeds = std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_u64);
    for (name, landscape) in Landscape::ALL {
        println!("{name} (start {:.2}), {seeds} seeds", landscape.truth(&landscape.seed()));
        println!(
            "  {:22} {:>5} {:>8} {:>6} {:>10} {:>15}",
            "", "busy", "seconds", "calls", "proposals", "accuracy"
        );
        let only = std::env::var("ONLY").unwrap_or_default();
        for (label, algorithm) in variants().into_iter().filter(|(label, _)| label.contains(&only)) {
            let outcomes: Vec<_> = (0..seeds)
                .map(|seed| {
                    simulate(&Setup {
                        landscape,
                        seed,
                        latencies: seed,
                        slots: 32,
                        cases: 100,
                        ..Setup::new(algorithm.clone(), 2_000)
                    })
                })
                .collect();
            let count = outcomes.len() as f64;
            let mean = |part: &dyn Fn(&Outcome) -> f64| outcomes.iter().map(part).sum::<f64>() / count;
            let truth = |outcome: &Outcome| landscape.truth(outcome.chosen.as_ref().unwrap());
            let accuracy = mean(&truth);
            let error =
                (mean(&|outcome| (truth(outcome) - accuracy).powi(2)) / (count - 1.0).max(1.0)).sqrt();
            println!(
                "  {label:22} {:>5.2} {:>8.1} {:>6.0} {:>10.0} {:>8.3} ± {error:.3}",
                mean(&|outcome| outcome.busy),
                mean(&|outcome| outcome.seconds),
                mean(&|outcome| outcome.calls as f64),
                mean(&|outcome| outcome.proposals as f64),
                accuracy,
            );
        }
    }
}
