//! The place of a run among the islands of its job.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{MigrationConfig, Routes, Topology};
use crate::rng::stream;

/// The place of a run among the islands of its job. The default is a job of one island.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IslandSettings {
    /// Which island it is, from 0.
    pub index: u32,
    /// Islands of the job, 1 or more.
    pub count: u32,
    /// How they exchange candidates.
    pub migration: MigrationConfig,
}

impl Default for IslandSettings {
    fn default() -> Self {
        Self { index: 0, count: 1, migration: MigrationConfig::default() }
    }
}

impl IslandSettings {
    /// What is wrong with the settings, with the key.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), String> {
        if self.index >= self.count {
            return Err(format!("`index` is {}, and must be below `count`, {}", self.index, self.count));
        }
        self.migration.validate()
    }

    /// Who sends to whom in a job with this seed.
    pub fn routes(&self, job_seed: u64) -> Routes {
        Routes::new(self.migration.topology, job_seed, self.count)
    }

    /// The seed of all chance on this island. The first island draws as a job of one island would.
    pub fn seed(&self, job_seed: u64) -> u64 {
        match self.index {
            0 => job_seed,
            index => stream(job_seed, "island", index.into()).next_u64(),
        }
    }

    /// The exchange that follows this generation or window, if one does.
    pub(crate) fn epoch_after(&self, generation: u32) -> Option<u32> {
        let every = self.migration.every.max(1);
        let alone = self.count < 2 || self.migration.topology == Topology::None;
        (!alone && generation > 0 && generation.is_multiple_of(every)).then_some(generation / every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_island_draws_as_a_single_one_and_the_others_differ() {
        let seed = |index| IslandSettings { index, count: 3, ..IslandSettings::default() }.seed(7);
        assert_eq!(seed(0), 7);
        assert!(seed(1) != 7 && seed(1) != seed(2));
    }

    #[test]
    fn exchanges_follow_every_so_many_generations() {
        let migration = MigrationConfig { every: 3, ..MigrationConfig::default() };
        let island = IslandSettings { index: 0, count: 2, migration };
        let epochs: Vec<_> = (0..8).map(|generation| island.epoch_after(generation)).collect();
        assert_eq!(epochs, [None, None, None, Some(1), None, None, Some(2), None]);
        let single = IslandSettings { count: 1, ..island };
        let none = MigrationConfig { topology: Topology::None, ..migration };
        let apart = IslandSettings { migration: none, ..island };
        assert!((0..8).all(|at| single.epoch_after(at).is_none() && apart.epoch_after(at).is_none()));
    }

    #[test]
    fn an_island_beyond_the_last_is_refused() {
        let island = IslandSettings { index: 3, count: 3, ..IslandSettings::default() };
        assert_eq!(island.validate().unwrap_err(), "`index` is 3, and must be below `count`, 3");
        assert_eq!(IslandSettings::default().validate(), Ok(()));
    }
}
