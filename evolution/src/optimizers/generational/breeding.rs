//! How a generation's children are made.

use std::collections::BTreeSet;

use super::child::{Child, Stage};
use super::scheme::{self, Cohort, Conception, Made, Scheme};
use super::{Generational, Phase};
use crate::candidate::{Candidate, CandidateId};
use crate::case::Split;
use crate::context::Context;
use crate::diversity::{Distance, NoveltyFilter};
use crate::optimizers::seeding::pieces;
use crate::piece::{Answer, Piece, ProposalId, ProposalOrder};
use crate::rng::stream;

/// Draws until a child is nobody known.
const ATTEMPTS: usize = 8;
/// Questions that a child may need, at most.
const MOST_STEPS: u64 = 16;

impl<S: Scheme> Generational<S> {
    pub(super) fn cohort<'a>(&'a self, context: &'a Context<'a>) -> Cohort<'a> {
        Cohort {
            context,
            population: &self.population,
            fitness: &self.fitness,
            generation: self.generation,
            children: &self.children,
        }
    }

    /// Breeds the next generation, or goes to the finals when none can be paid for.
    pub(super) fn breed(&mut self, context: &mut Context<'_>) {
        let Some(brood) = self.next_brood(context) else {
            self.begin_finals(context);
            return;
        };
        self.phase = Phase::Breeding;
        let mut known = self.known(context);
        let mut left = scheme::left_to_search(self.scheme.rules().finals, context);
        let mut reflected_on = BTreeSet::new();
        // Children that no draw could bring forth.
        let mut unborn = 0;
        for place in 0..brood {
            let number = self.next;
            self.next += 1;
            let mut rng = stream(context.seed, "child", number);
            let cohort = self.cohort(context);
            let conceived = (0..ATTEMPTS).find_map(|_| {
                let conception = self.scheme.conceive(place, &cohort, &mut rng)?;
                let is_someone = match &conception.made {
                    Made::Candidate(made) => {
                        cohort.is_new(made)
                            && known.as_mut().is_none_or(|known| known.admit(made).is_ok())
                            && (context.likenesses.kind() != Distance::Edit
                                || !self.is_hardly_new(made, context))
                    }
                    Made::Question(_) | Made::Reflection(_) => true,
                };
                is_someone.then_some(conception)
            });
            match conceived {
                Some(conception) => {
                    // What a reflection looks at is paid for as well, once for all children of a parent.
                    let before = reflected_on.len();
                    reflected_on.extend(traces(&conception).filter(|piece| !context.ledger.has(piece)));
                    let cost = context.ranked().len() + reflected_on.len() - before;
                    let Some(rest) = left.checked_sub(cost) else { break };
                    left = rest;
                    // One model answers all questions about a child.
                    let asks = !matches!(conception.made, Made::Candidate(_));
                    let asked = asks.then(|| context.models.ask());
                    self.children.insert(number, Child::new(conception, asked));
                }
                None => unborn += 1,
            }
        }
        if self.children.is_empty() && unborn == 0 {
            self.begin_finals(context);
            return;
        }
        let made: Vec<u64> = self.children.keys().copied().collect();
        made.into_iter().for_each(|number| self.enter(number, context));
    }

    /// A filter that turns away who is hardly new, where the rules want one.
    fn known(&mut self, context: &Context<'_>) -> Option<NoveltyFilter> {
        let threshold = self.scheme.rules().min_distance;
        if threshold <= 0.0 || context.likenesses.kind() != Distance::Shingles {
            return None;
        }
        let births = context.ledger.births();
        let (mut filter, seen) = self.known.take().unwrap_or_else(|| (NoveltyFilter::new(threshold), 0));
        for candidate in births[seen..].iter().filter_map(|born| context.ledger.candidate(born.id)) {
            let _ = filter.admit(candidate);
        }
        self.known = Some((filter.clone(), births.len()));
        Some(filter)
    }

    /// Whether a candidate is nearer to somebody born than the rules want.
    pub(super) fn is_hardly_new(&self, candidate: &Candidate, context: &Context<'_>) -> bool {
        let least = self.scheme.rules().min_distance;
        if least <= 0.0 {
            return false;
        }
        let (own, likenesses) = (context.likenesses.of(candidate), context.likenesses);
        let born = context.ledger.births().iter().filter(|born| born.id != candidate.id());
        let born = born.filter_map(|born| context.ledger.candidate(born.id));
        born.map(|other| own.distance(&likenesses.of(other))).any(|distance| distance < least)
    }

    /// Asks for what the stage of a child needs.
    pub(super) fn enter(&mut self, number: u64, context: &mut Context<'_>) {
        let Some(child) = self.children.get(&number) else { return };
        match (&child.stage, &child.conception.made) {
            (Stage::Reflection, Made::Reflection(_)) => {
                let wanted: Vec<Piece> = traces(&child.conception).collect();
                if self.measurements.request(number, wanted, context.ledger) {
                    self.reflect(number, context);
                }
            }
            (Stage::Asking(step), Made::Question(question)) => {
                let id = ProposalId(number * MOST_STEPS + u64::from(*step));
                let operator = child.conception.operator.clone();
                let model = child.asked.map_or(0, |asked| asked.model);
                self.questions.push_back(ProposalOrder { id, operator, model, question: question.clone() });
            }
            (Stage::Racing(look), Made::Candidate(candidate)) => {
                let look = *look;
                context.ledger.track(candidate);
                let looks = self.scheme.rules().race.looks(context.ranked().len());
                let from = if look == 0 { 0 } else { looks[look - 1] };
                let wanted = pieces(&[candidate.id()], &context.ranked()[from..looks[look]]);
                if self.measurements.request(number, wanted, context.ledger) {
                    self.look(number, context);
                }
            }
            _ => {}
        }
    }

    /// Writes the question about a parent whose traces are known.
    pub(super) fn reflect(&mut self, number: u64, context: &mut Context<'_>) {
        let Some(child) = self.children.get(&number) else { return };
        let Made::Reflection(batch) = &child.conception.made else { return };
        let question = self.scheme.inquire(&child.conception, batch, &self.cohort(context));
        let Some(child) = self.children.get_mut(&number) else { return };
        match question {
            Ok(question) => {
                child.conception.made = Made::Question(question);
                child.stage = Stage::Asking(0);
                self.enter(number, context);
            }
            Err(reason) => child.stage = Stage::Stillborn(reason.to_owned()),
        }
    }

    pub(super) fn answered(&mut self, id: ProposalId, answer: &Answer, context: &mut Context<'_>) {
        let (number, step) = (id.0 / MOST_STEPS, (id.0 % MOST_STEPS) as u32);
        let Some(child) = self.children.get(&number) else { return };
        if !matches!(child.stage, Stage::Asking(asked) if asked == step) {
            return;
        }
        let mut conception = child.conception.clone();
        let made = context.read_answer(answer).and_then(|text| {
            let mut rng = stream(context.seed, "step", id.0);
            self.scheme.develop(&mut conception, step, text, &self.cohort(context), &mut rng)
        });
        let Some(child) = self.children.get_mut(&number) else { return };
        child.asked.iter_mut().for_each(|asked| asked.heard(answer.price));
        child.conception = conception;
        match made {
            Ok(made) => {
                child.stage = match &made {
                    Made::Candidate(_) => Stage::Racing(0),
                    Made::Question(_) => Stage::Asking(step + 1),
                    Made::Reflection(_) => Stage::Reflection,
                };
                child.conception.made = made;
                self.enter(number, context);
            }
            Err(reason) => child.stage = Stage::Stillborn(reason.to_owned()),
        }
    }

    pub(super) fn unanswered(&mut self, id: ProposalId, reason: &str) {
        if let Some(child) = self.children.get_mut(&(id.0 / MOST_STEPS)) {
            child.asked.iter_mut().for_each(|asked| asked.heard(0.0));
            child.stage = Stage::Stillborn(reason.to_owned());
        }
    }
}

/// The measurements that a reflection looks at.
fn traces(conception: &Conception) -> impl Iterator<Item = Piece> {
    let (parent, cases) = match &conception.made {
        Made::Reflection(cases) => (conception.parents.first(), &cases[..]),
        Made::Candidate(_) | Made::Question(_) => (None, &[][..]),
    };
    let of = move |candidate: &CandidateId| {
        let candidate = *candidate;
        cases.iter().map(move |&case| Piece { candidate, split: Split::Train, case, repeat: 0 })
    };
    parent.into_iter().flat_map(of)
}
