//! Proposals under way: from the parent's minibatch over the reflection model to a new arm.

use serde::{Deserialize, Serialize};

use super::arm::Arm;
use super::{Bandit, Phase};
use crate::candidate::{Candidate, CandidateId};
use crate::case::Split;
use crate::context::Context;
use crate::ledger::{Birth, Outcome};
use crate::model_credits::Asked;
use crate::optimizers::Optimizer as _;
use crate::optimizers::mating::any_component;
use crate::optimizers::minibatch::epoch_minibatch;
use crate::piece::{Answer, Piece, ProposalId, ProposalOrder};
use crate::rng::stream;
use crate::variation::VariationContext;
use crate::variation::operators::Drawn;
use crate::variation::rewrite::Rewrite;

/// Minibatches that a parent may get right before the reflection model is asked all the same.
const PERFECT: u64 = 3;
/// Minibatches are run ahead on behalf of the numbers from this one down, which no proposal has.
const PREPARED: u64 = u64::MAX;
/// The probability of reflection from which they are.
const LIKELY: f64 = 0.5;
/// Draws until a child is nobody known.
const ATTEMPTS: usize = 8;

/// One proposal on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Proposal {
    parents: Vec<CandidateId>,
    operator: Rewrite,
    asked: Asked,
    component: String,
    /// Number of the minibatch.
    minibatch: u64,
    /// Minibatches that the parent got right.
    perfect: u64,
}

impl Bandit {
    /// Begins one proposal from this arm. `false` when nothing came of it.
    pub(super) fn propose(&mut self, at: usize, context: &mut Context<'_>) -> bool {
        let number = self.next;
        self.next += 1;
        let mut rng = stream(context.seed, "proposal", number);
        let variation =
            VariationContext { train: context.train, difficulty: &[], limits: context.settings.limits };
        for _ in 0..ATTEMPTS {
            let mut parents = vec![self.arms[at].id];
            if self.crosses(&mut rng)
                && let Some(other) = self.another(at, &mut rng)
            {
                parents.push(self.arms[other].id);
            }
            let candidates: Vec<&Candidate> =
                parents.iter().filter_map(|id| context.ledger.candidate(*id)).collect();
            let with_model = context.settings.reflects();
            match context.operators.draw(&candidates, with_model, context.credits, &variation, &mut rng) {
                Some(Drawn::Child(child, operator)) if context.ledger.born(child.id()).is_none() => {
                    self.bear(&child, parents, operator, None, context);
                    return true;
                }
                Some(Drawn::Ask(operator)) => {
                    let component = any_component(candidates[0], &mut rng);
                    let used = self.arms[at].proposals;
                    self.arms[at].proposals += 1;
                    let minibatch = self.minibatch(at, used);
                    let asked = context.models.ask();
                    let proposal = Proposal { parents, operator, asked, component, minibatch, perfect: 0 };
                    self.proposals.insert(number, proposal);
                    self.advance(number, context);
                    return true;
                }
                Some(Drawn::Child(..)) | None => {}
            }
        }
        false
    }

    /// Number of the minibatch of an arm from which so many proposals were made. Those of the arms differ, so that what
    /// all of them reveal differs.
    fn minibatch(&self, at: usize, used: u64) -> u64 {
        at as u64 * 7 + used / self.config.minibatch_uses as u64
    }

    /// Has the most promising parent run on its next minibatch before it is asked for: a proposal that need not wait
    /// for that brings its child earlier. Only where most proposals need one. Whether there is something to measure for it.
    pub(super) fn prepare(&mut self, context: &Context<'_>) -> bool {
        if !context.settings.reflects() {
            return false;
        }
        let least = self.parent_cases(context);
        let known = (0..self.arms.len()).filter(|at| self.arms[*at].known() >= least);
        let mean = |at: &usize| self.beliefs.of(*at).mean;
        let Some(best) = known.max_by(|a, b| mean(a).total_cmp(&mean(b))) else { return false };
        let wanted = (self.arms[best].id, self.minibatch(best, self.arms[best].proposals));
        if self.prepared == Some(wanted) {
            return false;
        }
        self.prepared = Some(wanted);
        let chances = context.operators.probabilities(1, true, context.credits);
        if chances.get(Rewrite::Reflect.as_str()).is_none_or(|chance| *chance < LIKELY) {
            return false;
        }
        let pieces = self.pieces(wanted.0, wanted.1, context);
        self.minibatches.request(PREPARED - wanted.1, pieces, context.ledger);
        self.minibatches.queued() > 0
    }

    /// The measurements of a parent on a minibatch.
    fn pieces(&self, parent: CandidateId, minibatch: u64, context: &Context<'_>) -> Vec<Piece> {
        let piece = |case| Piece { candidate: parent, split: Split::Train, case, repeat: 0 };
        self.batch(minibatch, context).into_iter().map(piece).collect()
    }

