//! The choice of an algorithm for a job.

use serde::{Deserialize, Serialize};

use super::{AlgorithmConfig, BanditConfig, BestOfNConfig, GepaConfig, Nsga2Config};

/// What the choice depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Validation cases.
    pub validation: usize,
    /// Evaluations that the search may make, if that is limited.
    pub evaluations: Option<u64>,
    /// Whether something else than the score matters: dollars, latency, length.
    pub objectives: bool,
    /// Whether there is a model that writes proposals.
    pub reflection: bool,
    /// Whether the run is to be the same whatever order results arrive in.
    pub reproducible: bool,
}

/// An algorithm and why it was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// With the settings that suit.
    pub algorithm: AlgorithmConfig,
    /// Why, in one sentence.
    pub reason: &'static str,
}

/// Evaluations with which a search can do no more than tell a few variants apart.
const FEW: u64 = 60;

impl Facts {
    /// The algorithm that suits. The rules come from this project's own benchmarks (`benches/schedule.rs`,
    /// `scripts/bench peers`).
    pub fn choose(&self) -> Choice {
        let few = self.evaluations.is_some_and(|most| most < FEW.max(2 * self.validation.min(30) as u64));
        let (algorithm, reason) = if self.objectives {
            (
                AlgorithmConfig::Nsga2(Nsga2Config::default()),
                "several objectives matter, and it keeps the whole front of them",
            )
        } else if few {
            let config = BestOfNConfig::default();
            let reason = "the budget pays for telling a few variants of the seed apart, not for a search";
            (AlgorithmConfig::BestOfN(config), reason)
        } else if self.reproducible {
            let config = GepaConfig::default();
            (AlgorithmConfig::Gepa(config), "its course is the same in whatever order results arrive")
        } else if self.reflection {
            let reason = "it keeps all slots busy, so it is done soonest, and takes few proposals";
            (AlgorithmConfig::Bandit(BanditConfig::default()), reason)
        } else {
            let reason = "without a reflection model children are free, and it measures just enough of each";
            (AlgorithmConfig::Bandit(BanditConfig::default()), reason)
        };
        Choice { algorithm, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        validation: 100,
        evaluations: Some(1_000),
        objectives: false,
        reflection: true,
        reproducible: false,
    };

    fn chosen(facts: Facts) -> &'static str {
        facts.choose().algorithm.name()
    }

    #[test]
    fn each_fact_matters() {
        assert_eq!(chosen(FACTS), "bandit");
        assert_eq!(chosen(Facts { reflection: false, ..FACTS }), "bandit");
        assert_eq!(chosen(Facts { evaluations: None, ..FACTS }), "bandit");
        assert_eq!(chosen(Facts { evaluations: Some(40), ..FACTS }), "best-of-n");
        assert_eq!(chosen(Facts { objectives: true, ..FACTS }), "nsga2");
        assert_eq!(chosen(Facts { reproducible: true, ..FACTS }), "gepa");
    }

    #[test]
    fn what_is_chosen_is_in_order() {
        for evaluations in [Some(10), Some(500), None] {
            for (objectives, reflection) in [(false, false), (false, true), (true, false), (true, true)] {
                let facts = Facts { evaluations, objectives, reflection, ..FACTS };
                assert_eq!(facts.choose().algorithm.validate(), Ok(()), "{facts:?}");
            }
        }
    }
}
