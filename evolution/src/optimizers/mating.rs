//! Children of one or two parents by the run's operators.

use rand::RngExt;

use super::generational::{Cohort, Conception, Made};
use super::minibatch::epoch_minibatch;
use crate::candidate::{Candidate, CandidateId};
use crate::rng::RunRng;
use crate::variation::VariationContext;
use crate::variation::operators::Drawn;
use crate::variation::rewrite::Rewrite;

/// Train cases on which a parent is run before the reflection model looks at what came of it.
pub(super) const MINIBATCH: usize = 4;

/// A child of these parents by an operator that is drawn, or `None` when none applies. The children of a generation
/// share a minibatch, so that a parent's part of it is paid once.
pub(super) fn mate(parents: Vec<CandidateId>, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception> {
    mate_on(parents, cohort.generation.into(), cohort, rng)
}

/// The same with the minibatch of this number.
pub(super) fn mate_on(
    parents: Vec<CandidateId>,
    minibatch: u64,
    cohort: &Cohort<'_>,
    rng: &mut RunRng,
) -> Option<Conception> {
    let context = cohort.context;
    let candidates: Vec<&Candidate> = parents.iter().filter_map(|id| cohort.candidate(*id)).collect();
    let with_model = context.settings.reflects();
    let drawn =
        context.operators.draw(&candidates, with_model, cohort.context.credits, &cohort.variation(), rng)?;
    match drawn {
        Drawn::Child(child, operator) => Some(Conception::of(parents, operator, child)),
        Drawn::Ask(rewrite) => {
            let component = any_component(candidates[0], rng);
            let made = match rewrite {
                Rewrite::Reflect => {
                    let train = context.cases.train.len();
                    Made::Reflection(epoch_minibatch(minibatch, MINIBATCH, train, context.seed))
                }
                _ => Made::Question(rewrite.question(&candidates, &component, &[])),
            };
            Some(ask(parents, rewrite.as_str(), candidates[0].clone(), component, made))
        }
    }
}

/// A variant of a candidate by an operator that is drawn among those that need no model, and the operator's name; `None` when none applies.
pub(super) fn without_model(
    candidate: &Candidate,
    variation: &VariationContext<'_>,
    cohort: &Cohort<'_>,
    rng: &mut RunRng,
) -> Option<(Candidate, String)> {
    match cohort.context.operators.draw(&[candidate], false, cohort.context.credits, variation, rng)? {
        Drawn::Child(child, operator) => Some((child, operator)),
        Drawn::Ask(_) => None,
    }
}

/// A child for which the model is asked.
pub(super) fn ask(
    parents: Vec<CandidateId>,
    operator: &str,
    draft: Candidate,
    component: String,
    made: Made,
) -> Conception {
    Conception { parents, operator: operator.to_owned(), draft, component, note: String::new(), made }
}

/// The name of a component, drawn at random.
pub(super) fn any_component(candidate: &Candidate, rng: &mut RunRng) -> String {
    let names: Vec<&String> = candidate.components().keys().collect();
    names[rng.random_range(0..names.len())].clone()
}

/// Candidates by fitness, the best first; of equals the earlier.
pub(super) fn best_first(valued: impl IntoIterator<Item = (CandidateId, f64)>) -> Vec<CandidateId> {
    let mut valued: Vec<(CandidateId, f64)> = valued.into_iter().collect();
    valued.sort_by(|a, b| b.1.total_cmp(&a.1));
    valued.into_iter().map(|(id, _)| id).collect()
}
