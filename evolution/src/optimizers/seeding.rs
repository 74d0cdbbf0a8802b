//! The beginning that all optimizers share: every seed is measured on all cases that the search ranks on.

use crate::candidate::{Candidate, CandidateId};
use crate::case::Split;
use crate::context::Context;
use crate::ledger::{Birth, Outcome};
use crate::piece::Piece;

/// Tracks the seeds and returns the measurements that they need, case by case.
pub(super) fn seed_pieces(seeds: &[Candidate], context: &mut Context<'_>) -> Vec<Piece> {
    seeds.iter().for_each(|seed| context.ledger.track(seed));
    let ids: Vec<CandidateId> = seeds.iter().map(Candidate::id).collect();
    pieces(&ids, context.ranked())
}

/// The measurements of candidates on validation cases, case by case.
pub(super) fn pieces(candidates: &[CandidateId], cases: &[u32]) -> Vec<Piece> {
    let of_case = |&case| {
        candidates.iter().map(move |&candidate| Piece {
            candidate,
            split: Split::Validation,
            case,
            repeat: 0,
        })
    };
    cases.iter().flat_map(of_case).collect()
}

/// Enters the births of measured seeds and returns those that can be ranked.
pub(super) fn bear_seeds(seeds: &[Candidate], context: &mut Context<'_>) -> Vec<CandidateId> {
    let mut measured = vec![];
    for seed in seeds {
        let birth = Birth { parents: vec![], operator: "seed".into(), generation: 0 };
        let known = context.ledger.mean_on(seed.id(), context.ranked()).is_some();
        let outcome = match (known, context.ledger.has_failed(seed.id())) {
            (true, _) => Outcome::Kept,
            (false, true) => Outcome::Unmeasurable,
            (false, false) => Outcome::Unfinished,
        };
        let seen = if known { context.ranked().len() } else { 0 };
        if context.bear(seed, birth, outcome, seen) && known {
            context.announce_if_best(seed.id());
            measured.push(seed.id());
        }
    }
    measured
}
