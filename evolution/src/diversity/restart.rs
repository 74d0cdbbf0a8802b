//! Starting anew where a population has collapsed.

use serde::{Deserialize, Serialize};

use crate::selection::truncation;

/// When a population counts as collapsed, and who outlives it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestartConfig {
    /// Diversity (mean pairwise distance) below which a generation counts as poor, 0 (never) to 1.
    pub threshold: f64,
    /// Poor generations in a row that make a collapse, 1 or more.
    pub patience: u32,
    /// Candidates that stay at most, 1 or more.
    pub keep: usize,
    /// How far those who stay must be from each other, 0 to 1.
    pub apart: f64,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self { threshold: 0.1, patience: 3, keep: 2, apart: 0.1 }
    }
}

impl RestartConfig {
    /// What is wrong with the settings, with the key.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), String> {
        for (key, value) in [("threshold", self.threshold), ("apart", self.apart)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("`restart.{key}` is {value}, and must be from 0 to 1"));
            }
        }
        if self.patience == 0 || self.keep == 0 {
            return Err("`restart.patience` and `restart.keep` must be 1 or more".into());
        }
        Ok(())
    }

    /// The positions of those who stay in a restart, best first; all others make room for new ones. From the best
    /// downwards (the earlier first among equals) each stays who is far enough from those who stay already: of the
    /// many copies that a collapse is made of, only the best (clearing; Pétrowski 1996). The best always stays.
    pub fn survivors(&self, fitness: &[f64], distance: impl Fn(usize, usize) -> f64) -> Vec<usize> {
        let mut stay: Vec<usize> = vec![];
        for index in truncation(fitness, fitness.len()) {
            if stay.len() >= self.keep.max(1) {
                break;
            }
            if stay.iter().all(|other| distance(index, *other) >= self.apart) {
                stay.push(index);
            }
        }
        stay
    }
}

/// Watches the diversity of a population from generation to generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollapseWatch {
    poor: u32,
}

impl CollapseWatch {
    /// Takes the diversity of the next generation, and says whether the population has collapsed. It counts from
    /// the start again then: the new ones get as many generations.
    pub fn observe(&mut self, diversity: f64, config: &RestartConfig) -> bool {
        self.poor = if diversity < config.threshold { self.poor + 1 } else { 0 };
        let has_collapsed = self.poor >= config.patience;
        if has_collapsed {
            self.poor = 0;
        }
        has_collapsed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_poor_generations_in_a_row_make_a_collapse() {
        let config = RestartConfig { threshold: 0.2, patience: 2, ..RestartConfig::default() };
        let mut watch = CollapseWatch::default();
        let seen =
            [0.1, 0.3, 0.1, 0.19, 0.1, f64::NAN, 0.0, 0.0].map(|diversity| watch.observe(diversity, &config));
        assert_eq!(seen, [false, false, false, true, false, false, false, true]);
    }

    #[test]
    fn the_best_of_every_cluster_stays() {
        let config = RestartConfig { keep: 3, apart: 0.5, ..RestartConfig::default() };
        let places: [f64; 5] = [0.0, 0.1, 5.0, 5.1, 5.2];
        let distance = |one: usize, other: usize| (places[one] - places[other]).abs();
        assert_eq!(config.survivors(&[0.8, 0.7, f64::NAN, 0.9, 0.9], distance), [3, 0]);
        assert_eq!(
            RestartConfig { apart: 0.0, ..config }.survivors(&[0.8, 0.7, 0.1, 0.9, 0.9], distance),
            [3, 4, 0]
        );
        assert!(config.survivors(&[], distance).is_empty());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let fine = RestartConfig::default();
        assert_eq!(fine.validate(), Ok(()));
        let error = RestartConfig { threshold: 1.5, ..fine }.validate().unwrap_err();
        assert!(error.contains("`restart.threshold` is 1.5"), "{error}");
        assert!(RestartConfig { patience: 0, ..fine }.validate().is_err());
        assert!(RestartConfig { apart: f64::NAN, ..fine }.validate().is_err());
    }

    proptest! {
        #[test]
        fn who_goes_is_near_someone_better_or_there_is_no_room(
            members in prop::collection::vec((0.0..1.0, 0.0..1.0), 1..30),
            keep in 1_usize..6,
            apart in 0.0..1.0,
        ) {
            let config = RestartConfig { keep, apart, ..RestartConfig::default() };
            let (fitness, places): (Vec<f64>, Vec<f64>) = members.into_iter().unzip();
            let distance = |one: usize, other: usize| (places[one] - places[other]).abs();
            let stay = config.survivors(&fitness, distance);
            prop_assert!(!stay.is_empty() && stay.len() <= keep);
            for gone in (0..fitness.len()).filter(|index| !stay.contains(index)) {
                let is_near_better = |own: &usize| distance(gone, *own) < apart && fitness[*own] >= fitness[gone];
                prop_assert!(stay.len() == keep || stay.iter().any(is_near_better));
            }
        }
    }
}
