//! Best of n: variants of the first seed, each one operator away, of which the best wins: the search of APE without its
//! further rounds (Zhou et al. 2023, arXiv 2211.01910, section 3). It shows what there is to gain without learning from
//! any proposal.

use serde::{Deserialize, Serialize};

use super::cases::cases_by_root;
use super::generational::{Cohort, Conception, Made, Newcomer, Rivals, Rules, Scheme};
use super::leaders::{check_finals, leaders};
use super::mating::mate_on;
use crate::candidate::CandidateId;
use crate::race::RaceConfig;
use crate::rng::RunRng;

/// Settings of best of n.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BestOfNConfig {
    /// Variants, 1 or more, on each island; absent: as many as the budget pays for. A proposal that cannot be used is
    /// none.
    pub n: Option<usize>,
    /// Variants that are made and measured at a time, 1 or more.
    pub batch: usize,
    /// How a variant's measurement is broken off early: it races against the best so far.
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: as many as let `n` be measured on all of them,
    /// at least 12, and without `n` chosen by the budget.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals among the best five, 0 to 0.9.
    pub finals: f64,
}

impl Default for BestOfNConfig {
    fn default() -> Self {
        Self { n: None, batch: 16, race: RaceConfig::default(), ranking_cases: None, finals: 0.15 }
    }
}

impl BestOfNConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.n == Some(0) {
            return Err("`n` must be 1 or more".into());
        }
        if self.batch == 0 {
            return Err("`batch` must be 1 or more".into());
        }
        check_finals(self.finals)?;
        self.race.validate()
    }

    /// As many as let the seed and so many variants be paid for, at least 12.
    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        let search = evaluations.map(|most| (most as f64 * (1.0 - self.finals)) as usize);
        let for_all = |n: usize| search.map(|search| (search / (n + 1)).max(12));
        self.ranking_cases.or_else(|| match self.n {
            Some(n) => for_all(n),
            None => cases_by_root(evaluations),
        })
    }
}

/// Draws until an operator asks the model, where there is one.
const DRAWS: usize = 8;

/// Best of n.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BestOfN {
    config: BestOfNConfig,
}

impl BestOfN {
    pub(super) fn new(config: BestOfNConfig) -> Self {
        Self { config }
    }

    /// Variants still to be made; `None` for as many as can be.
    fn left(&self, cohort: &Cohort<'_>) -> Option<usize> {
        let is_variant = |parents: &[CandidateId]| !parents.is_empty();
        let births = cohort.context.ledger.births().iter();
        let made = births.filter(|born| is_variant(&born.birth.parents)).count();
        self.config.n.map(|n| n.saturating_sub(made))
    }
}

impl Scheme for BestOfN {
    fn rules(&self) -> Rules {
        Rules::new(self.config.race, self.config.finals)
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        let batch = self.config.batch.min(cohort.affordable(self.config.finals));
        self.left(cohort).map_or(batch, |left| batch.min(left))
    }

    fn is_complete(&self, cohort: &Cohort<'_>) -> bool {
        self.left(cohort) == Some(0)
    }

    /// With a reflection model a variant is what the model makes of the seed, unless the operators that ask it are
    /// switched off; otherwise it is what one operator makes of it.
    fn conceive(&self, place: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let seed = cohort.context.settings.seeds.first()?.id();
        // A minibatch of its own: the same question twice would bring one variant.
        let minibatch = u64::from(cohort.generation) * self.config.batch as u64 + place as u64;
        let draws = if cohort.context.settings.reflects() { DRAWS } else { 1 };
        let mut drawn = None;
        for _ in 0..draws {
            drawn = mate_on(vec![seed], minibatch, cohort, rng).or(drawn);
            if drawn.as_ref().is_some_and(|drawn| !matches!(drawn.made, Made::Candidate(_))) {
                break;
            }
        }
        drawn
    }

    fn rivals(&self, _: &Conception, cohort: &Cohort<'_>) -> Rivals {
        Rivals::first_of(cohort.population)
    }

    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        leaders(newcomers, cohort)
    }
}
