//! The ways to change a unit.

use rand::seq::{IndexedRandom, SliceRandom};

use crate::candidate::{Candidate, CandidateId};
use crate::diversity::Shingles;
use crate::optimizers::generational::{Cohort, Conception, Made};
use crate::optimizers::mating::{any_component, ask};
use crate::optimizers::minibatch::epoch_minibatch;
use crate::rng::RunRng;
use crate::selection::roulette;
use crate::variation::Operator;
use crate::variation::library::THINKING_STYLES;
use crate::variation::rewrite::{Question, Rewrite};
use crate::variation::shots::{AddShot, DrawShots, ReplaceShot, ShotChoice, ShuffleShots};

/// Train cases among which something is looked for that a unit does right.
const MINIBATCH: usize = 4;
/// Most prompts on a list.
pub(super) const LONGEST_LIST: usize = 16;

/// One way to change a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutation {
    /// The model is asked.
    Ask(Rewrite),
    /// The text of another member.
    Crossover,
    /// Other examples, or the same in another order.
    Shots,
}

/// The five classes of section 3.2.
const CLASSES: [&[Mutation]; 5] = [
    &[Mutation::Ask(Rewrite::ZeroOrder), Mutation::Ask(Rewrite::FirstOrder)],
    &[Mutation::Ask(Rewrite::Eda), Mutation::Ask(Rewrite::EdaRanked), Mutation::Ask(Rewrite::Lineage)],
    &[Mutation::Ask(Rewrite::ZeroOrderHyper), Mutation::Ask(Rewrite::FirstOrderHyper)],
    &[Mutation::Ask(Rewrite::Lamarckian)],
    &[Mutation::Crossover, Mutation::Shots],
];

/// A candidate and how it is changed.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) id: CandidateId,
    pub(super) mutation_prompt: String,
}

impl Unit {
    /// A child by the unit's mutation prompt in a frame of mind of its own: how the population is filled.
    pub(super) fn styled(&self, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
        let candidate = cohort.candidate(self.id)?;
        let component = any_component(candidate, rng);
        let parents = [candidate];
        let question = Question {
            mutation_prompt: &self.mutation_prompt,
            thinking_style: THINKING_STYLES.choose(rng)?,
            ..Question::new(Rewrite::FirstOrder, &component, &parents)
        };
        let made = Made::Question(question.text());
        Some(ask(vec![self.id], Rewrite::FirstOrder.as_str(), candidate.clone(), component, made))
    }

    /// A child by an operator that is drawn, or `None` when that does not apply.
    pub(super) fn mutated(
        &self,
        lineage: &[CandidateId],
        duplicate_distance: f64,
        cohort: &Cohort<'_>,
        rng: &mut RunRng,
    ) -> Option<Conception> {
        let candidate = cohort.candidate(self.id)?;
        let component = any_component(candidate, rng);
        match *CLASSES.choose(rng)?.choose(rng)? {
            Mutation::Crossover => self.crossed(candidate, &component, cohort, rng),
            Mutation::Shots => self.shown_others(candidate, cohort, rng),
            Mutation::Ask(rewrite) => {
                let made = if rewrite == Rewrite::Lamarckian {
                    let (train, number) = (cohort.context.cases.train.len(), cohort.generation.into());
                    Made::Reflection(epoch_minibatch(number, MINIBATCH, train, cohort.context.seed))
                } else {
                    let mut parents = match rewrite {
                        Rewrite::Eda | Rewrite::EdaRanked => unlike(&component, duplicate_distance, cohort),
                        Rewrite::Lineage => lineage.iter().filter_map(|id| cohort.candidate(*id)).collect(),
                        _ => vec![candidate],
                    };
                    match rewrite {
                        Rewrite::Eda => parents.shuffle(rng),
                        Rewrite::EdaRanked => parents.reverse(),
                        _ => {}
                    }
                    Made::Question(self.question(rewrite, &component, &parents, cohort, rng)?)
                };
                Some(ask(vec![self.id], rewrite.as_str(), candidate.clone(), component, made))
            }
        }
    }

    /// What the model is asked, if there are enough parents.
    fn question(
        &self,
        rewrite: Rewrite,
        component: &str,
        parents: &[&Candidate],
        cohort: &Cohort<'_>,
        rng: &mut RunRng,
    ) -> Option<String> {
        if parents.len() < rewrite.arity() {
            return None;
        }
        let task = cohort.context.settings.seeds.first()?.component(component);
        let knows_task = matches!(rewrite, Rewrite::ZeroOrder | Rewrite::ZeroOrderHyper);
        let has_style = rewrite == Rewrite::ZeroOrderHyper;
        let question = Question {
            task: if knows_task { task } else { "" },
            mutation_prompt: &self.mutation_prompt,
            thinking_style: if has_style { THINKING_STYLES.choose(rng)? } else { "" },
            ..Question::new(rewrite, component, parents)
        };
        Some(question.text())
    }

    /// The unit with the text of another member, drawn in proportion to fitness.
    fn crossed(
        &self,
        candidate: &Candidate,
        component: &str,
        cohort: &Cohort<'_>,
        rng: &mut RunRng,
    ) -> Option<Conception> {
        let others: Vec<(CandidateId, f64)> = cohort.with(&[]).filter(|(id, _)| *id != self.id).collect();
        if others.is_empty() {
            return None;
        }
        let fitness: Vec<f64> = others.iter().map(|(_, fitness)| *fitness).collect();
        let (giver, _) = others[roulette(&fitness, rng)];
        let text = cohort.candidate(giver)?.component(component).to_owned();
        let child = candidate.with_component(component, text).ok()?;
        Some(Conception::of(vec![self.id, giver], "text_transfer", child))
    }

    /// The unit with other examples, or the same in another order.
    fn shown_others(
        &self,
        candidate: &Candidate,
        cohort: &Cohort<'_>,
        rng: &mut RunRng,
    ) -> Option<Conception> {
        let operators: [&dyn Operator; 4] =
            [&AddShot { choice: ShotChoice::Random }, &DrawShots, &ReplaceShot, &ShuffleShots];
        let operator = *operators.choose(rng)?;
        let child = operator.vary(&[candidate], &cohort.variation(), rng)?;
        Some(Conception::of(vec![self.id], operator.name(), child))
    }
}

/// The members whose texts are unlike each other, the best first.
fn unlike<'a>(component: &str, distance: f64, cohort: &'a Cohort<'_>) -> Vec<&'a Candidate> {
    let mut listed: Vec<Shingles> = vec![];
    let mut members: Vec<&Candidate> =
        cohort.population.iter().filter_map(|id| cohort.candidate(*id)).collect();
    members.retain(|member| {
        let text = Shingles::of_text(member.component(component));
        let is_unlike = listed.len() < LONGEST_LIST
            && listed.iter().all(|other| {
                let apart = text.distance(other);
                apart > 0.0 && apart >= distance
            });
        if is_unlike {
            listed.push(text);
        }
        is_unlike
    });
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rewrite_of_a_class_is_one_of_breeding() {
        let asked = CLASSES.into_iter().flatten().filter_map(|mutation| match mutation {
            Mutation::Ask(rewrite) => Some(*rewrite),
            Mutation::Crossover | Mutation::Shots => None,
        });
        let wanted = Rewrite::ALL.into_iter().filter(|rewrite| *rewrite >= Rewrite::ZeroOrder);
        let (asked, wanted): (Vec<_>, Vec<_>) = (asked.collect(), wanted.collect());
        assert_eq!(asked, wanted);
    }
}
