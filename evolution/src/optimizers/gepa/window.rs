//! The proposals under way: how they are opened, go on from leg to leg and are judged in the order of the clock.

use super::proposal::{Proposal, Stage};
use super::{BARREN, Gepa, MERGE_GATE, Phase};
use crate::candidate::{Candidate, CandidateId};
use crate::case::Split;
use crate::context::Context;
use crate::evaluation::Failure;
use crate::finals::Finals;
use crate::ledger::Outcome;
use crate::optimizers::seeding::pieces;
use crate::piece::{Answer, Piece, ProposalId, ProposalOrder};
use crate::rng::stream;
use crate::variation::VariationContext;
use crate::variation::operators::Drawn;
use crate::variation::rewrite::Rewrite;

/// How long the measurements up to a look take on the search's own clock.
pub(super) const LOOK: u64 = 1;
/// How long it takes there from the parent's minibatch over the reflection model to the child's first look. Of the
/// order that it really is, so that looks need not wait for slower reflections that began before them.
const REFLECTION: u64 = 4;

impl Gepa {
    /// Opens as many proposals as may be under way, and goes to the finals when none can be.
    ///
    /// It must be called after each single judgement: what a proposal is bred from is then the same whether those
    /// before it were judged one by one or at a stroke.
    pub(super) fn open_proposals(&mut self, context: &mut Context<'_>) {
        let most = self.config.in_flight(context.account.budget().evaluations);
        while self.phase == Phase::Searching && self.window.len() < most {
            let (best, seen) = self.pool.best(context);
            let complete = seen >= context.ranked().len();
            let perfect = complete && context.ledger.mean_on(best, context.ranked()) == Some(1.0);
            if self.barren >= BARREN || perfect || !self.may_open(context) {
                break;
            }
            let merge = self.open_merge(context);
            let proposal = merge.unwrap_or_else(|| self.open_mutation(context));
            let number = proposal.number;
            self.next += 1;
            self.window.push_back(proposal);
            self.enter(number, context);
        }
        if self.phase == Phase::Searching && self.window.is_empty() {
            self.begin_finals(context);
        }
    }

    /// Whether one more proposal may be begun.
    fn may_open(&self, context: &Context<'_>) -> bool {
        let first_look = self.config.race.looks(context.ranked().len())[0];
        let child = self.config.minibatch.max(MERGE_GATE) + first_look;
        context.account.spent_share() <= 1.0 - self.config.finals
            && self.fits(self.config.minibatch + child, context)
    }

    /// Whether so many evaluations fit into what is neither spent, nor promised to a leg under way, nor kept for
    /// the finals. Counted from settled work only, so that the order of arrival does not matter.
    pub(super) fn fits(&self, wanted: usize, context: &Context<'_>) -> bool {
        let Some(most) = context.account.budget().evaluations else { return true };
        let promised: u64 = self.window.iter().map(|proposal| proposal.reserved).sum();
        // The finals cannot use more than what their leaders were not measured on.
        let usable = Finals::most_usable(&self.pool.standings(context), context) as u64;
        let least = if self.config.finals > 0.0 { 2 * context.ranked().len() as u64 } else { 0 };
        let kept = ((most as f64 * self.config.finals) as u64).max(least).min(usable);
        self.settled_cost + promised + wanted as u64 + kept <= most
    }

    fn open_mutation(&mut self, context: &mut Context<'_>) -> Proposal {
        let mut rng = stream(context.seed, "proposal", self.next);
        let id = self.pool.parent(self.config.contenders, &mut rng, context);
        let first_look = self.config.race.looks(context.ranked().len())[0];
        let mut proposal = Proposal::new(self.next, vec![id], self.generation_of_next());
        proposal.due = self.clock + LOOK;
        let Some(parent) = context.ledger.candidate(id) else { return proposal };
        // Components take turns.
        let turn = self.next as usize % parent.components().len();
        proposal.component = parent.components().keys().nth(turn).cloned().unwrap_or_default();
        let variation = VariationContext {
            train: context.train,
            difficulty: &self.difficulty_of(context.cases.train.len()),
            limits: context.settings.limits,
        };
        match context.operators.draw(
            &[parent],
            context.settings.reflects(),
            context.credits,
            &variation,
            &mut rng,
        ) {
            Some(Drawn::Child(child, operator)) => {
                // Nothing is to be learnt from traces, so the first look of the race is gate enough.
                (proposal.child, proposal.operator) = (Some(child), operator);
                proposal.stage = Stage::Racing(0);
                proposal.reserved = first_look as u64;
            }
            Some(Drawn::Ask(rewrite)) => {
                proposal.operator = rewrite.as_str().to_owned();
                proposal.asked = Some(context.models.ask());
                let (number, is_fresh) =
                    self.pool.minibatch(id, self.config.minibatch_uses, self.minibatches);
                self.minibatches += u64::from(is_fresh);
                proposal.batch = self.minibatch(number, context);
                proposal.is_batch_shared = !is_fresh;
                proposal.stage = Stage::ParentBatch;
                let batches = if is_fresh { 2 } else { 1 };
                proposal.reserved = (batches * proposal.batch.len() + first_look) as u64;
                proposal.due = self.clock + REFLECTION;
            }
            None => {}
        }
        proposal
    }

