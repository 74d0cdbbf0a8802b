//! How a model's answer is read.

use crate::piece::Answer;
use crate::variation::VariationLimits;

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
        let answer = Answer { text: text.into(), truncated: false, dollars: 0.0, price: 0.0, tokens: 0 };
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
        let cut = Answer { text: "```\na\n```".into(), truncated: true, dollars: 0.0, price: 0.0, tokens: 0 };
        assert_eq!(read_answer(&cut, VariationLimits::default()).unwrap_err(), Unusable::Truncated);
    }
}
