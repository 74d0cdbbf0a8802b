//! Models that answer by chance: the leaders are measured again before they are believed.

use std::thread;

use evohub_evolution::AlgorithmConfig;
use evohub_evolution::optimizers::suite::{Landscape, Outcome, Setup, simulate};
use serde_json::json;

/// Three answers in ten are not what the prompt deserves.
const NOISE: f64 = 0.3;
const SEEDS: u64 = 100;

fn run(name: &str, repeats: u32, seed: u64) -> (f64, f64, u64) {
    // What repeats are paid with is spent on the search where there are none.
    let finals = if repeats > 1 { 0.3 } else { 0.0 };
    let algorithm: AlgorithmConfig =
        serde_json::from_value(json!({ "name": name, "finals": finals })).unwrap();
    let base = Setup::new(algorithm, 1_000);
    // So few cases that the search ranks on all of them.
    let setup = Setup { seed, latencies: seed, noise: NOISE, repeats, cases: 24, ..base };
    let Outcome { chosen, finish, calls, .. } = simulate(&setup);
    let truth = Landscape::HELPFUL.truth(&chosen.unwrap());
    (truth, finish.score.unwrap(), calls)
}

/// Mean true accuracy of the chosen prompts, and by how much their reported validation scores are too good.
fn found(name: &str, repeats: u32) -> (f64, f64) {
    let runs: Vec<_> = (0..SEEDS).map(|seed| run(name, repeats, seed)).collect();
    assert!(runs.iter().all(|(_, _, calls)| (850..=1_000).contains(calls)), "{name}: {runs:?}");
    let mean = |part: &dyn Fn(&(f64, f64, u64)) -> f64| runs.iter().map(part).sum::<f64>() / SEEDS as f64;
    let expected = |truth: f64| truth * (1.0 - NOISE) + (1.0 - truth) * NOISE;
    (mean(&|run| run.0), mean(&|run| run.1 - expected(run.0)))
}

#[test]
fn repeats_make_the_reported_score_honest() {
    thread::scope(|scope| {
        for name in ["ga", "bandit"] {
            scope.spawn(move || {
                let (once, again) = (found(name, 1), found(name, 3));
                assert!(once.1 > 0.1, "{name}: the best of noisy scores is too good: {once:?}");
                assert!(again.1 < 0.8 * once.1, "{name}: {once:?} and {again:?}");
                assert!(again.0 > once.0 - 0.05, "{name}: {once:?} and {again:?}");
            });
        }
    });
}

#[test]
fn who_always_answers_alike_is_not_measured_again() {
    for name in AlgorithmConfig::NAMES {
        let algorithm: AlgorithmConfig = serde_json::from_value(json!({ "name": name })).unwrap();
        let once = Setup { cases: 24, ..Setup::new(algorithm, 600) };
        let again = simulate(&Setup { repeats: 5, ..once.clone() });
        let once = simulate(&once);
        // A few repeats find out. The finals of `gepa` leave room for more, and have other finalists for it.
        assert!(
            again.calls <= once.calls + 10 || *name == "gepa",
            "{name}: {} and {}",
            once.calls,
            again.calls
        );
    }
}
