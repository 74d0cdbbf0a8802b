//! What of an answer is scored.

use serde::{Deserialize, Serialize};

/// Which part of the model's answer is scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputConfig {
    /// Only what follows the last occurrence of this text is scored, as in `Answer:`. An answer without it is
    /// worth 0.
    pub after: Option<String>,
    /// Whether a leading `<think>…</think>` block is taken away first.
    pub strip_thinking: bool,
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self { after: None, strip_thinking: true }
    }
}

impl OutputConfig {
    /// The part of an answer that is scored.
    ///
    /// # Errors
    /// Why there is none, in words for feedback.
    pub fn part<'a>(&self, answer: &'a str) -> Result<&'a str, String> {
        let mut part = answer.trim();
        if self.strip_thinking && part.starts_with("<think>") {
            let Some((_, rest)) = part.split_once("</think>") else {
                return Err("the answer ended while the model was still thinking".into());
            };
            part = rest.trim();
        }
        match self.after.as_deref() {
            None => Ok(part),
            Some(mark) => match part.rsplit_once(mark) {
                Some((_, rest)) => Ok(rest.trim()),
                None => Err(format!("the answer must say `{mark}` before its result, and does not")),
            },
        }
    }

    /// What decides about the part.
    pub(crate) fn fingerprint(&self) -> String {
        format!("output/1 after={:?} strip_thinking={}", self.after, self.strip_thinking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_is_no_answer() {
        let config = OutputConfig::default();
        assert_eq!(config.part("<think>no?\n</think>\n\n yes "), Ok("yes"));
        assert_eq!(config.part("a <think>b</think>"), Ok("a <think>b</think>"));
        assert!(config.part("<think>hmm").unwrap_err().contains("still thinking"));
        let keep = OutputConfig { strip_thinking: false, ..config };
        assert_eq!(keep.part("<think>a</think>b"), Ok("<think>a</think>b"));
    }

    #[test]
    fn the_result_stands_after_the_last_mark() {
        let config = OutputConfig { after: Some("Answer:".into()), ..OutputConfig::default() };
        assert_eq!(config.part("Answer: 1? No. Answer: 2"), Ok("2"));
        assert_eq!(config.part("Answer:"), Ok(""));
        assert!(config.part("2").unwrap_err().contains("`Answer:`"));
    }
}
