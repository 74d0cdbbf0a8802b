//! Properties of whole runs, in simulated time.

#![expect(unreachable_pub, reason = "modules of a test")]

mod answers;
mod archipelago;
mod islands;
mod models;
mod optimizers;
mod recovery;
mod repeats;
mod trade;

use evohub_evolution::diversity::{RestartConfig, SharingConfig};
use evohub_evolution::optimizers::suite::{Landscape, Setup, assert_same, simulate};
use evohub_evolution::optimizers::{
    BehaviourAxis, BestOfNConfig, CapoConfig, DeConfig, Division, EliteSelection, GaConfig, GepaConfig,
    MapElitesConfig, NoveltySearchConfig, Nsga2Config, Objective, Preference, PromptbreederConfig, Property,
    RandomConfig, Replacement,
};
use evohub_evolution::{AlgorithmConfig, Budget, Distance, FinishReason};
use proptest::prelude::*;

fn algorithms() -> impl Strategy<Value = AlgorithmConfig> {
    prop_oneof![
        (1..12_usize, 1..4_usize, any::<bool>(), any::<bool>()).prop_map(|(in_flight, uses, merge, race)| {
            let mut config = GepaConfig { in_flight, minibatch_uses: uses, merge, ..GepaConfig::default() };
            config.race.enabled = race;
            AlgorithmConfig::Gepa(config)
        }),
        // Where likeness matters in every way.
        (2..10_usize, 0.0..0.4_f64, any::<bool>()).prop_map(|(population, min_distance, crowding)| {
            let replacement = if crowding { Replacement::Crowding } else { Replacement::Worst };
            AlgorithmConfig::Ga(GaConfig {
                population,
                elites: population / 3,
                min_distance,
                replacement,
                sharing: Some(SharingConfig::default()),
                restart: Some(RestartConfig { threshold: 0.5, ..RestartConfig::default() }),
                ..GaConfig::default()
            })
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
        (1..20_usize, proptest::option::of(1..60_usize), any::<bool>()).prop_map(|(batch, n, race)| {
            let mut config = BestOfNConfig { n, batch, ..BestOfNConfig::default() };
            config.race.enabled = race;
            AlgorithmConfig::BestOfN(config)
        }),
        (1..20_usize, archives(), any::<bool>(), any::<bool>()).prop_map(
            |(batch, (archive, axes), curious, race)| {
                let selection = if curious { EliteSelection::Curiosity } else { EliteSelection::Uniform };
                let mut config =
                    MapElitesConfig { archive, axes, selection, batch, ..MapElitesConfig::default() };
                config.race.enabled = race;
                AlgorithmConfig::MapElites(config)
            }
        ),
        (2..20_usize, 0.0..1.0_f64, 0.0..1.0_f64, any::<bool>()).prop_map(
            |(population, minimal_criterion, weight, race)| {
                let base = NoveltySearchConfig::default();
                let mut config = NoveltySearchConfig { population, minimal_criterion, weight, ..base };
                config.race.enabled = race;
                AlgorithmConfig::Novelty(config)
            }
        ),
        (2..20_usize, objectives(), any::<bool>(), any::<bool>()).prop_map(
            |(population, objectives, knee, race)| {
                let prefer = if knee { Preference::Knee } else { Preference::Score };
                let mut config = Nsga2Config { population, objectives, prefer, ..Nsga2Config::default() };
                config.constraints.min_score = knee.then_some(0.45);
                config.race.enabled = race;
                AlgorithmConfig::Nsga2(config)
            }
        ),
        (1..6_usize, 1..20_usize, any::<bool>()).prop_map(|(steps, batch, race)| {
            let mut config = RandomConfig { steps, batch, ..RandomConfig::default() };
            config.race.enabled = race;
            AlgorithmConfig::Random(config)
        }),
    ]
}

fn distances() -> impl Strategy<Value = Distance> {
    proptest::sample::select(vec![
        Distance::Shingles,
        Distance::Edit,
        Distance::Embedding,
        Distance::Embedding,
    ])
}

fn objectives() -> impl Strategy<Value = Vec<Objective>> {
    use Property::{Dollars, Length, OutputTokens, Readability, Score, Shots};
    let mut all: Vec<Objective> = [Score, Dollars, Length, OutputTokens, Readability, Shots]
        .into_iter()
        .filter_map(Objective::natural)
        .collect();
    all.push(Objective::maximise(Property::Named("tone".into())));
    proptest::sample::subsequence(all, 1..=7)
}

fn archives() -> impl Strategy<Value = (Division, Vec<BehaviourAxis>)> {
    let axis = |name, low, high| BehaviourAxis { name, low, high, cells: 5 };
    let axes = vec![
        axis(Property::Score, 0.0, 1.0),
        axis(Property::Readability, -20.0, 20.0),
        axis(Property::Length, 0.0, 9.0),
        axis(Property::Named("tone".into()), 0.0, 1.0),
    ];
    let division = prop_oneof![Just(Division::Grid), (1..20_usize).prop_map(|cells| Division::Cvt { cells })];
    (division, proptest::sample::subsequence(axes, 1..=4))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_of_arrival_slots_and_duplicates_change_nothing(
        algorithm in algorithms(), distance in distances(), seed: u64, latencies: u64, slots in 1..64_usize,
        duplicates: bool,
    ) {
        let base = Setup { seed, distance, ..Setup::new(algorithm, 400) };
        let other = Setup { latencies, slots, duplicates, ..base.clone() };
        assert_same(&simulate(&base), &simulate(&other), "another order of arrival");
    }

    #[test]
    fn a_run_that_dies_at_every_checkpoint_ends_alike(
        algorithm in algorithms(), distance in distances(), seed: u64, slots in 1..40_usize,
    ) {
        let base = Setup { seed, slots, distance, ..Setup::new(algorithm, 400) };
        let other = Setup { restarts: true, ..base.clone() };
        assert_same(&simulate(&base), &simulate(&other), "restarts");
    }

    #[test]
    fn no_budget_is_passed(
        algorithm in algorithms(), distance in distances(), seed: u64, slots in 1..64_usize,
        evaluations in proptest::option::of(1..600_u64), dollars in 0.001..0.6_f64, latencies: u64,
    ) {
        let budget = Budget { evaluations, dollars: Some(dollars), tokens: None };
        let outcome = simulate(&Setup { seed, slots, budget, latencies, distance, ..Setup::new(algorithm, 0) });
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
        let outcome = simulate(&Setup { cases: 100, ..Setup::new(algorithm, 2_000) });
        assert_eq!(outcome.finish.reason, FinishReason::Budget);
        assert!((1_700..=2_000).contains(&outcome.calls), "{name} used {}", outcome.calls);
        let truth = Landscape::HELPFUL.truth(&outcome.chosen.unwrap());
        assert!(
            truth > Landscape::HELPFUL.truth(&Landscape::HELPFUL.seed()) + 0.15,
            "{name} reached {truth}"
        );
    }
}

/// The quick start: few evaluations, and no model to reflect.
#[test]
fn a_small_budget_looks_at_many_and_is_sure_of_few() {
    for seed in 0..8 {
        let algorithm = AlgorithmConfig::Gepa(GepaConfig::default());
        let outcome = simulate(&Setup { seed, cases: 100, reflection: false, ..Setup::new(algorithm, 240) });
        assert!(outcome.tree.len() > 10, "looked at {}", outcome.tree.len() - 1);
        assert!((220..=240).contains(&outcome.calls), "used {}", outcome.calls);
        let finalists = outcome.measured.iter().filter(|cases| **cases >= 30).count();
        assert!(finalists >= 2, "{finalists} measured on 30 cases or more");
    }
}

#[test]
fn nsga2_breaks_off_only_who_is_surely_dominated() {
    let landscape = Landscape { drift: -0.1, spread: 0.1, ..Landscape::HELPFUL };
    let saved = |properties: &[Property]| {
        let objectives = properties.iter().cloned().filter_map(Objective::natural).collect();
        let config = Nsga2Config { objectives, ..Nsga2Config::default() };
        simulate(&Setup { landscape, ..Setup::new(AlgorithmConfig::Nsga2(config), 1_000) }).saved
    };
    assert!(saved(&[Property::Score, Property::Length]) > 100, "all prompts are equally long");
    assert_eq!(saved(&[Property::Length]), 0, "without the score nothing is known early");
}
