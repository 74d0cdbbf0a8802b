//! Several reflection models, of which one helps more for its price.

use std::thread;

use evohub_evolution::AlgorithmConfig;
use evohub_evolution::optimizers::suite::{Landscape, Outcome, Setup, assert_same, simulate};
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
