//! Searches among prompts that favour one of two answers, right or wrong.

use std::thread;

use evohub_evolution::AlgorithmConfig;
use evohub_evolution::optimizers::BanditConfig;
use evohub_evolution::optimizers::suite::{Landscape, Setup, simulate};

const SEEDS: u64 = 24;

/// Whoever always gives the same answer is right in half of the cases, and looks perfect on a few of one kind. The mean
/// over these seeds was 0.72 while the bandit saw one ability where there are two.
#[test]
fn the_bandit_is_not_taken_in_by_who_gives_one_answer_to_everything() {
    let landscape = Landscape::LEANING;
    let chosen = |seed: u64| {
        let base = Setup::new(AlgorithmConfig::Bandit(BanditConfig::default()), 240);
        let run = simulate(&Setup { seed, latencies: seed, slots: 4, landscape, reflection: false, ..base });
        landscape.truth(&run.chosen.unwrap())
    };
    let truths = thread::scope(|scope| {
        let runs: Vec<_> = (1..=SEEDS).map(|seed| scope.spawn(move || chosen(seed))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect::<Vec<f64>>()
    });
    let mean = truths.iter().sum::<f64>() / SEEDS as f64;
    assert!(mean > 0.76, "{mean:.3} of {truths:.2?}");
}
