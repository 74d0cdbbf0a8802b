//! Cost-aware prompt optimization (CAPO, arXiv 2504.16005, section 3 and algorithm 1): few children a generation, each
//! crossed and then paraphrased by the model, examples inherited and changed beside the text, races, and a price on
//! length.
//!
//! What differs from the paper:
//! - The population is filled from the seeds by paraphrases, where the paper is given as many prompts as it holds.
//! - Members are measured on all ranked cases, and only children race, against the members: the paper races both,
//!   block by block. The rule is the paper's: who is beaten by as many as the population holds is out.
//! - Lengths are relative to the longest seed with as many examples of mean length as there may be, which is known
//!   before the population is.
//! - Examples show the expected answer; the model's own reasoning is not shown in its place.
//! - The finals compare plain scores.
//! - Without a reflection model, crossover and mutation are done by the run's operators that need none.

use rand::RngExt;
use rand::seq::{SliceRandom, index};
use serde::{Deserialize, Serialize};

use super::cases::cases_by_root;
use super::generational::{Cohort, Conception, Made, Newcomer, Rivals, Rules, Scheme};
use super::leaders::check_finals;
use super::mating::{any_component, ask, best_first, without_model};
use crate::candidate::{Candidate, CandidateId};
use crate::case::Case;
use crate::context::Context;
use crate::race::RaceConfig;
use crate::rng::RunRng;
use crate::variation::crossover::mixed_shots;
use crate::variation::operators::Drawn;
use crate::variation::rewrite::Rewrite;
use crate::variation::shots::{AddShot, DropShot, ShotChoice};
use crate::variation::{Operator, VariationContext};

/// Settings of CAPO.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CapoConfig {
    /// Candidates in the population, 2 or more; the paper's 10.
    pub population: usize,
    /// Children of a generation, 1 or more; the paper's 4.
    pub crossovers: usize,
    /// Most few-shot examples of a candidate, within the limit of the job; the paper's 5.
    pub max_shots: usize,
    /// What a candidate of full length pays of its score, 0 to 1; the paper's 0.05.
    pub length_penalty: f64,
    /// How a child's measurement is broken off early.
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget. The paper's races end at 300.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals, 0 to 0.9; the paper has none.
    pub finals: f64,
}

impl Default for CapoConfig {
    fn default() -> Self {
        Self {
            population: 10,
            crossovers: 4,
            max_shots: 5,
            length_penalty: 0.05,
            race: RaceConfig::default(),
            ranking_cases: None,
            finals: 0.15,
        }
    }
}

impl CapoConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.population < 2 || self.crossovers == 0 {
            return Err("`population` must be 2 or more, `crossovers` 1 or more".into());
        }
        if !(0.0..=1.0).contains(&self.length_penalty) {
            return Err(format!("`length_penalty` is {}, and must be from 0 to 1", self.length_penalty));
        }
        check_finals(self.finals)?;
        self.race.validate()
    }

    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| cases_by_root(evaluations))
    }
}

/// CAPO.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Capo {
    config: CapoConfig,
    /// Characters of a candidate of full length.
    full_length: usize,
}

impl Capo {
    pub(super) fn new(config: CapoConfig) -> Self {
        Self { config, full_length: 1 }
    }

    /// What operators may look at, with no more examples than there are to be.
    fn variation<'a>(&self, cohort: &'a Cohort<'_>) -> VariationContext<'a> {
        let mut variation = cohort.variation();
        variation.limits.max_shots = variation.limits.max_shots.min(self.config.max_shots);
        variation
    }

    /// A variant of a seed with some examples.
    fn settle(&self, place: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let context = cohort.context;
        let seed = &context.settings.seeds[place % context.settings.seeds.len()];
        let variation = self.variation(cohort);
        let examples = rng.random_range(0..=variation.limits.max_shots);
        let mut draft = seed.with_shots(vec![]);
        for _ in 0..examples {
            let added = AddShot { choice: ShotChoice::Random }.vary(&[&draft], &variation, rng);
            draft = added.unwrap_or(draft);
        }
        self.rephrase(vec![seed.id()], draft, Rewrite::Paraphrase, &[seed], cohort, rng)
    }

    /// A child of two members: their texts crossed, the examples of both halved and changed.
    fn cross(&self, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let pair = index::sample(rng, cohort.population.len(), 2);
        let parents: Vec<CandidateId> = pair.iter().map(|at| cohort.population[at]).collect();
        let (mother, father) = (cohort.candidate(parents[0])?, cohort.candidate(parents[1])?);
        let variation = self.variation(cohort);
        let shots = mixed_shots(mother.shots(), father.shots(), variation.limits.max_shots, rng);
        let operators = cohort.context.operators;
        let crossed = match operators.draw(&[mother, father], false, cohort.context.credits, &variation, rng)
        {
            Some(Drawn::Child(crossed, _)) if !cohort.context.settings.reflects() => crossed,
            _ => mixed(mother, father, rng),
        };
        let draft = change_shots(&crossed.with_shots(shots), &variation, rng);
        self.rephrase(parents, draft, Rewrite::ModelCrossover, &[mother, father], cohort, rng)
    }

