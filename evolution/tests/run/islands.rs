//! Properties of islands that exchange candidates.

use std::sync::Arc;

use evohub_evolution::optimizers::suite::{Setup, result_of, simulate, told};
use evohub_evolution::optimizers::{GaConfig, GepaConfig};
use evohub_evolution::{
    Acceptance, Action, AlgorithmConfig, Budget, Candidate, CandidateId, Departure, Event, FinishReason,
    IslandSettings, MigrationConfig, Run, RunEvent, Topology,
};
use proptest::prelude::*;

use crate::archipelago::{Archipelago, Waters, sail};

fn ga() -> AlgorithmConfig {
    AlgorithmConfig::Ga(GaConfig { population: 4, elites: 1, ranking_cases: Some(10), ..GaConfig::default() })
}

fn gepa() -> AlgorithmConfig {
    let config = GepaConfig { in_flight: 4, window: 4, ranking_cases: Some(12), ..GepaConfig::default() };
    AlgorithmConfig::Gepa(config)
}

fn waters(algorithm: AlgorithmConfig, count: u32, evaluations: u64) -> Waters {
    Waters {
        setup: Setup { slots: 6, ..Setup::new(algorithm, evaluations * u64::from(count)) },
        own: vec![],
        count,
        migration: MigrationConfig { every: 1, ..MigrationConfig::default() },
        deaths: 0,
        stop: None,
        last_budget: None,
    }
}

fn migrations() -> impl Strategy<Value = MigrationConfig> {
    let topologies = prop::sample::select(vec![Topology::Ring, Topology::Full, Topology::Random]);
    let departures = prop::sample::select(vec![Departure::Best, Departure::Tournament, Departure::Random]);
    let acceptances = prop::sample::select(vec![Acceptance::Always, Acceptance::IfBetter]);
    (topologies, 1..4_u32, 1..4_u32, departures, acceptances).prop_map(
        |(topology, every, size, send, accept)| MigrationConfig { topology, every, size, send, accept },
    )
}

fn algorithms() -> impl Strategy<Value = AlgorithmConfig> {
    let ga = (2..7_usize, any::<bool>()).prop_map(|(population, race)| {
        let mut config = GaConfig { population, elites: 1, ranking_cases: Some(10), ..GaConfig::default() };
        config.race.enabled = race;
        AlgorithmConfig::Ga(config)
    });
    let gepa = (1..9_usize, 1..6_usize, any::<bool>(), any::<bool>());
    let gepa = gepa.prop_map(|(in_flight, window, merge, race)| {
        let mut config =
            GepaConfig { in_flight, window, merge, ranking_cases: Some(12), ..GepaConfig::default() };
        config.race.enabled = race;
        AlgorithmConfig::Gepa(config)
    });
    prop_oneof![ga, gepa]
}

fn archipelagos() -> impl Strategy<Value = Waters> {
    (algorithms(), migrations(), 2..5_u32, any::<u64>(), any::<bool>()).prop_map(
        |(algorithm, migration, count, seed, reflection)| {
            let waters = waters(algorithm, count, 250);
            Waters { setup: Setup { seed, reflection, ..waters.setup }, migration, ..waters }
        },
    )
}

fn same_course(one: &Archipelago, other: &Archipelago) {
    for (one, other) in one.isles.iter().zip(&other.isles) {
        assert_eq!(one.tree, other.tree);
        assert_eq!(one.finish, other.finish);
        assert_eq!(one.evaluations, other.evaluations);
    }
    assert_eq!(one.sent, other.sent);
}

fn same_told(one: &Archipelago, other: &Archipelago) {
    let heard =
        |of: &Archipelago| -> Vec<Vec<RunEvent>> { of.isles.iter().map(|isle| told(&isle.events)).collect() };
    assert_eq!(heard(one), heard(other));
}

