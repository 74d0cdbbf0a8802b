//! Properties of whole runs, in simulated time.

#![expect(unreachable_pub, reason = "modules of a test")]

mod archipelago;
mod islands;
#[expect(dead_code, reason = "the benchmark reads more of an outcome")]
mod simulation;

use evohub_evolution::optimizers::{CapoConfig, DeConfig, GaConfig, GepaConfig, PromptbreederConfig};
use evohub_evolution::{AlgorithmConfig, Budget, FinishReason, IslandSettings, Progress, RunEvent};
use proptest::prelude::*;
use simulation::{Landscape, Outcome, Setup, simulate};

const LANDSCAPE: Landscape = Landscape { drift: 0.01, spread: 0.05, skills: 1 };

fn setup(algorithm: AlgorithmConfig, evaluations: u64) -> Setup {
    Setup {
        landscape: LANDSCAPE,
        algorithm,
        seed: 1,
        latencies: 1,
        slots: 16,
        budget: Budget { evaluations: Some(evaluations), ..Budget::default() },
        cases: 60,
        reflection: true,
        duplicates: false,
        restarts: false,
        island: IslandSettings::default(),
    }
}

fn algorithms() -> impl Strategy<Value = AlgorithmConfig> {
    prop_oneof![
        (1..12_usize, 1..4_usize, any::<bool>(), any::<bool>()).prop_map(|(in_flight, uses, merge, race)| {
            let mut config = GepaConfig { in_flight, minibatch_uses: uses, merge, ..GepaConfig::default() };
            config.race.enabled = race;
            AlgorithmConfig::Gepa(config)
        }),
        (2..10_usize, any::<bool>()).prop_map(|(population, race)| {
            let mut config = GaConfig { population, elites: population / 3, ..GaConfig::default() };
            config.race.enabled = race;
            AlgorithmConfig::Ga(config)
        }),
        (2..8_usize, 1..5_usize, any::<bool>()).prop_map(|(population, crossovers, race)| {
            let mut config = CapoConfig { population, crossovers, ..CapoConfig::default() };
            config.race.enabled = race;
            AlgorithmConfig::Capo(config)
        }),
        (3..8_usize, any::<bool>()).prop_map(|(population, race)| {
            let mut config = DeConfig { population, ..DeConfig::default() };
            config.race.enabled = race;
            AlgorithmConfig::De(config)
        }),
        (2..9_usize, any::<bool>()).prop_map(|(population, race)| {
            let mut config = PromptbreederConfig { population, ..PromptbreederConfig::default() };
            config.race.enabled = race;
            AlgorithmConfig::Promptbreeder(config)
        }),
    ]
}

fn same_run(one: &Outcome, other: &Outcome) {
    assert_eq!(one.tree, other.tree);
    assert_eq!(one.finish, other.finish);
    assert_eq!(one.calls, other.calls);
    assert_eq!(one.proposals, other.proposals);
    assert_eq!(told(one), told(other));
}

fn told(outcome: &Outcome) -> Vec<RunEvent> {
    without_spending(&outcome.events)
}

/// What observers were told, without what had been spent until then: that is the one thing that does depend on the
/// order of arrival.
fn without_spending(events: &[RunEvent]) -> Vec<RunEvent> {
    let without_spending = |event: &RunEvent| match event {
        RunEvent::GenerationCompleted(progress) => {
            RunEvent::GenerationCompleted(Progress { evaluations: 0, dollars: 0.0, ..*progress })
        }
        event => event.clone(),
    };
    events.iter().map(without_spending).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_of_arrival_slots_and_duplicates_change_nothing(
        algorithm in algorithms(), seed: u64, latencies: u64, slots in 1..64_usize, duplicates: bool,
    ) {
        let base = Setup { seed, ..setup(algorithm, 400) };
        let other = Setup { latencies, slots, duplicates, ..base.clone() };
        same_run(&simulate(&base), &simulate(&other));
    }

    #[test]
    fn a_run_that_dies_at_every_checkpoint_ends_alike(algorithm in algorithms(), seed: u64, slots in 1..40_usize) {
        let base = Setup { seed, slots, ..setup(algorithm, 400) };
        let other = Setup { restarts: true, ..base.clone() };
        same_run(&simulate(&base), &simulate(&other));
    }

    #[test]
    fn no_budget_is_passed(
        algorithm in algorithms(), seed: u64, slots in 1..64_usize,
        evaluations in proptest::option::of(1..600_u64), dollars in 0.001..0.6_f64, latencies: u64,
    ) {
        let budget = Budget { evaluations, dollars: Some(dollars), tokens: None };
        let outcome = simulate(&Setup { seed, slots, budget, latencies, ..setup(algorithm, 0) });
        prop_assert!(outcome.dollars <= dollars + 1e-9, "{} of {dollars}", outcome.dollars);
        prop_assert!(outcome.calls <= evaluations.unwrap_or(u64::MAX));
    }
}

#[test]
fn a_budget_is_used_up_and_the_prompt_gets_better() {
    for algorithm in [
        AlgorithmConfig::Capo(CapoConfig::default()),
        AlgorithmConfig::De(DeConfig::default()),
        AlgorithmConfig::Promptbreeder(PromptbreederConfig::default()),
        AlgorithmConfig::Gepa(GepaConfig::default()),
        AlgorithmConfig::Ga(GaConfig::default()),
    ] {
        let name = algorithm.name();
        let outcome = simulate(&Setup { cases: 100, ..setup(algorithm, 2_000) });
        assert_eq!(outcome.finish.reason, FinishReason::Budget);
        assert!((1_700..=2_000).contains(&outcome.calls), "{name} used {}", outcome.calls);
        let truth = LANDSCAPE.truth(&outcome.chosen.unwrap());
        assert!(truth > LANDSCAPE.truth(&LANDSCAPE.seed()) + 0.15, "{name} reached {truth}");
    }
}

/// The quick start: few evaluations, and no model to reflect.
#[test]
fn a_small_budget_looks_at_many_and_is_sure_of_few() {
    for seed in 0..8 {
        let algorithm = AlgorithmConfig::Gepa(GepaConfig::default());
        let outcome = simulate(&Setup { seed, cases: 100, reflection: false, ..setup(algorithm, 240) });
        assert!(outcome.tree.len() > 10, "looked at {}", outcome.tree.len() - 1);
        assert!((220..=240).contains(&outcome.calls), "used {}", outcome.calls);
        let finalists = outcome.measured.iter().filter(|cases| **cases >= 30).count();
        assert!(finalists >= 2, "{finalists} measured on 30 cases or more");
    }
}