    /// Asks for the parent's minibatch, or for the question where it needs none.
    fn advance(&mut self, number: u64, context: &mut Context<'_>) {
        let Some(proposal) = self.proposals.get(&number) else { return };
        if proposal.operator != Rewrite::Reflect {
            self.question(number, &[], context);
            return;
        }
        let pieces = self.pieces(proposal.parents[0], proposal.minibatch, context);
        if self.minibatches.request(number, pieces, context.ledger) {
            self.reflect(number, context);
        }
    }

    fn batch(&self, minibatch: u64, context: &Context<'_>) -> Vec<u32> {
        epoch_minibatch(minibatch, self.config.minibatch, context.cases.train.len(), context.seed)
    }

    /// The parent was run on the minibatch: asks the model, unless there is nothing to learn from.
    pub(super) fn reflect(&mut self, number: u64, context: &mut Context<'_>) {
        let Some(proposal) = self.proposals.get(&number) else { return };
        let parent = proposal.parents[0];
        let batch = self.batch(proposal.minibatch, context);
        let is_perfect = batch.iter().all(|case| context.ledger.train_score(parent, *case) == Some(1.0));
        if is_perfect && proposal.perfect < PERFECT && self.may_breed(context) {
            if let Some(proposal) = self.proposals.get_mut(&number) {
                proposal.perfect += 1;
                proposal.minibatch += 1;
            }
            self.advance(number, context);
            return;
        }
        self.question(number, &batch, context);
    }

    fn question(&mut self, number: u64, batch: &[u32], context: &mut Context<'_>) {
        let Some(proposal) = self.proposals.get(&number) else { return };
        let parent = proposal.parents[0];
        let examples = context.examples(parent, batch);
        if proposal.operator == Rewrite::Reflect && examples.is_empty() {
            if let Some(proposal) = self.proposals.remove(&number) {
                self.reject(&proposal, "unmeasurable", context);
            }
            return;
        }
        let candidates: Vec<&Candidate> =
            proposal.parents.iter().filter_map(|id| context.ledger.candidate(*id)).collect();
        let question = proposal.operator.question(&candidates, &proposal.component, &examples);
        let (operator, model) = (proposal.operator.as_str().to_owned(), proposal.asked.model);
        self.questions.push_back(ProposalOrder { id: ProposalId(number), operator, model, question });
    }

    pub(super) fn answered(&mut self, id: ProposalId, answer: &Answer, context: &mut Context<'_>) {
        let Some(mut proposal) = self.proposals.remove(&id.0) else { return };
        proposal.asked.heard(answer.price);
        let parent = context.ledger.candidate(proposal.parents[0]);
        let child = context.read_answer(answer).and_then(|text| {
            parent.and_then(|parent| parent.with_component(&proposal.component, text).ok()).ok_or("empty")
        });
        match child {
            Ok(child) if context.ledger.born(child.id()).is_some() => {
                self.reject(&proposal, "known", context)
            }
            Ok(child) => {
                let operator = proposal.operator.as_str().to_owned();
                self.bear(&child, proposal.parents, operator, Some(proposal.asked), context);
            }
            Err(reason) => self.reject(&proposal, reason, context),
        }
    }

    pub(super) fn unanswered(&mut self, id: ProposalId, reason: &str, context: &mut Context<'_>) {
        if let Some(mut proposal) = self.proposals.remove(&id.0) {
            proposal.asked.heard(0.0);
            self.reject(&proposal, reason, context);
        }
    }

    fn reject(&mut self, proposal: &Proposal, reason: &str, context: &mut Context<'_>) {
        self.barren += 1;
        self.refused += 1;
        context.close_proposal(&proposal.asked, None, &[]);
        context.reject(proposal.operator.as_str(), reason);
    }

    /// Adds a candidate to the tree.
    fn bear(
        &mut self,
        child: &Candidate,
        parents: Vec<CandidateId>,
        operator: String,
        writer: Option<Asked>,
        context: &mut Context<'_>,
    ) {
        let outcome = if self.phase == Phase::Searching { Outcome::Open } else { Outcome::Unfinished };
        let parent = self.positions.get(&parents[0]).copied();
        let birth = Birth { parents, operator, generation: self.generation() + 1 };
        if !context.bear(child, birth, outcome, 0) {
            return;
        }
        if let Some(writer) = &writer {
            context.models.used(writer);
        }
        self.barren = 0;
        self.add(Arm::new(child.id(), parent, writer));
        self.born += 1;
        if self.born.is_multiple_of(self.config.window as u64) {
            self.list_population(context);
            context.complete_generation(self);
            self.exchange(context);
        } else {
            // What comes after a checkpoint may come otherwise when the run goes on from it.
            context.checkpoint();
        }
    }
}