fn migrants_kept(archipelago: &Archipelago) -> u32 {
    let kept = |event: &RunEvent| match event {
        RunEvent::Migrated { kept, .. } => *kept,
        _ => 0,
    };
    archipelago.isles.iter().flat_map(|isle| &isle.events).map(kept).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_of_arrival_slots_and_duplicates_change_nothing(
        base in archipelagos(), latencies: u64, slots in 1..40_usize, duplicates: bool,
    ) {
        let other = Setup { latencies, slots, duplicates, ..base.setup.clone() };
        let (one, other) = (sail(&base), sail(&Waters { setup: other, ..base }));
        same_course(&one, &other);
        same_told(&one, &other);
    }

    #[test]
    fn islands_that_die_at_any_time_end_alike(
        base in archipelagos(), latencies: u64, duplicates: bool, deaths in 1..12_u32,
    ) {
        let other = Setup { latencies, duplicates, ..base.setup.clone() };
        let other = Waters { setup: other, deaths, ..base.clone() };
        same_course(&sail(&base), &sail(&other));
    }

    #[test]
    fn islands_of_different_algorithms_end_alike_whatever_happens(
        base in archipelagos(), own in prop::collection::vec(algorithms(), 1..5),
        latencies: u64, slots in 1..40_usize, duplicates: bool, deaths in 0..8_u32,
    ) {
        let base = Waters { own, ..base };
        let other = Setup { latencies, slots, duplicates, ..base.setup.clone() };
        let other = Waters { setup: other, deaths, ..base.clone() };
        same_course(&sail(&base), &sail(&other));
    }

    #[test]
    fn no_budget_is_passed(
        base in archipelagos(), latencies: u64, deaths in 0..4_u32,
        evaluations in proptest::option::of(1..900_u64), dollars in 0.001..0.9_f64,
    ) {
        let budget = Budget { evaluations, dollars: Some(dollars), tokens: None };
        let setup = Setup { budget, latencies, ..base.setup.clone() };
        let outcome = sail(&Waters { setup, deaths, ..base });
        let spent: f64 = outcome.isles.iter().map(|isle| isle.dollars).sum();
        prop_assert!(spent <= dollars + 1e-9, "{spent} of {dollars}");
        for isle in &outcome.isles {
            prop_assert!(isle.evaluations <= isle.budget.evaluations.unwrap_or(u64::MAX));
        }
        let all: u64 = outcome.isles.iter().map(|isle| isle.evaluations).sum();
        prop_assert!(all <= evaluations.unwrap_or(u64::MAX));
    }

    #[test]
    fn an_island_that_ends_early_does_not_hold_up_the_others(
        base in archipelagos(), little in 0..120_u64, stopped in 0..2_u32, after in 1..900_u32,
        deaths in 0..6_u32, latencies: u64,
    ) {
        let last_budget = Some(Budget { evaluations: Some(little), ..Budget::default() });
        let setup = Setup { latencies, ..base.setup.clone() };
        let outcome = sail(&Waters { setup, last_budget, deaths, stop: Some((stopped, after)), ..base });
        prop_assert!(outcome.isles.last().unwrap().evaluations <= little);
    }

    #[test]
    fn without_exchange_each_island_is_a_run_of_its_own(algorithm in algorithms(), seed: u64, every in 1..4_u32) {
        let base = waters(algorithm, 3, 250);
        let migration = MigrationConfig { topology: Topology::None, every, ..base.migration };
        let setup = Setup { seed, ..base.setup.clone() };
        let apart = sail(&Waters { setup: setup.clone(), migration, ..base });
        let alone = Budget { evaluations: Some(250), ..Budget::default() };
        let single = simulate(&Setup { budget: alone, ..setup.clone() });
        prop_assert_eq!(&apart.isles[0].tree, &single.tree);
        prop_assert_eq!(&apart.isles[0].finish, &single.finish);
        prop_assert!(apart.sent.is_empty());
        let trees: Vec<_> = apart.isles.iter().map(|isle| &isle.tree).collect();
        prop_assert!(trees[1] != trees[0] && trees[1] != trees[2], "each island has chance of its own");
        // Nor does it matter to a single island how it would exchange.
        let migration = MigrationConfig { topology: Topology::Full, every, ..migration };
        let island = IslandSettings { migration, ..setup.island };
        prop_assert_eq!(simulate(&Setup { island, budget: alone, ..setup }).tree, single.tree);
    }
}

/// Every candidate of an island that is another's was sent to it, and everybody hears when an island is over.
#[test]
fn candidates_travel_as_the_topology_says() {
    for (algorithm, topology) in [ga(), gepa()].into_iter().flat_map(|algorithm| {
        [Topology::Ring, Topology::Full, Topology::Random].map(|topology| (algorithm.clone(), topology))
    }) {
        let name = format!("{} {topology:?}", algorithm.name());
        let base = waters(algorithm, 3, 500);
        let migration = MigrationConfig { topology, size: 2, ..base.migration };
        let outcome = sail(&Waters { migration, ..base });
        let others = if topology == Topology::Ring { 1 } else { 2 };
        let farewells = outcome.sent.values().filter(|migrants| migrants.last).count();
        assert_eq!(farewells, 3 * others, "{name}");
        let epochs = outcome.sent.keys().map(|(epoch, ..)| *epoch).max().unwrap();
        assert!(epochs > 3, "{name} had {epochs} epochs");
        assert!(migrants_kept(&outcome) > 3, "{name} kept {} migrants", migrants_kept(&outcome));
        assert!(outcome.waits > 0, "{name} never waited for a message of seconds");
        for (to, isle) in outcome.isles.iter().enumerate() {
            let sent_to_it: Vec<CandidateId> = outcome
                .sent
                .values()
                .filter(|migrants| migrants.to as usize == to)
                .flat_map(|migrants| migrants.candidates.iter().map(Candidate::id))
                .collect();
            let mut migrants = 0;
            for event in &isle.events {
                if let RunEvent::CandidateBorn { candidate, birth, .. } = event
                    && birth.operator == "migrant"
                {
                    migrants += 1;
                    assert!(birth.parents.is_empty() && birth.generation > 0, "{name} {birth:?}");
                    assert!(sent_to_it.contains(&candidate.id()), "{name}");
                }
            }
            assert!(migrants > 0, "{name}: nobody came to island {to}");
        }
    }
}

