//! The last part of a budget: the leaders are measured on cases that did not make them leaders.
//!
//! The best of many noisy scores is too good on average (winner's curse), so the choice is made on more cases than
//! the search ranked on. Where the model answers by chance and all cases are measured, the leaders are measured on them
//! again: a new case tells more than a repeat, so repeats come last.

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::case::Split;
use crate::context::Context;
use crate::measurements::Measurements;
use crate::piece::Piece;

/// Members of a generation that are measured further, at most.
pub(crate) const MOST_LEADERS: usize = 5;
/// Candidates of a steady state that are measured further, at most: those that left the race early are among them.
const MOST_FINALISTS: usize = 16;
/// Repeats after which it is known whether the model answers by chance.
pub(crate) const PROBE: usize = 10;

/// The finals of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finals {
    leaders: Vec<CandidateId>,
    /// The cases on which all leaders are compared.
    cases: Vec<u32>,
    /// Evaluations that are left for repeats.
    spare: usize,
    stage: Stage,
}

/// How far the repeats have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// None is made.
    Once,
    /// The first of the leaders is measured on a few cases again.
    Probed,
    /// All of them are.
    Repeated,
}

impl Finals {
    /// Sets up the finals over `candidates`, all measured on the ranked cases, with so many evaluations left
    /// (`None`: as many as it takes).
    pub fn new(candidates: &[CandidateId], left: Option<u64>, context: &Context<'_>) -> Self {
        let ranked = context.ranked();
        let mut leaders: Vec<(f64, usize, CandidateId)> = candidates
            .iter()
            .enumerate()
            .filter_map(|(rank, &id)| Some((context.ledger.mean_on(id, ranked)?, rank, id)))
            .collect();
        leaders.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        Self::over(leaders.into_iter().map(|(_, _, id)| id).collect(), left, context)
    }

    /// The same over candidates of whom the most promising stand first, whatever their scores are.
    pub(crate) fn over(mut leaders: Vec<CandidateId>, left: Option<u64>, context: &Context<'_>) -> Self {
        let ranked = context.ranked();
        let further = context.order.len() - ranked.len();
        let left = left.map_or(usize::MAX, |left| left as usize);
        // At least two when there is a choice; more only if each can be measured on all cases that are left.
        let count = left.checked_div(further).map_or(MOST_LEADERS, |count| count.clamp(2, MOST_LEADERS));
        leaders.truncate(count);
        let extra = if leaders.len() < 2 { 0 } else { further.min(left / leaders.len()) };
        let spare = if extra == further { left - extra * leaders.len() } else { 0 };
        Self { leaders, cases: context.order[..ranked.len() + extra].to_vec(), spare, stage: Stage::Once }
    }

    /// Sets up the finals over candidates, the best first, each measured on the first so many cases of the shared
    /// order, with so many evaluations left.
    pub fn among(standings: &[(CandidateId, usize)], left: Option<u64>, context: &Context<'_>) -> Self {
        let left = left.map_or(usize::MAX, |left| left as usize);
        let all = context.order.len();
        let cost = |count: usize, cases: usize| -> usize {
            standings[..count].iter().map(|(_, seen)| cases.saturating_sub(*seen)).sum()
        };
        let most = MOST_FINALISTS.min(standings.len());
        // As many as can be measured on all cases; at least two when there is a choice.
        // Where there will be repeats, half is left for them.
        let share = if context.settings.repeats > 1 { left / 2 } else { left };
        let count = (1..=most).rev().find(|&count| cost(count, all) <= share).unwrap_or(1).max(most.min(2));
        let cases = (0..=all).rev().find(|&cases| cost(count, cases) <= left).unwrap_or(0);
        Self {
            leaders: standings[..count].iter().map(|(id, _)| *id).collect(),
            cases: context.order[..cases].to_vec(),
            spare: if cases == all { left - cost(count, all) } else { 0 },
            stage: Stage::Once,
        }
    }

    /// Evaluations that finals over such candidates can use.
    pub fn most_usable(standings: &[(CandidateId, usize)], context: &Context<'_>) -> usize {
        let all = context.order.len();
        let first: usize =
            standings.iter().take(MOST_FINALISTS).map(|(_, seen)| all.saturating_sub(*seen)).sum();
        first + standings.len().min(MOST_LEADERS) * all * (context.settings.repeats as usize - 1)
    }