    fn difficulty_of(&self, train: usize) -> Vec<Option<f64>> {
        let mut known = vec![None; train];
        for (&case, &(loss, count)) in &self.difficulty {
            known[case as usize] = Some(loss / f64::from(count));
        }
        known
    }

    fn position(&self, number: u64) -> Option<usize> {
        self.window.iter().position(|proposal| proposal.number == number)
    }

    /// Asks for what the stage of a proposal needs, and goes on while that is known already.
    pub(super) fn enter(&mut self, number: u64, context: &mut Context<'_>) {
        let Some(at) = self.position(number) else { return };
        if let Some(child) = &self.window[at].child {
            context.ledger.track(child);
        }
        let Some(wanted) = self.wanted(at, context) else { return };
        if self.window[at].stage != Stage::ParentBatch || !self.window[at].is_batch_shared {
            self.window[at].cost += wanted.len() as u64;
        }
        if self.measurements.request(number, wanted, context.ledger) {
            self.advance(number, context);
        }
    }

    /// The measurements of a proposal's stage; `None` where it waits for none.
    fn wanted(&self, at: usize, context: &Context<'_>) -> Option<Vec<Piece>> {
        let proposal = &self.window[at];
        let on_train = |candidate| {
            let piece = move |&case: &u32| Piece { candidate, split: Split::Train, case, repeat: 0 };
            proposal.batch.iter().map(piece).collect()
        };
        let child = proposal.child.as_ref().map(Candidate::id);
        match proposal.stage {
            Stage::ParentBatch => Some(on_train(proposal.parents[0])),
            Stage::ChildBatch => Some(on_train(child?)),
            Stage::MergeGate => Some(pieces(&[child?], &proposal.batch)),
            Stage::Racing(look) => {
                let looks = self.config.race.looks(context.ranked().len());
                // Whoever is born was measured up to the look before; a migrant's first look may be the last.
                let from = if proposal.born { looks[look - 1] } else { 0 };
                Some(pieces(&[child?], &context.ranked()[from..looks[look]]))
            }
            Stage::Asking | Stage::Measured(_) | Stage::Decided(_) => None,
        }
    }

    /// The measurements of a proposal's stage are known: goes on to the next.
    pub(super) fn advance(&mut self, number: u64, context: &mut Context<'_>) {
        let Some(at) = self.position(number) else { return };
        let next = match self.window[at].stage {
            Stage::ParentBatch => self.ask_model(at, context),
            Stage::ChildBatch => self.gate(at, context),
            Stage::MergeGate => self.merge_gate(at, context),
            Stage::Racing(look) => Stage::Measured(look),
            stage @ (Stage::Asking | Stage::Measured(_) | Stage::Decided(_)) => stage,
        };
        self.window[at].stage = next;
        self.enter(number, context);
    }

    fn ask_model(&mut self, at: usize, context: &Context<'_>) -> Stage {
        let proposal = &self.window[at];
        let id = proposal.parents[0];
        let score = |case: &u32| context.ledger.train_score(id, *case);
        // Nothing can be learnt where all is right, and nothing where nothing could be measured.
        let measured: Vec<u32> =
            proposal.batch.iter().copied().filter(|case| score(case).is_some()).collect();
        let perfect = measured.iter().all(|case| score(case) == Some(1.0));
        let Some(parent) = context.ledger.candidate(id).filter(|_| !perfect) else {
            return Stage::Decided(None);
        };
        let examples = context.examples(id, &measured);
        let rewrite = Rewrite::named(&proposal.operator).unwrap_or(Rewrite::Reflect);
        let order = ProposalOrder {
            id: ProposalId(proposal.number),
            operator: proposal.operator.clone(),
            model: proposal.asked.map_or(0, |asked| asked.model),
            question: rewrite.question(&[parent], &proposal.component, &examples),
        };
        self.questions.push_back(order);
        Stage::Asking
    }

