//! Islands: several runs of one job that search apart, and send each other candidates now and then (Tanese 1989;
//! Whitley, Rana and Heckendorn 1998).
//!
//! An exchange is an epoch, numbered from 1. Who sends to whom in an epoch is known to all from the job's settings
//! ([`Routes`]), so that every island knows whom to expect and takes migrants in at a place of its own course that
//! does not depend on when they came. A genetic algorithm waits for those of the same epoch before it breeds on; a
//! steady state takes them in one exchange later, so that it seldom waits. Each sends before it waits, and whoever
//! is over says so to all who could expect something of it ([`Migrants::last`]): no island waits for ever.
//!
//! Candidates travel without scores. The receiver measures them like any candidate, and finds the evaluations in the
//! cache, because all islands meet the cases in the same order. They count as evaluations of its budget all the
//! same, so that its course does not depend on what a cache holds.

mod arrival;
mod departure;
mod exchange;
mod island;
mod routes;

use serde::{Deserialize, Serialize};

use crate::candidate::Candidate;

pub(crate) use arrival::Arrival;
pub use departure::Departure;
pub(crate) use exchange::{Exchange, ExchangeState};
pub use island::IslandSettings;
pub use routes::{Routes, Topology};

/// The operator in the birth of a candidate that came from another island.
pub const MIGRANT: &str = "migrant";

/// Migrants of one exchange, at most: more would be no exchange but a merger.
const MOST_MIGRANTS: u32 = 64;

/// How islands exchange candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MigrationConfig {
    /// Who sends to whom.
    pub topology: Topology,
    /// Generations, or windows of a steady state, from one exchange to the next; 1 or more.
    pub every: u32,
    /// Candidates that an island sends to each of its targets in an exchange, 1 to 64; fewer when it has no more.
    pub size: u32,
    /// Which candidates go.
    pub send: Departure,
    /// Which of those that come are taken in.
    pub accept: Acceptance,
}

impl Default for MigrationConfig {
    fn default() -> Self {
        Self {
            topology: Topology::default(),
            every: 2,
            size: 1,
            send: Departure::default(),
            accept: Acceptance::default(),
        }
    }
}

impl MigrationConfig {
    /// What is wrong with the settings, with the key.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), String> {
        if self.every == 0 {
            return Err("`every` must be 1 or more".into());
        }
        if !(1..=MOST_MIGRANTS).contains(&self.size) {
            return Err(format!("`size` is {}, and must be from 1 to {MOST_MIGRANTS}", self.size));
        }
        Ok(())
    }
}

/// Which of the candidates that come are taken in. In every case each is measured first, and one that is known on
/// the island already changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acceptance {
    /// All of them. Where the population is bounded they replace its worst, but never its best; where it is not,
    /// they do not race for their place.
    Always,
    /// Those that would survive as a child of the island's own.
    #[default]
    IfBetter,
}

/// What one island sends to another in an epoch. It may arrive late, twice and in any order, but it must arrive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migrants {
    /// Number of the exchange, from 1.
    pub epoch: u32,
    /// The island that sends them.
    pub from: u32,
    /// The island that they go to.
    pub to: u32,
    /// The candidates, without scores; none when there is only to be said that the sender is over.
    pub candidates: Vec<Candidate>,
    /// Whether the sender is over: it sends nothing after this epoch, and nobody need wait for it.
    pub last: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_user_writes() {
        let config: MigrationConfig =
            serde_json::from_str(r#"{"topology": "full", "send": "tournament", "accept": "if-better"}"#)
                .unwrap();
        let expected = MigrationConfig {
            topology: Topology::Full,
            send: Departure::Tournament,
            ..MigrationConfig::default()
        };
        assert_eq!((config, config.validate()), (expected, Ok(())));
        assert!(serde_json::from_str::<MigrationConfig>(r#"{"rate": 1}"#).is_err());
    }

    #[test]
    fn names_the_key_that_is_out_of_range() {
        let config = MigrationConfig::default();
        let wrong = [
            ("every", MigrationConfig { every: 0, ..config }),
            ("size", MigrationConfig { size: 0, ..config }),
            ("size", MigrationConfig { size: 65, ..config }),
        ];
        for (key, config) in wrong {
            assert!(config.validate().unwrap_err().starts_with(&format!("`{key}`")));
        }
    }
}