    /// Has a component of the draft written anew: by the model, or by an operator that needs none.
    fn rephrase(
        &self,
        ids: Vec<CandidateId>,
        draft: Candidate,
        rewrite: Rewrite,
        parents: &[&Candidate],
        cohort: &Cohort<'_>,
        rng: &mut RunRng,
    ) -> Option<Conception> {
        if cohort.context.settings.reflects() {
            let component = any_component(parents[0], rng);
            let question = rewrite.question(parents, &component, &[]);
            return Some(ask(ids, rewrite.as_str(), draft, component, Made::Question(question)));
        }
        let (child, operator) = without_model(&draft, &self.variation(cohort), cohort, rng)?;
        Some(Conception::of(ids, operator, child))
    }
}

impl Scheme for Capo {
    fn rules(&self) -> Rules {
        Rules::new(self.config.race, self.config.finals)
    }

    fn begin(&mut self, context: &Context<'_>) {
        let bare = |seed: &Candidate| seed.with_shots(vec![]).length();
        let longest = context.settings.seeds.iter().map(bare).max().unwrap_or(0);
        let shots: Vec<_> = context.cases.train.iter().filter_map(Case::shot).collect();
        let characters: usize =
            shots.iter().map(|shot| shot.input.chars().count() + shot.output.chars().count()).sum();
        let most = self.config.max_shots.min(context.settings.limits.max_shots);
        let examples = most * characters.checked_div(shots.len()).unwrap_or(0);
        self.full_length = (longest + examples).max(1);
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        match cohort.generation {
            0 => self.config.population.saturating_sub(cohort.population.len()),
            _ => self.config.crossovers,
        }
    }

    fn conceive(&self, place: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let fills_up = cohort.generation == 0 && cohort.population.len() < self.config.population;
        if fills_up || cohort.population.len() < 2 {
            self.settle(place, cohort, rng)
        } else {
            self.cross(cohort, rng)
        }
    }

    /// What was crossed is paraphrased next.
    fn develop(
        &self,
        conception: &mut Conception,
        step: u32,
        text: String,
        _: &Cohort<'_>,
        _: &mut RunRng,
    ) -> Result<Made, &'static str> {
        let child = conception.with_text(text)?;
        if step > 0 || conception.operator != Rewrite::ModelCrossover.as_str() {
            return Ok(Made::Candidate(child));
        }
        let question = Rewrite::Paraphrase.question(&[&child], &conception.component, &[]);
        Ok(Made::Question(question))
    }

    fn handicap(&self, candidate: &Candidate, _: &Context<'_>) -> f64 {
        self.config.length_penalty * candidate.length() as f64 / self.full_length as f64
    }

    fn rivals(&self, _: &Conception, cohort: &Cohort<'_>) -> Rivals {
        Rivals { ids: cohort.population.to_vec(), needed: self.config.population }
    }

    /// The best of members and children stay; of equals the older.
    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        let mut population = best_first(cohort.with(newcomers));
        population.truncate(self.config.population);
        population
    }
}

/// The first parent with about half of the other's components, and its placement and parameters or the other's.
fn mixed(mother: &Candidate, father: &Candidate, rng: &mut RunRng) -> Candidate {
    let mut mixed = mother.clone();
    for (name, text) in father.components() {
        if rng.random_bool(0.5) {
            mixed = mixed.with_component(name, text.clone()).unwrap_or(mixed);
        }
    }
    if rng.random_bool(0.5) {
        mixed = mixed.with_placement(father.placement());
    }
    if rng.random_bool(0.5) {
        mixed = mixed.with_parameters(father.parameters().clone()).unwrap_or(mixed);
    }
    mixed
}

/// Adds an example, drops one, or neither, all alike, and shuffles them.
fn change_shots(candidate: &Candidate, variation: &VariationContext<'_>, rng: &mut RunRng) -> Candidate {
    let changed = match rng.random_range(0..3) {
        0 => AddShot { choice: ShotChoice::Random }.vary(&[candidate], variation, rng),
        1 => DropShot.vary(&[candidate], variation, rng),
        _ => None,
    };
    let mut shots = changed.as_ref().unwrap_or(candidate).shots().to_vec();
    shots.shuffle(rng);
    candidate.with_shots(shots)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::candidate::Shot;
    use crate::rng::stream;
    use crate::variation::VariationLimits;

    #[test]
    fn examples_come_go_and_move() {
        let train: Vec<Case> = (0..6).map(|number| Case::new(number.to_string(), "x")).collect();
        let shots = (0..3).map(|n| Shot { input: n.to_string().into(), output: "x".into() }).collect();
        let parent = Candidate::from_instruction("x").unwrap().with_shots(shots);
        let limits = VariationLimits { max_shots: 4, ..VariationLimits::default() };
        let variation = VariationContext { train: &train.into(), difficulty: &[], limits };
        let children: Vec<Candidate> =
            (0..60).map(|seed| change_shots(&parent, &variation, &mut stream(seed, "test", 0))).collect();
        let sizes: BTreeSet<usize> = children.iter().map(|child| child.shots().len()).collect();
        assert_eq!(sizes, BTreeSet::from([2, 3, 4]));
        let firsts: BTreeSet<&str> = children.iter().map(|child| &*child.shots()[0].input).collect();
        assert!(firsts.len() > 3, "{firsts:?}");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let wrong = CapoConfig { length_penalty: 1.5, ..CapoConfig::default() };
        assert!(wrong.validate().unwrap_err().contains("`length_penalty` is 1.5"));
        assert!(CapoConfig { crossovers: 0, ..CapoConfig::default() }.validate().is_err());
        assert_eq!(CapoConfig::default().validate(), Ok(()));
    }
}
