//! Operators that ask a model: a question is written, its answer read.
//!
//! The reflection question follows GEPA (arXiv 2507.19457, appendix B): the present text, what came of it on a
//! minibatch with feedback, and the wish for a new text in a fenced block. Crossover and paraphrase follow EvoPrompt
//! (ICLR 2024).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::candidate::Candidate;
use crate::piece::Answer;
use crate::variation::VariationLimits;

/// An operator that asks a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rewrite {
    /// Looks at inputs, answers and feedback, and writes a better text.
    Reflect,
    /// Says the same in other words.
    Paraphrase,
    /// Combines the texts of two parents.
    ModelCrossover,
}

/// One case of a minibatch, as the reflection model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example<'a> {
    /// What the model was given.
    pub input: &'a str,
    /// What it answered.
    pub output: &'a str,
    /// What the scorer said.
    pub feedback: &'a str,
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unusable {
    /// No fenced block.
    Unfenced,
    /// Cut at the limit of tokens.
    Truncated,
    /// Longer than a component may be.
    TooLong,
    /// Nothing in the block.
    Empty,
}

impl Unusable {
    /// A short stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unfenced => "unfenced",
            Self::Truncated => "truncated",
            Self::TooLong => "too_long",
            Self::Empty => "empty",
        }
    }
}

/// Longest part of an input or answer that is shown to the reflection model, in characters.
const LONGEST_EXCERPT: usize = 4_000;

impl Rewrite {
    /// The name used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reflect => "reflect",
            Self::Paraphrase => "paraphrase",
            Self::ModelCrossover => "model_crossover",
        }
    }

    /// How many parents it takes.
    pub fn arity(self) -> usize {
        if self == Self::ModelCrossover { 2 } else { 1 }
    }

    /// The question about one component of the parents.
    pub fn question(self, parents: &[&Candidate], component: &str, examples: &[Example<'_>]) -> String {
        let text = parents[0].component(component);
        match self {
            Self::Reflect => reflect(text, examples),
            Self::Paraphrase => format!(
                "Here is an instruction for a language model:\n\n{}\n\nWrite a variation of it that keeps its \
                 meaning and says it in other words. Put the new instruction, and nothing else, within ``` \
                 blocks.",
                fenced(text)
            ),
            Self::ModelCrossover => format!(
                "Here are two instructions for the same task of a language model.\n\nFirst:\n{}\n\nSecond:\n{}\
                 \n\nCross them: write one new instruction that joins the strongest parts of both. Put the new \
                 instruction, and nothing else, within ``` blocks.",
                fenced(text),
                fenced(parents[parents.len() - 1].component(component))
            ),
        }
    }
}

fn reflect(text: &str, examples: &[Example<'_>]) -> String {
    let mut question = format!(
        "I gave an assistant the following instruction for a task:\n\n{}\n\nThese are inputs of the task, the \
         assistant's answer to each, and feedback on how the answer could be better:\n",
        fenced(text)
    );
    for (number, example) in examples.iter().enumerate() {
        let _ = write!(
            question,
            "\n# Example {}\n## Input\n{}\n\n## Answer of the assistant\n{}\n\n## Feedback\n{}\n",
            number + 1,
            excerpt(example.input),
            excerpt(example.output),
            excerpt(example.feedback)
        );
    }
    question.push_str(
        "\nWrite a new instruction for the assistant.\n\nRead the inputs carefully, find out their form and what \
         the task is in detail. Read all answers and the feedback; put every fact about the task that the feedback \
         reveals into the instruction, because the assistant will not see these examples. If the answers have the \
         wrong form, say exactly which form is wanted. If a way of solving the task works for all inputs, name it. \
         Do not copy whole inputs.\n\nPut the new instruction, and nothing else, within ``` blocks.",
    );
    question
}

/// A fence longer than any in the text, so that the text cannot end it.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(LONGEST_EXCERPT) {
        Some((end, _)) => format!("{} […]", &text[..end]),
        None => text.to_owned(),
    }
}

/// The text of a model's answer: what stands between its first and its last fence.
///
/// # Errors
/// Why it cannot be used.
pub fn read_answer(answer: &Answer, limits: VariationLimits) -> Result<String, Unusable> {
    if answer.truncated {
        return Err(Unusable::Truncated);
    }
    let open = answer.text.find("```").ok_or(Unusable::Unfenced)?;
    let close = answer.text.rfind("```").filter(|&close| close > open).ok_or(Unusable::Unfenced)?;
    // A fence may be longer than three, and may name a language.
    let body = answer.text[open..close].trim_start_matches('`').trim_end_matches('`');
    let body = match body.split_once('\n') {
        Some((tag, rest)) if tag.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => rest,
        _ => body,
    };
    let text = body.trim();
    if text.is_empty() {
        return Err(Unusable::Empty);
    }
    if text.chars().count() > limits.max_component_length {
        return Err(Unusable::TooLong);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Unusable> {
        let answer = Answer { text: text.into(), truncated: false, dollars: 0.0, tokens: 0 };
        read_answer(&answer, VariationLimits { max_component_length: 40, ..VariationLimits::default() })
    }

    #[test]
    fn reads_what_stands_between_first_and_last_fence() {
        assert_eq!(read("Sure:\n```\nSay yes.\n```\nDone").unwrap(), "Say yes.");
        assert_eq!(read("```text\nSay yes.\n```").unwrap(), "Say yes.");
        assert_eq!(read("```Say yes.```").unwrap(), "Say yes.");
        assert_eq!(read("````\nUse ```json``` now\n````").unwrap(), "Use ```json``` now");
    }

    #[test]
    fn refuses_what_is_no_proposal() {
        assert_eq!(read("Say yes.").unwrap_err(), Unusable::Unfenced);
        assert_eq!(read("``` no end").unwrap_err(), Unusable::Unfenced);
        assert_eq!(read("```\n\n```").unwrap_err(), Unusable::Empty);
        assert_eq!(read(&format!("```\n{}\n```", "x".repeat(41))).unwrap_err(), Unusable::TooLong);
        let cut = Answer { text: "```\na\n```".into(), truncated: true, dollars: 0.0, tokens: 0 };
        assert_eq!(read_answer(&cut, VariationLimits::default()).unwrap_err(), Unusable::Truncated);
    }

    #[test]
    fn a_text_cannot_end_its_own_fence() {
        let parent = Candidate::from_instruction("Answer in ```json``` form").unwrap();
        let question = Rewrite::Paraphrase.question(&[&parent], "instruction", &[]);
        assert!(question.contains("````\nAnswer in ```json``` form\n````"), "{question}");
    }
}