    pub(super) fn answered(&mut self, id: ProposalId, answer: &Answer, context: &mut Context<'_>) {
        let Some(at) = self.position(id.0).filter(|&at| self.window[at].stage == Stage::Asking) else {
            return;
        };
        let proposal = &mut self.window[at];
        proposal.asked.iter_mut().for_each(|asked| asked.heard(answer.price));
        let text = context.read_answer(answer);
        let parent = context.ledger.candidate(proposal.parents[0]);
        let child = text.and_then(|text| {
            let child = parent.and_then(|parent| parent.with_component(&proposal.component, text).ok());
            child.filter(|child| child.id() != proposal.parents[0]).ok_or("unchanged")
        });
        match child {
            Ok(child) => {
                proposal.child = Some(child);
                proposal.stage = Stage::ChildBatch;
                self.enter(id.0, context);
            }
            Err(reason) => self.window[at].reject(reason),
        }
    }

    pub(super) fn unanswered(&mut self, id: ProposalId, failure: &Failure) {
        if let Some(at) = self.position(id.0).filter(|&at| self.window[at].stage == Stage::Asking) {
            self.window[at].asked.iter_mut().for_each(|asked| asked.heard(0.0));
            self.window[at].reject(&failure.cause);
        }
    }

    /// The minibatch gate: the child's sum must be strictly greater (arXiv 2507.19457, Algorithm 1).
    fn gate(&mut self, at: usize, context: &Context<'_>) -> Stage {
        let proposal = &mut self.window[at];
        let Some(child) = proposal.child.as_ref().map(Candidate::id) else { return Stage::Decided(None) };
        let mut gain = 0.0;
        for &case in &proposal.batch {
            let pair = (
                context.ledger.train_score(child, case),
                context.ledger.train_score(proposal.parents[0], case),
            );
            // A case that one of them could not be measured on says nothing about either.
            if let (Some(child), Some(parent)) = pair {
                gain += child - parent;
            }
        }
        if gain > 0.0 {
            return Stage::Racing(0);
        }
        proposal.saved.gate = context.ranked().len() as u64;
        Stage::Decided(Some(Outcome::Rejected))
    }

    /// Judges legs in the order in which they are due, as far as they are done.
    pub(super) fn settle_in_order(&mut self, context: &mut Context<'_>) {
        if context.exchange.is_waiting() {
            return;
        }
        let due = |proposal: &Proposal| (proposal.due, proposal.number);
        while let Some(at) = (0..self.window.len()).min_by_key(|&at| due(&self.window[at])) {
            if !matches!(self.window[at].stage, Stage::Measured(_) | Stage::Decided(_)) {
                return;
            }
            let Some(mut proposal) = self.window.remove(at) else { return };
            self.clock = proposal.due;
            self.settled_cost += std::mem::take(&mut proposal.cost);
            let (outcome, next) = match proposal.stage {
                Stage::Measured(look) => (Some(self.judge(&mut proposal, look, context)), look + 1),
                Stage::Decided(outcome) => (outcome, 0),
                _ => return,
            };
            let lives = outcome.is_some_and(|outcome| self.enter_outcome(&mut proposal, outcome, context));
            match (lives, outcome) {
                (true, Some(Outcome::Open)) => self.race_on(proposal, next, context),
                _ => self.conclude(proposal, lives, context),
            }
            if !self.welcome(context) {
                return;
            }
            self.open_proposals(context);
        }
    }

