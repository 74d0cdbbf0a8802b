//! The report: seed and chosen prompt on the sealed test cases, once.

use std::collections::BTreeMap;
use std::sync::Arc;

use evohub_evolution::{CandidateId, FinishReason, Piece, Split};
use evohub_monitoring::metrics::JobPhase;
use evohub_store::JobState;
use ractor::ActorProcessingErr;

use super::{JobActorState, JobMessage};
use crate::actor::{Address, spawn};
use crate::evaluator::EvaluationTask;
use crate::event::JobEvent;
use crate::generation::{Generation, GenerationArguments, GenerationMessage, GenerationReport, Order};

/// The report in the making.
pub(crate) struct Closing {
    pub(super) generation: Address<GenerationMessage>,
    /// Score by candidate, test case and repeat; absent where it could not be measured.
    pub(super) scores: BTreeMap<(CandidateId, u32, u32), Option<f64>>,
    wanted: usize,
}

impl Closing {
    /// Test evaluations known, and to make.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.scores.len() as u64, self.wanted as u64)
    }
}

impl JobActorState {
    /// Scores the seed and the chosen candidate on the test cases. A job without a choice has failed.
    pub(super) async fn start_closing(
        &mut self,
        myself: &Address<JobMessage>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(best) = self.finished.as_ref().and_then(|finished| finished.best.as_ref()) else {
            let reason = self.finished.as_ref().map(|finished| finished.finish.reason);
            let message = match reason {
                Some(FinishReason::Exhausted) => {
                    "no prompt could be measured: the evaluations that were set aside say why, as warnings in the log"
                }
                _ => "the search ended before any prompt was measured: raise the budget",
            };
            self.end(JobState::Failed, Some(message.to_owned()), myself);
            return Ok(());
        };
        let best = best.candidate.clone();
        let reports = myself.clone();
        let generation = GenerationArguments {
            means: self.means(),
            most: self.arguments.prepared.spec.slots,
            adopting: self.arguments.lease.token > 1,
            report: Box::new(move |report| {
                reports.send(JobMessage::Closing(report));
            }),
        };
        let actors = &self.arguments.node.metrics.actors;
        let generation = spawn(Generation, generation, actors, Some(myself.cell())).await?;
        let mut candidates = vec![self.arguments.prepared.spec.seeds[0].clone()];
        if best != candidates[0] {
            candidates.push(best);
        }
        let repeats = self.arguments.prepared.spec.repeats.test;
        let affordable = self.affordable(candidates.len() * repeats as usize);
        let mut orders = vec![];
        for (index, case) in self.arguments.prepared.spec.data.test.iter().take(affordable).enumerate() {
            let case = Arc::new(case.clone());
            let measured = (0..repeats).flat_map(|repeat| candidates.iter().map(move |it| (it, repeat)));
            orders.extend(measured.map(|(candidate, repeat)| {
                let piece =
                    Piece { candidate: candidate.id(), split: Split::Test, case: index as u32, repeat };
                Order::Evaluate(EvaluationTask {
                    piece,
                    candidate: candidate.clone(),
                    case: Arc::clone(&case),
                })
            }));
        }
        self.metrics.set(JobPhase::Closing);
        let wanted = orders.len();
        self.emit(JobEvent::Closing { evaluations: wanted as u64 });
        generation.send_in_trace(GenerationMessage::Dispatch(orders));
        generation.send(GenerationMessage::Close);
        self.closing = Some(Closing { generation, scores: BTreeMap::new(), wanted });
        self.end_when_closed(myself);
        Ok(())
    }

    /// How many test cases, each with so many measurements, the rest of the budget pays for, as evaluations were priced so
    /// far. The search left
    /// enough for all of them unless it was too short to know.
    fn affordable(&self, measurements: usize) -> usize {
        let (budget, all) =
            (self.arguments.prepared.spec.budget, self.arguments.prepared.spec.data.test.len());
        let Some(finished) = &self.finished else { return all };
        let count = |most: Option<f64>, spent: f64, one: f64| match most {
            // Division by nothing is infinite, which is more than all.
            Some(most) => ((most - spent).max(0.0) / (one * measurements as f64)) as usize,
            None => all,
        };
        let (spent, one) = (finished.spent, finished.closing_evaluation);
        let by_dollars = count(budget.dollars, spent.dollars, one.dollars);
        let by_tokens = count(budget.tokens.map(|most| most as f64), spent.tokens, one.tokens);
        let affordable = all.min(by_dollars).min(by_tokens);
        if affordable < all {
            tracing::warn!(
                affordable,
                all,
                "the budget does not pay for all test cases; the first are scored"
            );
        }
        affordable
    }

    pub(super) fn closing_reported(&mut self, report: GenerationReport, myself: &Address<JobMessage>) {
        let Some(closing) = &mut self.closing else { return };
        match report {
            GenerationReport::Evaluated(piece, evaluation, _) => {
                closing
                    .scores
                    .insert((piece.candidate, piece.case, piece.repeat), Some(evaluation.objectives.score));
            }
            GenerationReport::EvaluationFailed(piece, failure) => {
                tracing::warn!(error = failure.message, "a test case cannot be measured and is left out");
                closing.scores.insert((piece.candidate, piece.case, piece.repeat), None);
            }
            GenerationReport::Retried(failure) => self.retried(failure),
            GenerationReport::GivenUp(failure) => {
                return self.end(JobState::Failed, Some(failure.message), myself);
            }
            GenerationReport::Places(_)
            | GenerationReport::Proposed(..)
            | GenerationReport::ProposalFailed(..)
            | GenerationReport::Embedded(..)
            | GenerationReport::EmbeddingFailed(..) => {
                return;
            }
        }
        self.show_progress();
        self.end_when_closed(myself);
    }

    fn end_when_closed(&mut self, myself: &Address<JobMessage>) {
        if self.closing.as_ref().is_some_and(|closing| closing.scores.len() == closing.wanted) {
            self.end(JobState::Done, None, myself);
        }
    }
}
