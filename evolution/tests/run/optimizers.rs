//! Every algorithm passes the suite of optimizers.

use std::thread;

use evohub_evolution::AlgorithmConfig;
use evohub_evolution::optimizers::suite::{Baseline, Course, Setup, check_improvement, check_optimizer};
use serde_json::json;

/// An algorithm with its own settings.
fn algorithm(name: &str) -> AlgorithmConfig {
    serde_json::from_value(json!({ "name": name })).unwrap()
}

fn course(name: &str) -> Course {
    if name == "bandit" { Course::ByArrival } else { Course::Fixed }
}

#[test]
fn every_algorithm_passes_the_suite() {
    for name in AlgorithmConfig::NAMES.iter().copied() {
        let algorithm = algorithm(name);
        assert_eq!(algorithm.name(), name);
        assert_eq!(algorithm.validate(), Ok(()));
        for reflection in [true, false] {
            if reflection || !algorithm.needs_reflection() {
                check_optimizer(&Setup { reflection, ..Setup::new(algorithm.clone(), 0) }, course(name));
            }
        }
    }
}

/// What selection is for: all but the baselines are better than steps in any direction.
#[test]
fn every_search_is_better_than_a_random_one() {
    let baseline = Baseline::of(&Setup::new(algorithm("random"), 0));
    let searches =
        AlgorithmConfig::NAMES.iter().copied().filter(|name| !["best-of-n", "random"].contains(name));
    thread::scope(|scope| {
        for name in searches {
            let subject = match name {
                // Without behaviour to tell them apart all prompts share a cell: small batches make up for it.
                "map-elites" => serde_json::from_value(json!({ "name": name, "batch": 6 })).unwrap(),
                _ => algorithm(name),
            };
            let baseline = &baseline;
            scope.spawn(move || check_improvement(&Setup::new(subject, 0), baseline));
        }
    });
}
