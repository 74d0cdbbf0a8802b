//! Phrases that make prompts better in general. None is about any task or data set: what is particular to a task
//! comes from its cases, by [`labels`]. Beside them, what a model is told when it shall write better prompts itself:
//! [`MUTATION_PROMPTS`] and [`THINKING_STYLES`].

pub mod mutation_prompts;
pub mod thinking_styles;

pub use mutation_prompts::MUTATION_PROMPTS;
pub use thinking_styles::THINKING_STYLES;

use std::borrow::Cow;

use super::labels::labels;
use crate::case::Case;

/// What a phrase is for. A phrase is replaced by one of its own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PhraseKind {
    /// Who the model shall be; stands first.
    Role,
    /// What form the answer shall have.
    Format,
    /// How carefully to work.
    Care,
    /// Which answers there are.
    Labels,
    /// Announces the input; stands last.
    Cue,
}

/// A phrase and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// What it is for.
    pub kind: PhraseKind,
    /// What it says.
    pub text: Cow<'static, str>,
}

const ROLES: [&str; 8] = [
    "You are an expert.",
    "You are a careful and precise assistant.",
    "You are a helpful assistant that follows instructions exactly.",
    "You are an experienced annotator.",
    "You are a strict examiner who knows the right answer.",
    "You are a specialist in this task.",
    "You are a concise assistant.",
    "You answer questions correctly and briefly.",
];

const FORMATS: [&str; 18] = [
    "Answer with one word.",
    "Answer with a single word and nothing else.",
    "Answer with the final answer only.",
    "Answer with a number only.",
    "Answer in one sentence.",
    "Answer in one line.",
    "Do not explain your answer.",
    "Give no explanation, no punctuation and no other text.",
    "Write only the answer, exactly as in the examples.",
    "Keep the format of the examples.",
    "Do not repeat the question.",
    "Reply in lower case.",
    "First think step by step, then give the final answer on the last line.",
    "Be brief.",
    "Answer with valid JSON and nothing else.",
    "Answer as a list with one item a line.",
    "Answer in the language of the text.",
    "Explain your answer in one sentence, then give it alone on the last line.",
];

const CARES: [&str; 12] = [
    "Read the text carefully.",
    "Take care to give the right answer.",
    "Think step by step.",
    "Consider the whole text before you answer.",
    "Pay attention to details.",
    "Pay attention to negation, irony and exceptions.",
    "Decide by the overall meaning, not by single words.",
    "Use only what the text says.",
    "If you are unsure, give the most likely answer.",
    "Always give an answer.",
    "Check your answer before you write it.",
    "Follow the instructions exactly.",
];

const CUES: [&str; 6] =
    ["Input:", "Text:", "Question:", "Here is the text:", "Here is the input:", "Now answer:"];

/// Each with the labels in place of `{all}` ("a, b, c") or `{any}` ("a, b or c").
const LABELS: [&str; 6] = [
    "Answer with exactly one of: {all}.",
    "Answer {any}.",
    "Answer with {any} and nothing else.",
    "The answer is one of: {all}.",
    "Possible answers: {all}.",
    "Is it {any}?",
];

/// All phrases; those about labels where the train cases have labels, with the labels in either order, since
/// models prefer the first or the last that they read.
pub fn phrases(train: &[Case]) -> Vec<Phrase> {
    let fixed = [
        (PhraseKind::Role, &ROLES[..]),
        (PhraseKind::Format, &FORMATS[..]),
        (PhraseKind::Care, &CARES[..]),
        (PhraseKind::Cue, &CUES[..]),
    ];
    let fixed = fixed
        .into_iter()
        .flat_map(|(kind, texts)| texts.iter().map(move |text| Phrase { kind, text: Cow::Borrowed(*text) }));
    let mut phrases: Vec<Phrase> = fixed.collect();
    if let Some(mut labels) = labels(train) {
        phrases.extend(about(&labels));
        labels.reverse();
        phrases.extend(about(&labels));
    }
    phrases
}

fn about(labels: &[&str]) -> impl Iterator<Item = Phrase> {
    let all = labels.join(", ");
    let any = match labels.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    LABELS.iter().map(move |template| {
        // One pass each: a label may itself contain the other placeholder only if the template has none of it.
        let text = match template.contains("{all}") {
            true => template.replacen("{all}", &all, 1),
            false => template.replacen("{any}", &any, 1),
        };
        Phrase { kind: PhraseKind::Labels, text: Cow::Owned(text) }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn labels_come_from_the_cases_in_both_orders() {
        let train = ["no", "yes", "no", "yes"].map(|label| Case::new("x", label));
        let texts: HashSet<_> = phrases(&train).into_iter().map(|phrase| phrase.text).collect();
        assert!(texts.contains("Answer with exactly one of: no, yes."));
        assert!(texts.contains("Answer yes or no."));
        assert!(phrases(&[]).iter().all(|phrase| phrase.kind != PhraseKind::Labels));
    }

    #[test]
    fn no_phrase_is_there_twice() {
        let texts: HashSet<_> = phrases(&[]).into_iter().map(|phrase| phrase.text).collect();
        assert_eq!(texts.len(), phrases(&[]).len());
    }
}
