//! Promptbreeder (arXiv 2309.16797): the advice by which prompts are changed is bred along with them.
//!
//! A unit is a candidate and its mutation prompt. In each generation the units meet in pairs (section 3.1, a binary
//! tournament); a mutation of the better one takes the place of the other. Its operator is drawn among five classes
//! (section 3.2): direct mutation, estimation of distribution, hyper-mutation, Lamarckian mutation, and crossover with
//! the shuffling of examples. It can do little without a reflection model, and is not run without one.
//!
//! What differs from the paper:
//! - Each class is drawn alike, then each operator within it; the paper draws each of its nine operators alike, and
//!   adds crossover and shuffling with 10 % to whatever was drawn.
//! - The paper describes the task in words; here the first seed's text is the description.
//! - A child races against the unit whose place it is to take, which stays if it is surely better. Once measured in
//!   full a child takes the place, better or not, as in the paper.
//! - Lists of prompts hold at most sixteen, and likeness is the distance of token shingles in place of that of
//!   embeddings. Lists say how they are ordered, where the paper misleads the model about it.
//! - Thinking styles and mutation prompts are our own.

mod mutation;

use std::collections::BTreeMap;

use rand::seq::{IndexedRandom, SliceRandom};
use serde::{Deserialize, Serialize};

use super::cases::cases_by_root;
use super::generational::{Cohort, Conception, Made, Newcomer, Rivals, Rules, Scheme};
use super::leaders::check_finals;
use super::mating::best_first;
use crate::candidate::CandidateId;
use crate::race::RaceConfig;
use crate::rng::{RunRng, stream};
use crate::variation::library::MUTATION_PROMPTS;
use crate::variation::rewrite::{Question, Rewrite};

use mutation::{LONGEST_LIST, Unit};

/// Settings of Promptbreeder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromptbreederConfig {
    /// Units, 2 or more; the paper's 50, for a hundred times the evaluations. With some thousands of them few units
    /// that breed for long reach more than many that breed for a short while.
    pub population: usize,
    /// Prompts nearer to one that is on a list already are left out of it: the distance of token shingles, 0 (only
    /// the same) to 1. The paper leaves out embeddings with a cosine above 0.95.
    pub duplicate_distance: f64,
    /// How a child's measurement is broken off early; the paper has no race.
    pub race: RaceConfig,
    /// Validation cases that the search ranks on; absent: chosen by the budget. The paper draws 100 for each.
    pub ranking_cases: Option<usize>,
    /// Part of the evaluations kept for the finals, 0 to 0.9; the paper has none.
    pub finals: f64,
}

impl Default for PromptbreederConfig {
    fn default() -> Self {
        Self {
            population: 6,
            duplicate_distance: 0.1,
            race: RaceConfig::default(),
            ranking_cases: None,
            finals: 0.15,
        }
    }
}

impl PromptbreederConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.population < 2 {
            return Err(format!("`population` is {}, and must be 2 or more", self.population));
        }
        if !(0.0..=1.0).contains(&self.duplicate_distance) {
            let found = self.duplicate_distance;
            return Err(format!("`duplicate_distance` is {found}, and must be from 0 to 1"));
        }
        check_finals(self.finals)?;
        self.race.validate()
    }

    pub(super) fn ranking_cases(&self, evaluations: Option<u64>) -> Option<usize> {
        self.ranking_cases.or_else(|| cases_by_root(evaluations))
    }
}

/// Promptbreeder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Promptbreeder {
    config: PromptbreederConfig,
    /// Those of the members that inherited one.
    #[serde(with = "crate::pairs")]
    mutation_prompts: BTreeMap<CandidateId, String>,
    /// Who was the best of a generation, in the order in which they became it.
    elites: Vec<CandidateId>,
}

/// What is remembered of a child until it is a unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    mutation_prompt: String,
    /// Whose place it takes.
    loser: Option<CandidateId>,
}

impl Note {
    fn of(conception: &Conception) -> Option<Self> {
        serde_json::from_str(&conception.note).ok()
    }