    /// What becomes of a child that was measured on the cases up to a look; [`Outcome::Open`] when it races on.
    fn judge(&self, proposal: &mut Proposal, look: usize, context: &Context<'_>) -> Outcome {
        let Some(child) = proposal.child.as_ref().map(Candidate::id) else { return Outcome::Unmeasurable };
        let ranked = context.ranked();
        let looks = self.config.race.looks(ranked.len());
        let seen = looks[look];
        let Some(scores) = context.ledger.scores_on(child, &ranked[..seen]) else {
            return Outcome::Unmeasurable;
        };
        proposal.seen = seen;
        if seen == ranked.len() {
            return Outcome::Kept;
        }
        let (best, seen_of_best) = self.pool.best(context);
        let common = &ranked[..seen.min(seen_of_best)];
        let scores = context.ledger.scores_on(child, common).unwrap_or(scores);
        let reference = context.ledger.scores_on(best, &ranked[..seen_of_best]).unwrap_or_default();
        if best != child && self.config.race.is_hopeless(&scores, &reference, ranked.len()) {
            proposal.saved.race = (ranked.len() - seen) as u64;
            return Outcome::Dropped;
        }
        if self.fits(looks[look + 1] - seen, context) { Outcome::Open } else { Outcome::Unfinished }
    }

    /// Enters what became of a child, and takes it into the pool or out of it. `false` when there is no child or it
    /// is nobody new.
    fn enter_outcome(
        &mut self,
        proposal: &mut Proposal,
        outcome: Outcome,
        context: &mut Context<'_>,
    ) -> bool {
        let is_member = proposal.born;
        if !proposal.bear(outcome, context) {
            return false;
        }
        let Some(child) = proposal.child.as_ref().map(Candidate::id) else { return false };
        match outcome {
            Outcome::Open | Outcome::Kept | Outcome::Unfinished if is_member => {
                self.pool.saw(child, proposal.seen);
            }
            Outcome::Open | Outcome::Kept | Outcome::Unfinished => {
                // Of a migrant is expected what its island must have found meanwhile: about the best of this one.
                let likes = match proposal.origin {
                    Some(_) => vec![self.pool.best(context).0],
                    None => proposal.parents.clone(),
                };
                self.pool.join(child, &likes, proposal.seen, context);
            }
            _ => self.pool.leave(child),
        }
        if outcome == Outcome::Kept {
            self.pool.complete(child);
            context.announce_if_best(child);
        }
        true
    }

    /// Sends a child to its next look.
    fn race_on(&mut self, mut proposal: Proposal, look: usize, context: &mut Context<'_>) {
        let looks = self.config.race.looks(context.ranked().len());
        proposal.stage = Stage::Racing(look);
        proposal.due = self.clock + LOOK;
        proposal.reserved = (looks[look] - looks[look - 1]) as u64;
        let number = proposal.number;
        self.window.push_back(proposal);
        self.enter(number, context);
    }

    /// Books a proposal that is over.
    fn conclude(&mut self, proposal: Proposal, brought_child: bool, context: &mut Context<'_>) {
        self.saved += proposal.saved;
        if let (Some(origin), Some(child)) = (proposal.origin, &proposal.child) {
            // It is no proposal of this island, and moves no window on.
            self.barren = if brought_child { 0 } else { self.barren };
            self.decide_migrant(origin, child.id(), brought_child, context);
            return;
        }
        self.settled += 1;
        self.learn_difficulty(&proposal, context);
        let improvement = |id| context.improvement(id, &proposal.parents, proposal.seen);
        let child = proposal.child.as_ref().map(|child| (child.id(), improvement(child.id())));
        if let Some((_, reward)) = child.filter(|_| !proposal.parents.is_empty()) {
            context.credits.credit(&proposal.operator, reward);
        }
        if let Some(asked) = &proposal.asked {
            let order = context.order;
            context.close_proposal(asked, child, &order[..proposal.seen]);
        }
        if let Some(reason) = &proposal.unusable {
            context.reject(&proposal.operator, reason);
        }
        self.barren = if brought_child { 0 } else { self.barren + 1 };
        if self.settled.is_multiple_of(self.config.window as u64) {
            context.complete_generation(self);
            self.exchange(context);
        }
    }

    fn learn_difficulty(&mut self, proposal: &Proposal, context: &Context<'_>) {
        if proposal.parents.len() > 1 {
            return;
        }
        let child = proposal.child.as_ref().map(Candidate::id);
        let measured: Vec<CandidateId> = proposal.parents.iter().copied().chain(child).collect();
        for &case in &proposal.batch {
            for id in &measured {
                if let Some(score) = context.ledger.train_score(*id, case) {
                    let sum = self.difficulty.entry(case).or_insert((0.0, 0));
                    *sum = (sum.0 + 1.0 - score, sum.1 + 1);
                }
            }
        }
    }

    pub(super) fn generation_of_next(&self) -> u32 {
        (self.next / self.config.window as u64) as u32 + 1
    }
}
