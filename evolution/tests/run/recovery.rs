//! Searches that begin with a prompt that gets everything wrong.

use std::thread;

use evohub_evolution::AlgorithmConfig;
use evohub_evolution::optimizers::auto::Facts;
use evohub_evolution::optimizers::suite::{Landscape, Setup, simulate};
use serde_json::json;

const SEEDS: u64 = 10;
/// True accuracy of a prompt whose defect is mended, and that is no worse than the seed is without it.
const MENDED: f64 = 0.25;

/// In how many of ten runs the chosen prompt has the defect no more.
fn recovered(algorithm: &AlgorithmConfig, reflection: bool) -> usize {
    let landscape = Landscape::DEFECTIVE;
    let is_mended = |seed: &u64| {
        let base = Setup::new(algorithm.clone(), 1_000);
        let run = simulate(&Setup { seed: *seed, latencies: *seed, landscape, reflection, ..base });
        landscape.truth(&run.chosen.unwrap()) > MENDED
    };
    (0..SEEDS).filter(is_mended).count()
}

/// Every answer of the seed is wrong, and one proposal in ten mends that: no score says which way is up until one has.
#[test]
fn a_defective_seed_is_recovered_from() {
    thread::scope(|scope| {
        for name in AlgorithmConfig::NAMES {
            let algorithm: AlgorithmConfig = serde_json::from_value(json!({ "name": name })).unwrap();
            scope.spawn(move || {
                for reflection in [true, false] {
                    if reflection || !algorithm.needs_reflection() {
                        let count = recovered(&algorithm, reflection);
                        assert!(
                            count >= 9,
                            "{name}: {count} of {SEEDS}, with a reflection model: {reflection}"
                        );
                    }
                }
            });
        }
    });
}

#[test]
fn what_auto_chooses_recovers_too() {
    for reproducible in [false, true] {
        let facts = Facts {
            validation: 60,
            evaluations: Some(1_000),
            objectives: false,
            reflection: true,
            reproducible,
        };
        let choice = facts.choose();
        let count = recovered(&choice.algorithm, true);
        assert!(count >= 9, "{}: {count} of {SEEDS}", choice.algorithm.name());
    }
}
