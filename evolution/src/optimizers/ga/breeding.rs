//! How a generation's children are made.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::Ga;
use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::event::Saved;
use crate::ledger::Outcome;
use crate::piece::{Answer, ProposalId, ProposalOrder};
use crate::rng::{RunRng, stream};
use crate::selection::tournament;
use crate::variation::operators::Drawn;
use crate::variation::rewrite::{Rewrite, read_answer};
use crate::variation::{OperatorCredits, VariationContext};

/// A child on its way into the population.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Child {
    pub(super) parents: Vec<CandidateId>,
    pub(super) operator: String,
    component: String,
    /// The worst of those who would stay: what the child races against.
    pub(super) reference: Option<CandidateId>,
    pub(super) candidate: Option<Candidate>,
    pub(super) look: usize,
    pub(super) outcome: Option<Outcome>,
    /// Why it will never be anybody.
    pub(super) stillborn: Option<String>,
    pub(super) saved: Saved,
    /// Validation cases of the shared order that it was measured on.
    pub(super) seen: usize,
}

impl Child {
    pub(super) fn is_decided(&self) -> bool {
        self.stillborn.is_some() || self.outcome.is_some()
    }

    pub(super) fn decided(&self) -> Option<(&Candidate, Outcome)> {
        Some((self.candidate.as_ref()?, self.outcome?))
    }
}

/// Draws until a child is nobody known.
const ATTEMPTS: usize = 8;

impl Ga {
    /// Breeds the next generation, or goes to the finals when none can be paid for.
    pub(super) fn breed(&mut self, context: &mut Context<'_>) {
        if !self.may_breed(context) {
            self.begin_finals(context);
            return;
        }
        let ranked = context.ranked();
        let fitness: Vec<f64> =
            self.population.iter().map(|id| context.ledger.mean_on(*id, ranked).unwrap_or(0.0)).collect();
        let full = self.population.len() >= self.config.population;
        let reference = self.population.last().copied().filter(|_| full);
        for _ in 0..self.brood() {
            let number = self.next;
            self.next += 1;
            let mut rng = stream(context.seed, "child", number);
            let mut child = Child {
                parents: vec![],
                operator: String::new(),
                component: String::new(),
                reference,
                candidate: None,
                look: 0,
                outcome: None,
                stillborn: None,
                saved: Saved::default(),
                seen: 0,
            };
            self.conceive(number, &mut child, &fitness, &mut rng, context);
            self.children.insert(number, child);
        }
        let made: Vec<u64> = self.children.keys().copied().collect();
        made.into_iter().for_each(|number| self.race_on(number, context));
    }

    fn conceive(
        &mut self,
        number: u64,
        child: &mut Child,
        fitness: &[f64],
        rng: &mut RunRng,
        context: &Context<'_>,
    ) {
        let variation = VariationContext {
            train: &context.cases.train,
            difficulty: &vec![None; context.cases.train.len()],
            limits: context.settings.limits,
        };
        for _ in 0..ATTEMPTS {
            let crossed = self.population.len() > 1 && rng.random_bool(self.config.crossover);
            let mut draw = || self.population[tournament(fitness, self.config.tournament, rng)];
            let mut ids = vec![draw()];
            if crossed {
                // A second parent that differs; after a few draws the next in rank.
                let other = (0..ATTEMPTS).map(|_| draw()).find(|id| *id != ids[0]);
                ids.push(other.unwrap_or(self.population[usize::from(self.population[0] == ids[0])]));
            }
            let parents: Vec<&Candidate> =
                ids.iter().filter_map(|id| context.ledger.candidate(*id)).collect();
            match context.operators.draw(
                &parents,
                context.settings.reflection,
                &OperatorCredits::default(),
                &variation,
                rng,
            ) {
                Some(Drawn::Child(made, operator)) if self.is_new(&made, context) => {
                    child.parents = ids;
                    child.operator = operator;
                    child.candidate = Some(made);
                    return;
                }
                // A generation keeps no traces to reflect on, so it asks for a paraphrase instead.
                Some(Drawn::Ask(rewrite)) => {
                    let rewrite = if rewrite.needs_examples() { Rewrite::Paraphrase } else { rewrite };
                    let names: Vec<&String> = parents[0].components().keys().collect();
                    child.component = names[rng.random_range(0..names.len())].clone();
                    child.operator = rewrite.as_str().to_owned();
                    let question = rewrite.question(&parents, &child.component, &[]);
                    child.parents = ids;
                    let operator = child.operator.clone();
                    self.questions.push_back(ProposalOrder { id: ProposalId(number), operator, question });
                    return;
                }
                _ => {}
            }
        }
        child.stillborn = Some("nobody_new".into());
    }

    fn is_new(&self, candidate: &Candidate, context: &Context<'_>) -> bool {
        let siblings = self.children.values().filter_map(|child| child.candidate.as_ref());
        context.ledger.born(candidate.id()).is_none() && !siblings.into_iter().any(|other| other == candidate)
    }

    pub(super) fn answered(&mut self, id: ProposalId, answer: &Answer, context: &mut Context<'_>) {
        let Some(child) = self.children.get_mut(&id.0).filter(|child| child.candidate.is_none()) else {
            return;
        };
        let parent = child.parents.first().and_then(|id| context.ledger.candidate(*id));
        let text = read_answer(answer, context.settings.limits).map_err(|unusable| unusable.as_str());
        let made = text.and_then(|text| {
            parent.and_then(|parent| parent.with_component(&child.component, text).ok()).ok_or("empty")
        });
        match made {
            Ok(made) => {
                child.candidate = Some(made);
                self.race_on(id.0, context);
            }
            Err(reason) => child.stillborn = Some(reason.to_owned()),
        }
    }

    pub(super) fn unanswered(&mut self, id: ProposalId, reason: &str) {
        if let Some(child) = self.children.get_mut(&id.0) {
            child.stillborn = Some(reason.to_owned());
        }
    }
}
