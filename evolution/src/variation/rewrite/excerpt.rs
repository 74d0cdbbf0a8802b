//! Texts as they stand inside a question.

/// Longest part of an input or answer that is shown to the reflection model, in characters.
const LONGEST: usize = 4_000;

/// The beginning of a text.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} […]", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text in a fence longer than any in it, so that the text cannot end it.
pub(super) fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_own_fence() {
        assert_eq!(fenced("Answer in ```json``` form"), "````\nAnswer in ```json``` form\n````");
        assert_eq!(fenced(""), "```\n\n```");
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(excerpt("äöü"), "äöü");
        assert_eq!(excerpt(&"ä".repeat(LONGEST + 1)), format!("{} […]", "ä".repeat(LONGEST)));
    }
}
