//! The proposals under way: how they are opened, go on and are settled in the order of their numbers.

use super::proposal::{Proposal, Stage};
use super::{BARREN, Gepa, MERGE_GATE, Phase};
use crate::candidate::{Candidate, CandidateId};
use crate::case::Split;
use crate::context::Context;
use crate::evaluation::Failure;
use crate::event::RunEvent;
use crate::ledger::Outcome;
use crate::optimizers::seeding::pieces;
use crate::piece::{Answer, Piece, ProposalId, ProposalOrder};
use crate::rng::stream;
use crate::selection::ParetoFronts;
use crate::variation::VariationContext;
use crate::variation::operators::Drawn;
use crate::variation::rewrite::{Example, Rewrite, read_answer};

impl Gepa {
    /// Opens as many proposals as may be under way, and goes to the finals when none can be.
    ///
    /// It must be called after each single settlement: what a proposal is bred from is then the same whether its
    /// predecessors were settled one by one or at a stroke.
    pub(super) fn open_proposals(&mut self, context: &mut Context<'_>) {
        while self.phase == Phase::Searching && self.window.len() < self.config.in_flight {
            let perfect = context.ledger.mean_on(self.best_of_pool(context), context.ranked()) == Some(1.0);
            if self.barren >= BARREN || perfect || !self.may_spend(context) {
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

    /// Whether one more proposal fits: in the worst case into the whole budget, and in the usual case into the part
    /// that is not kept for the finals. Both are counted from settled work only, so that the order of arrival
    /// does not matter.
    fn may_spend(&self, context: &Context<'_>) -> bool {
        if context.account.spent_share() > 1.0 - self.config.finals {
            return false;
        }
        let Some(most) = context.account.budget().evaluations else { return true };
        let open = self.window.len() as f64 + 1.0;
        let worst = (2 * self.config.minibatch.max(MERGE_GATE) + context.ranked().len()) as f64;
        let seeds = (context.settings.seeds.len() * context.ranked().len()) as f64;
        let usual = match self.settled {
            0 => worst,
            settled => ((self.settled_cost as f64 - seeds) / settled as f64).min(worst),
        };
        let settled = self.settled_cost as f64;
        settled + open * worst <= most as f64
            && settled + open * usual <= most as f64 * (1.0 - self.config.finals)
    }

    fn open_mutation(&self, context: &Context<'_>) -> Proposal {
        let mut rng = stream(context.settings.seed, "proposal", self.next);
        let scores: Vec<Vec<f64>> =
            self.pool.iter().filter_map(|id| context.ledger.scores_on(*id, context.ranked())).collect();
        let parent = self.pool[ParetoFronts::new(&scores).sample(&mut rng)];
        let mut proposal = Proposal {
            number: self.next,
            parents: vec![parent],
            reference: self.best_of_pool(context),
            batch: vec![],
            component: String::new(),
            operator: String::new(),
            child: None,
            stage: Stage::Decided(None),
            generation: self.generation_of_next(),
            cost: 0,
            saved: 0,
            seen: 0,
            unusable: None,
        };
        let Some(parent) = context.ledger.candidate(parent) else { return proposal };
        // Components take turns.
        let turn = self.next as usize % parent.components().len();
        proposal.component = parent.components().keys().nth(turn).cloned().unwrap_or_default();
        let variation = VariationContext {
            train: &context.cases.train,
            difficulty: &self.difficulty_of(context.cases.train.len()),
            limits: context.settings.limits,
        };
        match context.operators.draw(&[parent], context.settings.reflection, &variation, &mut rng) {
            Some(Drawn::Child(child, operator)) => {
                // Nothing is to be learnt from traces, so the first look of the race is gate enough.
                (proposal.child, proposal.operator) = (Some(child), operator);
                proposal.stage = Stage::Racing(0);
            }
            Some(Drawn::Ask(rewrite)) => {
                proposal.operator = rewrite.as_str().to_owned();
                proposal.batch = self.minibatch(self.next, context);
                proposal.stage = Stage::ParentBatch;
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
        let first = self.window.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        (at < self.window.len()).then_some(at)
    }

    /// Asks for what the stage of a proposal needs, and goes on while that is known already.
    fn enter(&mut self, number: u64, context: &mut Context<'_>) {
        let Some(at) = self.position(number) else { return };
        if let Some(child) = &self.window[at].child {
            context.ledger.track(child);
        }
        let Some(wanted) = self.wanted(at, context) else { return };
        self.window[at].cost += wanted.len() as u64;
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
                let from = if look == 0 { 0 } else { looks[look - 1] };
                Some(pieces(&[child?], &context.ranked()[from..looks[look]]))
            }
            Stage::Asking | Stage::Decided(_) => None,
        }
    }

    /// The measurements of a proposal's stage are known: goes on to the next.
    pub(super) fn advance(&mut self, number: u64, context: &mut Context<'_>) {
        let Some(at) = self.position(number) else { return };
        let next = match self.window[at].stage {
            Stage::ParentBatch => self.ask_model(at, context),
            Stage::ChildBatch => self.gate(at, context),
            Stage::MergeGate => self.merge_gate(at, context),
            Stage::Racing(look) => self.look(at, look, context),
            stage @ (Stage::Asking | Stage::Decided(_)) => stage,
        };
        self.window[at].stage = next;
        self.enter(number, context);
    }

    fn ask_model(&mut self, at: usize, context: &Context<'_>) -> Stage {
        let proposal = &self.window[at];
        let id = proposal.parents[0];
        let score = |case: &u32| context.ledger.train_score(id, *case);
        // Nothing can be learnt where all is right, and nothing where nothing could be measured.
        let measured: Vec<u32> = proposal.batch.iter().copied().filter(|case| score(case).is_some()).collect();
        let perfect = measured.iter().all(|case| score(case) == Some(1.0));
        let Some(parent) = context.ledger.candidate(id).filter(|_| !perfect) else {
            return Stage::Decided(None);
        };
        let example = |&case: &u32| {
            let trace = context.ledger.trace(id, case)?;
            let input = context.cases.train[case as usize].input.as_str();
            Some(Example { input, output: &trace.output, feedback: &trace.feedback })
        };
        let examples: Vec<Example<'_>> = measured.iter().filter_map(example).collect();
        let rewrite =
            if proposal.operator == Rewrite::Paraphrase.as_str() { Rewrite::Paraphrase } else { Rewrite::Reflect };
        let order = ProposalOrder {
            id: ProposalId(proposal.number),
            operator: proposal.operator.clone(),
            question: rewrite.question(&[parent], &proposal.component, &examples),
        };
        self.questions.push_back(order);
        Stage::Asking
    }

    pub(super) fn answered(&mut self, id: ProposalId, answer: &Answer, context: &mut Context<'_>) {
        let Some(at) = self.position(id.0).filter(|&at| self.window[at].stage == Stage::Asking) else { return };
        let proposal = &mut self.window[at];
        let text = read_answer(answer, context.settings.limits);
        let parent = context.ledger.candidate(proposal.parents[0]);
        let child = text.map_err(|unusable| unusable.as_str()).and_then(|text| {
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
        proposal.saved = context.ranked().len() as u64;
        Stage::Decided(Some(Outcome::Rejected))
    }

    fn look(&mut self, at: usize, look: usize, context: &Context<'_>) -> Stage {
        let proposal = &mut self.window[at];
        let Some(child) = proposal.child.as_ref().map(Candidate::id) else { return Stage::Decided(None) };
        let ranked = context.ranked();
        let looks = self.config.race.looks(ranked.len());
        let seen = looks[look];
        let Some(scores) = context.ledger.scores_on(child, &ranked[..seen]) else {
            return Stage::Decided(Some(Outcome::Unmeasurable));
        };
        proposal.seen = seen;
        if seen == ranked.len() {
            return Stage::Decided(Some(Outcome::Kept));
        }
        let reference = context.ledger.scores_on(proposal.reference, &ranked[..seen]).unwrap_or_default();
        if self.config.race.is_hopeless(&scores, &reference) {
            proposal.saved = (ranked.len() - seen) as u64;
            return Stage::Decided(Some(Outcome::Dropped));
        }
        Stage::Racing(look + 1)
    }

    /// Settles proposals from the oldest on, as far as they are decided.
    pub(super) fn settle_in_order(&mut self, context: &mut Context<'_>) {
        while let Some(Stage::Decided(outcome)) = self.window.front().map(|proposal| proposal.stage) {
            let Some(proposal) = self.window.pop_front() else { return };
            self.settled += 1;
            self.settled_cost += proposal.cost;
            self.saved += proposal.saved;
            self.learn_difficulty(&proposal, context);
            if let Some(reason) = &proposal.unusable {
                let (operator, reason) = (proposal.operator.clone(), reason.clone());
                context.announce(RunEvent::ProposalRejected { operator, reason });
            }
            let born = outcome.is_some_and(|outcome| proposal.bear(outcome, context));
            self.barren = if born { 0 } else { self.barren + 1 };
            if let (true, Some(Outcome::Kept), Some(child)) = (born, outcome, &proposal.child) {
                self.pool.push(child.id());
                context.announce_if_best(child.id());
            }
            if self.settled.is_multiple_of(self.config.window as u64) {
                context.complete_generation(self);
            }
            self.open_proposals(context);
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

