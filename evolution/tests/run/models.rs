//! Several reflection models, of which one helps more for its price.

use std::thread;

use evohub_evolution::optimizers::suite::{Landscape, Outcome, Setup, assert_same, simulate};
use evohub_evolution::{AlgorithmConfig, Budget};
use serde_json::json;

const HELPS: Landscape = Landscape { drift: 0.02, spread: 0.06, ..Landscape::HELPFUL };
const HURTS: Landscape = Landscape { drift: -0.05, spread: 0.03, ..Landscape::HELPFUL };

fn algorithm(name: &str) -> AlgorithmConfig {
    serde_json::from_value(json!({ "name": name })).unwrap()
}

fn setup(name: &str, models: &[(Landscape, f64)], seed: u64) -> Setup {
    let base = Setup::new(algorithm(name), 1_500);
    Setup { seed, latencies: seed, models: models.to_vec(), ..base }
}

/// Share of the answers over all seeds that came from the model in this place.
fn share(name: &str, models: &[(Landscape, f64)], place: usize) -> f64 {
    let runs: Vec<Outcome> = (0..20).map(|seed| simulate(&setup(name, models, seed))).collect();
    let answers = |run: &Outcome, at: usize| run.models[at].proposals;
    let all: u64 = runs.iter().map(|run| run.models.iter().map(|tally| tally.proposals).sum::<u64>()).sum();
    let asked: u64 = runs.iter().map(|run| run.proposals).sum();
    assert_eq!(all, asked, "every answer is counted once");
    runs.iter().map(|run| answers(run, place)).sum::<u64>() as f64 / all as f64
}

#[test]
fn who_helps_more_for_its_price_is_asked_most() {
    thread::scope(|scope| {
        for name in ["bandit", "gepa", "ga"] {
            scope.spawn(move || {
                let better = share(name, &[(HURTS, 0.01), (HELPS, 0.01)], 1);
                assert!(better > 0.55, "{name}: {better}");
                let cheaper = share(name, &[(HELPS, 0.3), (HELPS, 0.01)], 1);
                assert!(cheaper > 0.6, "{name}: {cheaper}");
            });
        }
    });
}

/// A limit in dollars alone: it buys many children where questions are cheap, and results where they are dear.
#[test]
fn the_bandit_asks_as_often_as_pays() {
    let budget = Budget { dollars: Some(0.5), ..Budget::default() };
    let run = |price| {
        let run = simulate(&Setup { budget, ..setup("bandit", &[(HELPS, price)], 1) });
        assert!((0.4..=0.5).contains(&run.dollars), "{price}: {} dollars", run.dollars);
        (run.proposals, run.calls)
    };
    let ((many, _), (few, calls)) = (run(0.001), run(0.02));
    assert!(many > 3 * few, "{many} and {few}");
    // Each proposal costs as much as 20 evaluations.
    assert!((15.0..40.0).contains(&(calls as f64 / few as f64)), "{few} with {calls} calls");
}

/// What slots spend while a model thinks is not there any more when its answers come. Where questions take a hundred times
/// as long as evaluations, a search that does not wait reaches about 0.5.
#[test]
fn the_bandit_waits_for_a_slow_model() {
    let reached = |seed: u64| {
        let base =
            Setup { slots: 32, cases: 100, proposal_seconds: 20.0, ..Setup::new(algorithm("bandit"), 1_000) };
        let run = simulate(&Setup { seed, latencies: seed, ..base });
        assert!((50..75).contains(&run.proposals), "{} proposals", run.proposals);
        assert!((900..=1_000).contains(&run.calls), "{} evaluations", run.calls);
        Landscape::HELPFUL.truth(&run.chosen.unwrap())
    };
    let truths: Vec<f64> = (1..=8).map(reached).collect();
    let mean = truths.iter().sum::<f64>() / truths.len() as f64;
    assert!(mean > 0.75, "{mean:.3} of {truths:.2?}");
}

/// With many slots, all of a small budget is reserved for the first calls, each of which takes half of what it might.
#[test]
fn what_is_reserved_does_not_end_a_search() {
    let budget = Budget { dollars: Some(0.1), ..Budget::default() };
    for name in ["bandit", "gepa", "ga"] {
        for restarts in [false, true] {
            let base = Setup::new(algorithm(name), 1);
            let run = simulate(&Setup { budget, slots: 100, restarts, ..base });
            // A question might cost 0.02 dollars.
            assert!((0.08..=0.1).contains(&run.dollars), "{name}, {restarts}: {} dollars", run.dollars);
            let at =
                run.tree.iter().position(|row| row.contains(&run.chosen.as_ref().unwrap().id().to_string()));
            let measured = at.map(|at| run.measured[at]);
            assert!(measured >= Some(12), "{name}, {restarts}: chosen on {measured:?} cases");
        }
    }
}

#[test]
fn what_models_brought_is_told() {
    let run = simulate(&setup("gepa", &[(HURTS, 0.02), (HELPS, 0.01)], 3));
    let [hurts, helps] = run.models[..] else { panic!("{:?}", run.models) };
    assert!(helps.improvement > hurts.improvement, "{:?}", run.models);
    for (tally, price) in [(hurts, 0.02), (helps, 0.01)] {
        assert!(0 < tally.used && tally.used <= tally.proposals, "{tally:?}");
        assert!((tally.dollars - price * tally.proposals as f64).abs() < 1e-9, "{tally:?}");
    }
}

/// Which model answers is decided by the search's own order as well, in a run that is restored too.
#[test]
fn no_order_of_arrival_changes_who_is_asked() {
    for name in AlgorithmConfig::NAMES.iter().filter(|name| algorithm(name).is_order_free()) {
        let models = vec![(HURTS, 0.01), (HELPS, 0.03), (HELPS, 0.01)];
        let base = Setup { seed: 5, models, ..Setup::new(algorithm(name), 500) };
        let expected = simulate(&base);
        assert!(expected.models.iter().all(|tally| tally.proposals > 0), "{name}: {:?}", expected.models);
        for other in [
            Setup { latencies: 17, slots: 3, ..base.clone() },
            Setup { latencies: 4, slots: 50, duplicates: true, ..base.clone() },
            Setup { restarts: true, ..base.clone() },
        ] {
            let run = simulate(&other);
            assert_same(&expected, &run, name);
            let asked = |run: &Outcome| run.models.iter().map(|tally| tally.proposals).collect::<Vec<_>>();
            assert_eq!(asked(&expected), asked(&run), "{name}");
        }
    }
}