    /// Goes on, on behalf of `owner`, when all that was asked for before is known. `true` when nothing more is to be
    /// measured.
    pub(crate) fn go_on(
        &mut self,
        owner: u64,
        measurements: &mut Measurements,
        context: &Context<'_>,
    ) -> bool {
        loop {
            let again = self.repeats(context);
            if again.is_empty() {
                return true;
            }
            if !measurements.request(owner, again, context.ledger) {
                return false;
            }
        }
    }

    /// What is to be measured again; empty when the finals are over.
    fn repeats(&mut self, context: &Context<'_>) -> Vec<Piece> {
        let most = context.settings.repeats;
        if most < 2 || self.spare == 0 {
            return vec![];
        }
        let decisive = self.decisive(context);
        let again = |candidate, case, repeat| Piece { candidate, split: Split::Validation, case, repeat };
        match self.stage {
            Stage::Once => {
                self.stage = Stage::Probed;
                self.leaders = best_first(&self.leaders, &decisive, context);
                self.leaders.truncate(MOST_LEADERS);
                let Some(&first) = self.leaders.first() else { return vec![] };
                decisive.iter().take(PROBE.min(self.spare)).map(|&case| again(first, case, 1)).collect()
            }
            Stage::Probed => {
                self.stage = Stage::Repeated;
                let Some(&first) = self.leaders.first() else { return vec![] };
                let result = |case, repeat| context.ledger.result(&again(first, case, repeat));
                let probed: Vec<u32> =
                    decisive.iter().copied().filter(|case| result(*case, 1).is_some()).collect();
                if probed.iter().all(|case| result(*case, 0) == result(*case, 1)) {
                    return vec![];
                }
                // Whole rounds, so that all have the same repeats.
                let rounds = self.spare / self.leaders.len();
                let cases = (1..most).flat_map(|repeat| decisive.iter().map(move |&case| (case, repeat)));
                let rounds = cases.take(rounds);
                rounds
                    .flat_map(|(case, repeat)| self.leaders.iter().map(move |&id| again(id, case, repeat)))
                    .collect()
            }
            Stage::Repeated => vec![],
        }
    }

    /// All measurements that decide the finals; those known already are among them.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> {
        self.cases.iter().flat_map(|&case| {
            self.leaders.iter().map(move |&candidate| Piece {
                candidate,
                split: Split::Validation,
                case,
                repeat: 0,
            })
        })
    }

    /// The winner: best mean over all cases of the finals. Where the finals were broken off, best mean over the
    /// cases that all leaders were measured on. The earlier leader wins a tie.
    pub fn winner(&self, context: &Context<'_>) -> Option<CandidateId> {
        best_score(&self.leaders, &self.decisive(context), context)
    }

    /// Whom they compare, the most promising first.
    pub(crate) fn leaders(&self) -> &[CandidateId] {
        &self.leaders
    }

    /// The cases of the finals that all leaders were measured on.
    pub(crate) fn decisive(&self, context: &Context<'_>) -> Vec<u32> {
        let measured_by_all = |case: &u32| {
            let piece = |&candidate| Piece { candidate, split: Split::Validation, case: *case, repeat: 0 };
            self.leaders.iter().all(|id| context.ledger.has(&piece(id)))
        };
        self.cases.iter().copied().filter(measured_by_all).collect()
    }
}

/// The candidates by their mean scores on these cases, the best first; of equals the earlier.
fn best_first(candidates: &[CandidateId], cases: &[u32], context: &Context<'_>) -> Vec<CandidateId> {
    let score = |id: &CandidateId| context.ledger.mean_on(*id, cases).unwrap_or(f64::NEG_INFINITY);
    let mut sorted = candidates.to_vec();
    sorted.sort_by(|a, b| score(b).total_cmp(&score(a)));
    sorted
}

/// Who has the best mean score on these cases, the earlier of equals.
pub(crate) fn best_score(
    candidates: &[CandidateId],
    cases: &[u32],
    context: &Context<'_>,
) -> Option<CandidateId> {
    let mut best: Option<(f64, CandidateId)> = None;
    for &id in candidates {
        let Some(mean) = context.ledger.mean_on(id, cases) else { continue };
        if best.is_none_or(|(score, _)| mean > score) {
            best = Some((mean, id));
        }
    }
    best.map(|(_, id)| id)
}
