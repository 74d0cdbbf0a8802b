//! Islands with settings of their own.

use std::collections::BTreeSet;

use super::*;
use crate::IslandSpec;

fn seed(text: &str) -> Candidate {
    Candidate::from_instruction(text).unwrap()
}

/// The first evolves as another algorithm does and without examples, the second begins elsewhere, the third is as the
/// job says.
fn mixed() -> JobSpec {
    let operators = ["draw_shots", "cover_shots", "add_shot", "replace_shot", "resize_shots"];
    let first = IslandSpec {
        algorithm: Some(AlgorithmConfig::Gepa(GepaConfig::default())),
        operators: operators.map(|name| (name.to_owned(), 0.0)).into(),
        ..IslandSpec::default()
    };
    let second = IslandSpec { seeds: vec![seed("Think."), seed("Look.")], ..IslandSpec::default() };
    let mut spec = archipelago(AlgorithmConfig::Ga(GaConfig::default()));
    spec.islands.each = vec![first, second];
    spec
}

#[tokio::test]
async fn islands_with_settings_of_their_own_exchange_and_end_alike_whatever_dies() {
    let quiet = world(never).await;
    let result = quiet.engine.submit(mixed()).await.unwrap().result().await.unwrap();
    assert_eq!(result.status, "done", "{:?}", result.error);
    assert_eq!(result.seed.candidate, seed("Answer."), "the report compares with the job's seed");
    assert!(result.seed.validation.is_some() && result.seed.test.is_some());
    let expected = course(&quiet, &result).await;

    let born = quiet.store.candidates(&JobId(result.job.clone())).await.unwrap();
    let on = |island: u32| born.iter().filter(move |candidate| candidate.island == island);
    let seeds_on = |island: u32| -> BTreeSet<String> {
        let seeds = on(island).filter(|candidate| candidate.operator == "seed");
        seeds.map(|seed| seed.candidate.component("instruction").to_owned()).collect()
    };
    assert_eq!(seeds_on(0), BTreeSet::from(["Answer.".to_owned()]));
    assert_eq!(seeds_on(1), BTreeSet::from(["Think.".to_owned(), "Look.".to_owned()]));
    assert_eq!(seeds_on(2), seeds_on(0));
    let drew = |island: u32| on(island).any(|candidate| candidate.operator == "draw_shots");
    assert_eq!([0, 1, 2].map(drew), [false, true, true]);
    for island in 0..3 {
        assert!(on(island).any(|candidate| candidate.operator == "migrant"), "none came to island {island}");
    }

    let world = world(never).await;
    let job = world.submit_until(mixed(), 400).await;
    let mut events = job.events();
    world.engine.supervisor.send(SupervisorMessage::ToPopulation(PopulationMessage::Panic));
    assert_eq!(wait_for_restart(&mut events).await, "population");
    world.open();
    let result = job.result().await.unwrap();
    assert_eq!(course(&world, &result).await, expected);
}

#[tokio::test]
async fn what_is_wrong_with_an_island_is_told_with_its_key() {
    let world = world(never).await;
    let refused = async |each: Vec<IslandSpec>| {
        let mut spec = archipelago(AlgorithmConfig::Ga(GaConfig::default()));
        spec.islands.each = each;
        world.engine.submit(spec).await.err().unwrap().to_string()
    };
    let error = refused(vec![IslandSpec::default(); 4]).await;
    assert!(error.contains("`islands.each` describes 4 islands, and there are 3"), "{error}");
    let unknown = IslandSpec { operators: [("fly".to_owned(), 1.0)].into(), ..IslandSpec::default() };
    let error = refused(vec![IslandSpec::default(), unknown]).await;
    assert!(error.contains("`islands.each[1]`: there is no operator `fly`"), "{error}");
    let config = GaConfig { population: 1, ..GaConfig::default() };
    let narrow = IslandSpec { algorithm: Some(AlgorithmConfig::Ga(config)), ..IslandSpec::default() };
    let error = refused(vec![narrow]).await;
    assert!(error.contains("`islands.each[0].algorithm`"), "{error}");
}

#[test]
fn a_job_that_was_stored_without_settings_of_islands_still_reads() {
    let spec = archipelago(AlgorithmConfig::Ga(GaConfig::default()));
    let mut stored = serde_json::to_value(&spec).unwrap();
    stored["islands"].as_object_mut().unwrap().remove("each").unwrap();
    assert_eq!(serde_json::from_value::<JobSpec>(stored).unwrap(), spec);
}
