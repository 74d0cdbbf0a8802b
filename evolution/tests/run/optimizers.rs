//! Every algorithm passes the suite of optimizers.

use evohub_evolution::AlgorithmConfig;
use evohub_evolution::optimizers::suite::{Course, Setup, check_optimizer};

/// An algorithm with its own settings.
fn algorithm(name: &str) -> AlgorithmConfig {
    serde_json::from_value(serde_json::json!({ "name": name })).unwrap()
}

fn course(name: &str) -> Course {
    if name == "bandit" { Course::ByArrival } else { Course::Fixed }
}

#[test]
fn every_algorithm_passes_the_suite() {
    for name in AlgorithmConfig::NAMES {
        let algorithm = algorithm(name);
        assert_eq!(algorithm.name(), *name);
        assert_eq!(algorithm.validate(), Ok(()));
        for reflection in [true, false] {
            if reflection || !algorithm.needs_reflection() {
                check_optimizer(&Setup { reflection, ..Setup::new(algorithm.clone(), 0) }, course(name));
            }
        }
    }
}