    fn write(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

impl Promptbreeder {
    pub(super) fn new(config: PromptbreederConfig) -> Self {
        Self { config, mutation_prompts: BTreeMap::new(), elites: vec![] }
    }

    fn fills_up(&self, cohort: &Cohort<'_>) -> bool {
        let first = cohort.generation == 0 && cohort.population.len() < self.config.population;
        first || cohort.population.len() < 2
    }

    /// The pair with this place in its generation, the better first.
    fn pair(&self, place: usize, cohort: &Cohort<'_>) -> Option<(CandidateId, CandidateId)> {
        let mut ranks: Vec<usize> = (0..cohort.population.len()).collect();
        ranks.shuffle(&mut stream(cohort.context.seed, "pairs", cohort.generation.into()));
        let &[one, other] = ranks.chunks_exact(2).nth(place)? else { return None };
        Some((cohort.population[one.min(other)], cohort.population[one.max(other)]))
    }

    /// The mutation prompt of a unit: inherited, or one of the library.
    fn mutation_prompt(&self, id: CandidateId, cohort: &Cohort<'_>) -> String {
        let drawn = || {
            let ordinal = cohort.context.ledger.ordinal(id).unwrap_or(0) as u64;
            let rng = &mut stream(cohort.context.seed, "mutation prompt", ordinal);
            MUTATION_PROMPTS.choose(rng).copied().unwrap_or_default().to_owned()
        };
        self.mutation_prompts.get(&id).cloned().unwrap_or_else(drawn)
    }

    fn unit(&self, id: CandidateId, cohort: &Cohort<'_>) -> Unit {
        Unit { id, mutation_prompt: self.mutation_prompt(id, cohort) }
    }

    /// A unit's ancestors that were the best of their time, the earliest first and sixteen at most; it may be the last of them.
    fn lineage(&self, id: CandidateId, cohort: &Cohort<'_>) -> Vec<CandidateId> {
        let ledger = &cohort.context.ledger;
        let mut line: Vec<CandidateId> = std::iter::successors(Some(id), |&id| {
            ledger.born(id).and_then(|born| born.birth.parents.first().copied())
        })
        .filter(|ancestor| self.elites.contains(ancestor))
        .take(LONGEST_LIST)
        .collect();
        line.reverse();
        line
    }
}

impl Scheme for Promptbreeder {
    fn rules(&self) -> Rules {
        Rules::new(self.config.race, self.config.finals)
    }

    fn brood(&self, cohort: &Cohort<'_>) -> usize {
        let members = cohort.population.len();
        if self.fills_up(cohort) { self.config.population - members } else { members / 2 }
    }

    fn conceive(&self, place: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let (mut conception, note) = if self.fills_up(cohort) {
            let seed = cohort.population[place % cohort.population.len()];
            let mutation_prompt = (*MUTATION_PROMPTS.choose(rng)?).to_owned();
            let unit = Unit { id: seed, mutation_prompt: mutation_prompt.clone() };
            (unit.styled(cohort, rng)?, Note { mutation_prompt, loser: None })
        } else {
            let (winner, loser) = self.pair(place, cohort)?;
            let unit = self.unit(winner, cohort);
            let lineage = self.lineage(winner, cohort);
            let conception = unit.mutated(&lineage, self.config.duplicate_distance, cohort, rng)?;
            (conception, Note { mutation_prompt: unit.mutation_prompt, loser: Some(loser) })
        };
        conception.note = note.write();
        Some(conception)
    }

    /// Shows what the parent did right.
    fn inquire(
        &self,
        conception: &Conception,
        cases: &[u32],
        cohort: &Cohort<'_>,
    ) -> Result<String, &'static str> {
        let parent = conception.parents[0];
        let is_right = |case: &u32| cohort.context.ledger.train_score(parent, *case) >= Some(1.0);
        let right: Vec<u32> = cases.iter().copied().filter(is_right).collect();
        let examples = cohort.context.examples(parent, &right);
        if examples.is_empty() {
            return Err("nothing_right");
        }
        Ok(Rewrite::Lamarckian.question(&[&conception.draft], &conception.component, &examples))
    }

    /// A mutation prompt that was just written is applied next.
    fn develop(
        &self,
        conception: &mut Conception,
        step: u32,
        text: String,
        _: &Cohort<'_>,
        _: &mut RunRng,
    ) -> Result<Made, &'static str> {
        let is_hyper = Rewrite::named(&conception.operator).is_some_and(Rewrite::is_hyper);
        if step > 0 || !is_hyper {
            return conception.with_text(text).map(Made::Candidate);
        }
        let mut note = Note::of(conception).ok_or("forgotten")?;
        let parents = [&conception.draft];
        let question = Question {
            mutation_prompt: &text,
            ..Question::new(Rewrite::FirstOrder, &conception.component, &parents)
        };
        let question = question.text();
        note.mutation_prompt = text;
        conception.note = note.write();
        Ok(Made::Question(question))
    }

    /// The unit whose place it is to take, where there is one.
    fn rivals(&self, conception: &Conception, _: &Cohort<'_>) -> Rivals {
        match Note::of(conception).and_then(|note| note.loser) {
            Some(loser) => Rivals { ids: vec![loser], needed: 1 },
            None => Rivals::default(),
        }
    }

    /// A child takes the place of the loser. Who comes without a place joins while there is room, and then takes the
    /// place of the worst if it is better.
    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId> {
        let mut members: Vec<(CandidateId, f64)> = cohort.with(&[]).collect();
        for newcomer in newcomers {
            let note = newcomer.conception.as_ref().and_then(Note::of);
            let loser = note.as_ref().and_then(|note| note.loser);
            let member = (newcomer.id, newcomer.fitness);
            let worst = (0..members.len()).min_by(|a, b| members[*a].1.total_cmp(&members[*b].1));
            match (members.iter().position(|(id, _)| Some(*id) == loser), worst) {
                (Some(place), _) => members[place] = member,
                (None, Some(worst)) if members.len() >= self.config.population => {
                    if newcomer.fitness <= members[worst].1 {
                        continue;
                    }
                    members[worst] = member;
                }
                (None, _) => members.push(member),
            }
            if let Some(note) = note {
                self.mutation_prompts.insert(newcomer.id, note.mutation_prompt);
            }
        }
        let population = best_first(members);
        self.mutation_prompts.retain(|id, _| population.contains(id));
        if let Some(best) = population.first()
            && !self.elites.contains(best)
        {
            self.elites.push(*best);
        }
        population
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let wrong = PromptbreederConfig { duplicate_distance: -1.0, ..PromptbreederConfig::default() };
        assert!(wrong.validate().unwrap_err().contains("`duplicate_distance` is -1"));
        assert!(PromptbreederConfig { population: 1, ..PromptbreederConfig::default() }.validate().is_err());
        assert_eq!(PromptbreederConfig::default().validate(), Ok(()));
    }
}
