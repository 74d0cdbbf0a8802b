//! How busy a GEPA run keeps 32 slots, and what it reaches, against the same run with one proposal at a time.
//!
//! Simulated time: lognormal latencies with a median of 0.2 s for a task call and 0.8 s for a proposal, sigma 0.8;
//! 100 validation cases, 2,000 task calls. Prints a table; the last column is the true accuracy of the chosen
//! prompt on 2,000 fresh cases, with its standard error over the seeds.

#![expect(clippy::print_stdout, unreachable_pub, reason = "a benchmark reports to its user")]

#[path = "../tests/run/simulation.rs"]
#[expect(dead_code, reason = "the tests read more of an outcome")]
mod simulation;

use evohub_evolution::optimizers::{BanditConfig, GaConfig, GepaConfig};
use evohub_evolution::race::RaceConfig;
use evohub_evolution::{AlgorithmConfig, Budget, IslandSettings};
use simulation::{Landscape, Setup, simulate};

const LANDSCAPES: [(&str, Landscape); 4] = [
    ("proposals help", Landscape { drift: 0.01, spread: 0.05, skills: 1 }),
    ("proposals hurt, wide", Landscape { drift: -0.02, spread: 0.1, skills: 1 }),
    ("proposals mostly hurt", Landscape { drift: -0.03, spread: 0.05, skills: 1 }),
    ("six skills", Landscape { drift: 0.0, spread: 0.05, skills: 6 }),
];

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
        let config = BanditConfig { in_flight, ..BanditConfig::default() };
        variants.push((format!("bandit, {in_flight} in flight"), AlgorithmConfig::Bandit(config)));
    }
    variants.push(("ga".to_owned(), AlgorithmConfig::Ga(GaConfig::default())));
    variants
}

fn main() {
    let seeds = std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_u64);
    for (name, landscape) in LANDSCAPES {
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
                        algorithm: algorithm.clone(),
                        seed,
                        latencies: seed,
                        slots: 32,
                        budget: Budget { evaluations: Some(2_000), ..Budget::default() },
                        cases: 100,
                        reflection: true,
                        duplicates: false,
                        restarts: false,
                        island: IslandSettings::default(),
                    })
                })
                .collect();
            let count = outcomes.len() as f64;
            let mean =
                |part: &dyn Fn(&simulation::Outcome) -> f64| outcomes.iter().map(part).sum::<f64>() / count;
            let truth = |outcome: &simulation::Outcome| landscape.truth(outcome.chosen.as_ref().unwrap());
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
