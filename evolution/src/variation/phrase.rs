//! Operators that bring in phrases of the [`library`](super::library).

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::child::{any_component, first_new};
use super::library::{Phrase, PhraseKind};
use super::segment::{Segments, Unit};
use super::{Operator, VariationContext};
use crate::candidate::Candidate;
use crate::rng::RunRng;

/// Adds a phrase that a component does not have: roles first, announcements of the input last, others mostly at
/// the end. A component gets no second role, and a new announcement takes the place of the old one.
#[derive(Debug, Clone, Copy, Default)]
pub struct AddPhrase;

/// Replaces a phrase of the library by another of its kind or, where a component has none, a sentence by a phrase.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplacePhrase;

impl Operator for AddPhrase {
    fn name(&self) -> &str {
        "add_phrase"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        let library = context.train.phrases();
        first_new(parents, &context.limits, || {
            let (name, text) = any_component(parent, rng)?;
            let kind =
                [PhraseKind::Role, PhraseKind::Format, PhraseKind::Care, PhraseKind::Labels, PhraseKind::Cue]
                    .choose(rng)?;
            let mut absent: Vec<usize> = (0..library.len()).filter(|at| library[*at].kind == *kind).collect();
            let of_kind = absent.len();
            absent.retain(|at| !context.train.is_said(*at, text));
            if *kind == PhraseKind::Role && absent.len() < of_kind {
                return None;
            }
            let phrase = &library[*absent.choose(rng)?];
            let is_first = match phrase.kind {
                PhraseKind::Role => true,
                PhraseKind::Cue => false,
                PhraseKind::Format | PhraseKind::Care | PhraseKind::Labels => rng.random_bool(0.25),
            };
            let text = if is_first { join(&phrase.text, " ", text) } else { append(text, phrase, library) };
            parent.with_component(name, text).ok()
        })
    }
}

impl Operator for ReplacePhrase {
    fn name(&self) -> &str {
        "replace_phrase"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        let library = context.train.phrases();
        first_new(parents, &context.limits, || {
            let (name, text) = any_component(parent, rng)?;
            let present: Vec<_> = (0..library.len()).filter(|at| context.train.is_said(*at, text)).collect();
            let text = if let Some(old) = present.choose(rng) {
                let old = &library[*old];
                let others: Vec<_> =
                    library.iter().filter(|phrase| phrase.kind == old.kind && *phrase != old).collect();
                text.replacen(&*old.text, &others.choose(rng)?.text, 1)
            } else {
                let sentences = Segments::new(text, Unit::Sentence);
                if sentences.len() == 0 {
                    return None;
                }
                sentences.with_body(rng.random_range(0..sentences.len()), &library.choose(rng)?.text)
            };
            parent.with_component(name, text).ok()
        })
    }
}

/// Puts a phrase behind a text, but before the announcement of the input, where the text ends with one.
fn append(text: &str, phrase: &Phrase, library: &[Phrase]) -> String {
    let body = text.trim_end();
    let cue = library.iter().find(|known| known.kind == PhraseKind::Cue && body.ends_with(&*known.text));
    match (cue, phrase.kind) {
        (Some(cue), PhraseKind::Cue) => [&body[..body.len() - cue.text.len()], &phrase.text].concat(),
        (Some(cue), _) => {
            let before = &body[..body.len() - cue.text.len()];
            join(&join(before, " ", &phrase.text), "\n\n", &cue.text)
        }
        (None, PhraseKind::Cue) => join(text, "\n\n", &phrase.text),
        (None, _) => join(text, " ", &phrase.text),
    }
}

/// Two texts with a separator between, unless one of them is empty.
fn join(first: &str, separator: &str, second: &str) -> String {
    let (first, second) = (first.trim_end(), second.trim_start());
    let separator = if first.is_empty() || second.is_empty() { "" } else { separator };
    [first, separator, second].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::INSTRUCTION;
    use crate::case::Case;
    use crate::rng::stream;
    use crate::variation::VariationLimits;
    use crate::variation::library::phrases;

    fn children(operator: &dyn Operator, text: &str, train: &[Case]) -> Vec<String> {
        let parent = Candidate::from_instruction(text).unwrap();
        let context = VariationContext {
            train: &train.to_vec().into(),
            difficulty: &[],
            limits: VariationLimits::default(),
        };
        let child = |seed| operator.vary(&[&parent], &context, &mut stream(seed, "test", 0));
        (0..300).filter_map(child).map(|child| child.component(INSTRUCTION).to_owned()).collect()
    }

    #[test]
    fn roles_lead_cues_end_and_labels_come_from_cases() {
        let train = ["no", "yes", "no", "yes"].map(|label| Case::new("x", label));
        let texts = children(&AddPhrase, "Classify it.", &train);
        let has = |wanted: &str| texts.iter().any(|text| text == wanted);
        assert!(has("You are an expert. Classify it."), "{texts:#?}");
        assert!(has("Classify it.\n\nText:"));
        assert!(has("Classify it. Answer with exactly one of: no, yes."));
        assert!(texts.iter().any(|text| text.ends_with(". Classify it.") && !text.starts_with("You ")));
        assert!(!texts.iter().any(|text| text.ends_with("You are an expert.")));
    }

    #[test]
    fn a_role_stays_alone() {
        let texts = children(&AddPhrase, "You are an expert. Classify it.", &[]);
        let mut roles = phrases(&[]);
        roles.retain(|phrase| phrase.kind == PhraseKind::Role);
        let count = |text: &String| roles.iter().filter(|role| text.contains(&*role.text)).count();
        assert!(!texts.is_empty() && texts.iter().all(|text| count(text) == 1), "{texts:#?}");
    }

    #[test]
    fn a_cue_stays_last_and_alone() {
        let texts = children(&AddPhrase, "Classify it.\n\nText:", &[]);
        assert!(texts.contains(&"Classify it. Be brief.\n\nText:".into()), "{texts:#?}");
        assert!(texts.contains(&"Classify it.\n\nInput:".into()));
        assert!(texts.iter().all(|text| text.matches(":").count() == 1));
    }

    #[test]
    fn a_phrase_is_replaced_by_its_kind() {
        let texts = children(&ReplacePhrase, "Classify it. Think step by step.", &[]);
        assert!(texts.iter().all(|text| text.starts_with("Classify it. ")), "{texts:#?}");
        assert!(texts.contains(&"Classify it. Pay attention to details.".into()));
        assert!(!texts.contains(&"Classify it. Be brief.".into()));
        let free = children(&ReplacePhrase, "Classify it.", &[]);
        assert!(free.contains(&"Be brief.".into()), "{free:#?}");
    }
}