/// A genetic algorithm waits for migrants, a steady state does not, and some algorithms do not heed the order.
#[test]
fn islands_of_different_algorithms_exchange() {
    let named = |name: &str| -> AlgorithmConfig {
        serde_json::from_value(serde_json::json!({ "name": name })).unwrap()
    };
    for own in [vec![gepa()], vec![gepa(), named("bandit")], vec![named("nsga2"), named("map-elites")]] {
        let names: Vec<&str> = own.iter().map(AlgorithmConfig::name).collect();
        let outcome = sail(&Waters { own: own.clone(), ..waters(ga(), 3, 500) });
        for (to, isle) in outcome.isles.iter().enumerate() {
            let migrant = |event: &RunEvent| matches!(event, RunEvent::CandidateBorn { birth, .. } if birth.operator == "migrant");
            assert!(isle.events.iter().any(migrant), "{names:?}: nobody came to island {to}");
            assert!(isle.finish.best.is_some(), "{names:?}: island {to} chose nothing");
        }
    }
}

/// What each side announces is what was sent.
#[test]
fn both_sides_announce_an_exchange() {
    for algorithm in [ga(), gepa()] {
        let outcome = sail(&waters(algorithm, 3, 500));
        for (at, isle) in outcome.isles.iter().enumerate() {
            for event in &isle.events {
                let (key, count) = match event {
                    RunEvent::Emigrated { epoch, to, candidates } => {
                        ((*epoch, at as u32, *to, false), candidates)
                    }
                    RunEvent::Migrated { epoch, from, candidates, kept } => {
                        assert!(kept <= candidates);
                        ((*epoch, *from, at as u32, false), candidates)
                    }
                    _ => continue,
                };
                assert_eq!(outcome.sent[&key].candidates.len() as u32, *count);
            }
        }
    }
}

#[test]
fn all_that_come_are_kept_when_all_are_to_be() {
    for algorithm in [ga(), gepa()] {
        let name = algorithm.name();
        let base = waters(algorithm, 3, 500);
        let kept = |accept| {
            let migration = MigrationConfig { accept, send: Departure::Random, ..base.migration };
            migrants_kept(&sail(&Waters { migration, ..base.clone() }))
        };
        let (always, if_better) = (kept(Acceptance::Always), kept(Acceptance::IfBetter));
        assert!(always > if_better, "{name} kept {always}, and {if_better} when they had to be better");
    }
}

#[test]
fn islands_that_died_say_again_what_they_said() {
    for algorithm in [ga(), gepa()] {
        let outcome = sail(&Waters { deaths: 20, ..waters(algorithm, 3, 500) });
        assert!(outcome.sent_again > 0);
    }
}

/// Nothing else is under way while an island waits, and it closes all the same.
#[test]
fn an_island_that_waits_can_be_stopped() {
    for algorithm in [ga(), gepa()] {
        let waters = waters(algorithm, 2, 500);
        let mut all = waters.setup.settings();
        all.island = IslandSettings { index: 0, count: 2, migration: waters.migration };
        let operators = Arc::new(waters.setup.operators());
        let mut run = Run::new(Arc::new(all.for_island(0)), Arc::new(waters.setup.cases()), operators);
        let mut open = run.step(Event::SlotsFree { count: 8 });
        while let Some(action) = open.pop() {
            if let Some((_, event)) = result_of(&action, &waters.setup) {
                open.extend(run.step(event));
                open.extend(run.step(Event::SlotsFree { count: 8 }));
            }
        }
        assert_eq!((run.waiting_for(), run.in_flight_count()), (vec![1], 0));
        let end = run.step(Event::StopAsked);
        let farewell = end.iter().position(|action| matches!(action, Action::Emigrate(m) if m.last));
        let finish = end.iter().position(|action| matches!(action, Action::Finish(_)));
        assert!(farewell.unwrap() < finish.unwrap());
        let finish = run.finish().unwrap();
        assert_eq!(finish.reason, FinishReason::Stopped);
        assert!(finish.best.is_some() && run.waiting_for().is_empty());
    }
}
