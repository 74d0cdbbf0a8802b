//! Operators that rearrange the words a candidate has: no new ones come in.

use rand::RngExt;
use rand::seq::{SliceRandom, index};

use super::child::{any_component, first_new};
use super::segment::{Segments, Unit};
use super::{Operator, VariationContext};
use crate::candidate::Candidate;
use crate::rng::RunRng;

/// Deletes a sentence or a clause of one component: shorter prompts are cheaper, and often no worse.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeleteText;

/// Exchanges two sentences or two clauses of one component: models heed the first and the last words most.
#[derive(Debug, Clone, Copy, Default)]
pub struct SwapText;

/// Says a sentence or a clause of one component once more, at another place or the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct DuplicateText;

/// Moves a sentence or a clause of one component to another place; what stands between keeps its order.
#[derive(Debug, Clone, Copy, Default)]
pub struct MoveText;

/// Puts the sentences of one component, or the clauses of one of its sentences, into random order.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShuffleText;

impl Operator for DeleteText {
    fn name(&self) -> &str {
        "delete_text"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        edit(parents, context, rng, 2, |segments, rng| {
            let gone = rng.random_range(0..segments.len());
            segments.without(gone)
        })
    }
}

impl Operator for SwapText {
    fn name(&self) -> &str {
        "swap_text"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        edit(parents, context, rng, 2, |segments, rng| {
            let pair = index::sample(rng, segments.len(), 2);
            let mut order: Vec<usize> = (0..segments.len()).collect();
            order.swap(pair.index(0), pair.index(1));
            segments.reordered(&order)
        })
    }
}

impl Operator for DuplicateText {
    fn name(&self) -> &str {
        "duplicate_text"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        edit(parents, context, rng, 1, |segments, rng| {
            let copied = rng.random_range(0..segments.len());
            segments.with_copy(copied, rng.random_range(0..=segments.len()))
        })
    }
}

impl Operator for MoveText {
    fn name(&self) -> &str {
        "move_text"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        edit(parents, context, rng, 2, |segments, rng| {
            let ends = index::sample(rng, segments.len(), 2);
            let mut order: Vec<usize> = (0..segments.len()).collect();
            let moved = order.remove(ends.index(0));
            order.insert(ends.index(1), moved);
            segments.reordered(&order)
        })
    }
}

impl Operator for ShuffleText {
    fn name(&self) -> &str {
        "shuffle_text"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        first_new(parents, &context.limits, || {
            let (name, text) = any_component(parent, rng)?;
            let sentences = Segments::new(text, Unit::Sentence);
            if sentences.len() == 0 {
                return None;
            }
            let text = if rng.random_bool(0.5) {
                shuffled(&sentences, rng)
            } else {
                // Clauses stay in their sentence: elsewhere they would say something else.
                let at = rng.random_range(0..sentences.len());
                sentences.with_body(at, &shuffled(&Segments::new(sentences.body(at), Unit::Clause), rng))
            };
            parent.with_component(name, text).ok()
        })
    }
}

fn shuffled(segments: &Segments<'_>, rng: &mut RunRng) -> String {
    let mut order: Vec<usize> = (0..segments.len()).collect();
    order.shuffle(rng);
    segments.reordered(&order)
}

/// Edits the pieces of one component, where it has enough of them; of sentences or of clauses, as chance has it.
fn edit(
    parents: &[&Candidate],
    context: &VariationContext<'_>,
    rng: &mut RunRng,
    least_pieces: usize,
    change: impl Fn(&Segments<'_>, &mut RunRng) -> String,
) -> Option<Candidate> {
    let parent = *parents.first()?;
    let (name, text) = any_component(parent, rng)?;
    let mut units = [Unit::Sentence, Unit::Clause];
    units.shuffle(rng);
    let mut cuts = units.into_iter().map(|unit| Segments::new(text, unit));
    let segments = cuts.find(|segments| segments.len() >= least_pieces)?;
    first_new(parents, &context.limits, || parent.with_component(name, change(&segments, rng)).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;
    use crate::variation::VariationLimits;

    fn children(operator: &dyn Operator, text: &str) -> Vec<String> {
        let parent = Candidate::from_instruction(text).unwrap();
        let context =
            VariationContext { train: &vec![].into(), difficulty: &[], limits: VariationLimits::default() };
        let child = |seed| operator.vary(&[&parent], &context, &mut stream(seed, "test", 0));
        let mut texts: Vec<_> =
            (0..40).filter_map(child).map(|child| child.component("instruction").to_owned()).collect();
        texts.sort();
        texts.dedup();
        texts
    }

    #[test]
    fn each_edit_reaches_all_its_neighbours() {
        assert_eq!(children(&DeleteText, "Be good. Be kind."), ["Be good.", "Be kind."]);
        assert_eq!(children(&SwapText, "Be good. Be kind."), ["Be kind. Be good."]);
        let doubled = children(&DuplicateText, "Be good. Be kind.");
        assert!(doubled.contains(&"Be good. Be kind. Be good.".into()), "{doubled:?}");
        assert_eq!(
            children(&MoveText, "Be a. Be b. Be c."),
            ["Be a. Be c. Be b.", "Be b. Be a. Be c.", "Be b. Be c. Be a.", "Be c. Be a. Be b.",]
        );
    }

    #[test]
    fn clauses_are_shuffled_within_their_sentence() {
        assert_eq!(children(&ShuffleText, "If a, do b. Be c."), ["Be c. If a, do b.", "do b, If a. Be c.",]);
    }

    #[test]
    fn nothing_applies_to_a_single_word() {
        assert!(children(&DeleteText, "Classify").is_empty());
        assert!(children(&SwapText, "Classify").is_empty());
        assert!(children(&MoveText, "Classify").is_empty());
        assert!(children(&ShuffleText, "Classify").is_empty());
    }
}
