use proptest::prelude::*;
use rand::seq::SliceRandom;

use super::*;
use crate::optimizers::{GaConfig, GepaConfig};
use crate::rng::stream;

const TESTS: [RaceTest; 3] = [RaceTest::Anytime, RaceTest::Bayes, RaceTest::PairedT];

#[test]
fn looks_grow_and_end_at_all() {
    let race = RaceConfig::of(RaceTest::Bayes);
    assert_eq!(race.looks(50), [6, 12, 24, 50]);
    assert_eq!(race.looks(5), [5]);
    assert_eq!(RaceConfig { growth: 3.0, ..race }.looks(100), [6, 18, 54, 100]);
    assert_eq!(RaceConfig { enabled: false, ..race }.looks(50), [50]);
    assert_eq!(RaceConfig::default().looks(24), [6, 7, 8, 9, 10, 12, 14, 16, 24]);
}

#[test]
fn blocks_are_of_one_size() {
    assert_eq!(RaceConfig::of(RaceTest::PairedT).looks(150), [30, 60, 90, 150]);
    let every = RaceConfig { first_look: 3, block: Some(1), ..RaceConfig::default() };
    assert_eq!(every.looks(9), [3, 4, 5, 6, 9]);
}

#[test]
fn drops_the_clearly_worse_and_keeps_the_equal() {
    let best = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    for test in TESTS {
        let race = RaceConfig { test, ..RaceConfig::default() };
        assert!(race.is_hopeless(&[0.0; 6], &best, 24), "{test:?}");
        assert!(!race.is_hopeless(&best, &best, 24), "{test:?}");
        assert!(!race.is_hopeless(&[1.0, 0.0, 1.0, 1.0, 1.0, 1.0], &best, 24), "{test:?}");
        assert!(!RaceConfig { enabled: false, ..race }.is_hopeless(&[0.0; 6], &best, 24), "{test:?}");
        let rivals = [best.to_vec(), vec![0.0; 6], vec![1.0; 6]];
        assert_eq!(race.beaten_by(&[0.0; 6], &rivals, 24), 2, "{test:?}");
    }
}

#[test]
fn drops_who_cannot_catch_up_whatever_the_test_says() {
    // The reference is right on 9 of 10 cases, the candidate wrong on two of the first three.
    let mut reference = [1.0; 10];
    reference[9] = 0.0;
    let scores = [0.0, 1.0, 0.0];
    for test in TESTS {
        let race = RaceConfig { test, alpha: 1e-9, threshold: 0.0, ..RaceConfig::default() };
        assert!(race.is_hopeless(&scores, &reference, 10), "{test:?}");
        // One more case is another chance, and so is what the reference has not been measured on.
        assert!(!race.is_hopeless(&scores, &reference, 11), "{test:?}");
        assert!(!race.is_hopeless(&scores, &reference[..8], 10), "{test:?}");
    }
}

/// The share of 1,000 candidates, better than the reference by one of 100 cases, that are dropped when they are
/// looked at after every case.
fn wrong_drops(race: &RaceConfig) -> f64 {
    let dropped = (0..1_000).filter(|&seed| {
        let mut pairs = vec![(1.0, 1.0); 100];
        pairs[..13].fill((1.0, 0.0));
        pairs[13..25].fill((0.0, 1.0));
        pairs.shuffle(&mut stream(seed, "pairs", 0));
        let (scores, reference): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        race.looks(100).iter().any(|&seen| race.is_hopeless(&scores[..seen], &reference[..seen], 100))
    });
    dropped.count() as f64 / 1_000.0
}

#[test]
fn only_the_anytime_test_keeps_its_level_when_looked_at_all_the_time() {
    let every = RaceConfig { block: Some(1), ..RaceConfig::default() };
    let anytime = wrong_drops(&every);
    // Three standard errors above 0.2.
    assert!((0.02..0.24).contains(&anytime), "{anytime}");
    let paired = wrong_drops(&RaceConfig { test: RaceTest::PairedT, ..every });
    assert!(paired > 0.3, "{paired}");
}

#[test]
fn settings_are_read_by_their_names() {
    let read = |text: &str| serde_json::from_str::<RaceConfig>(text);
    let old = read(r#"{"enabled": true, "threshold": 0.1, "first_look": 4, "growth": 3.0}"#).unwrap();
    assert_eq!(old, RaceConfig { threshold: 0.1, first_look: 4, growth: 3.0, ..RaceConfig::default() });
    assert_eq!(
        read(r#"{"test": "paired-t", "first_look": 30, "block": 30}"#).unwrap().test,
        RaceTest::PairedT
    );
    assert!(read(r#"{"tests": "bayes"}"#).is_err() && read(r#"{"test": "sprt"}"#).is_err());
    for (race, key) in [
        (RaceConfig { alpha: 0.0, ..RaceConfig::default() }, "alpha"),
        (RaceConfig { alpha: f64::NAN, ..RaceConfig::default() }, "alpha"),
        (RaceConfig { threshold: 0.6, ..RaceConfig::default() }, "threshold"),
        (RaceConfig { block: Some(0), ..RaceConfig::default() }, "block"),
    ] {
        assert!(race.validate().unwrap_err().contains(&format!("`race.{key}`")));
    }
    assert_eq!(RaceConfig::default().validate(), Ok(()));
}

#[test]
fn optimizers_tuned_by_belief_keep_it_unless_told_otherwise() {
    let bayes = RaceConfig::of(RaceTest::Bayes);
    for (text, race) in [
        ("{}", bayes),
        (r#"{"race": {"threshold": 0.1}}"#, RaceConfig { threshold: 0.1, ..bayes }),
        (r#"{"race": {"test": "anytime"}}"#, RaceConfig::default()),
    ] {
        assert_eq!(serde_json::from_str::<GaConfig>(text).unwrap().race, race);
        assert_eq!(serde_json::from_str::<GepaConfig>(text).unwrap().race, race);
    }
}

proptest! {
    #[test]
    fn only_losers_are_certain_to_lose(
        pairs in prop::collection::vec((0.0..=1.0_f64, 0.0..=1.0_f64), 1..30),
        seen in any::<prop::sample::Index>(),
    ) {
        let (scores, reference): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let seen = seen.index(scores.len() + 1);
        if is_lost(&scores[..seen], &reference, reference.len()) {
            prop_assert!(scores.iter().sum::<f64>() < reference.iter().sum::<f64>());
        }
    }

    #[test]
    fn a_better_score_never_makes_a_candidate_hopeless_by_the_last_case(
        pairs in prop::collection::vec((0.0..=1.0_f64, 0.0..=1.0_f64), 1..30),
        better in 0.0..=1.0_f64,
    ) {
        let (mut scores, reference): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let race = RaceConfig::default();
        if !race.is_hopeless(&scores, &reference, 30) {
            let last = scores.last_mut().unwrap();
            *last = last.max(better);
            prop_assert!(!race.is_hopeless(&scores, &reference, 30));
        }
    }
}
