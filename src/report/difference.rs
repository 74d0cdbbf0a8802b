//! What differs between two prompts, word by word.

use std::fmt::Write as _;

use evohub_actors::prompt_text;
use evohub_charts::Escaped;
use evohub_evolution::Candidate;
use similar::{Algorithm, ChangeTag, TextDiff};

/// Characters of what is alike that are shown around what differs, where the whole is not wanted.
const AROUND: usize = 80;

/// How much of what is alike is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    All,
    Around,
}

/// The second prompt, with what it has more than the first marked as inserted, and what it has not as deleted.
pub(super) fn difference(old: &Candidate, new: &Candidate, shown: Shown) -> String {
    let (old, new) = (prompt_text(old), prompt_text(new));
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_unicode_words(&old, &new);
    let mut runs: Vec<(ChangeTag, String)> = vec![];
    for change in diff.iter_all_changes() {
        match runs.last_mut() {
            Some((tag, text)) if *tag == change.tag() => text.push_str(change.value()),
            _ => runs.push((change.tag(), change.value().to_owned())),
        }
    }
    let last = runs.len().saturating_sub(1);
    let mut html = String::from(r#"<pre class="prompt" dir="auto">"#);
    for (index, (tag, text)) in runs.iter().enumerate() {
        let _ = match tag {
            ChangeTag::Delete => write!(html, "<del>{}</del>", Escaped(text)),
            ChangeTag::Insert => write!(html, "<ins>{}</ins>", Escaped(text)),
            ChangeTag::Equal if shown == Shown::All => write!(html, "{}", Escaped(text)),
            ChangeTag::Equal => write!(html, "{}", Escaped(&abridged(text, index == 0, index == last))),
        };
    }
    html.push_str("</pre>");
    html
}

/// The ends of a long text that touch something different.
fn abridged(text: &str, opens: bool, closes: bool) -> String {
    let length = text.chars().count();
    let head = if opens { 0 } else { AROUND };
    let tail = if closes { 0 } else { AROUND };
    if length <= head + tail + AROUND {
        return text.to_owned();
    }
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start} … {end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str, shown: Shown) -> String {
        let candidate = |text: &str| Candidate::from_instruction(text).unwrap();
        let html = difference(&candidate(old), &candidate(new), shown);
        html.replace(r#"<pre class="prompt" dir="auto">"#, "").replace("</pre>", "")
    }

    #[test]
    fn marks_words() {
        assert_eq!(
            shown("Say <b>yes</b> now.", "Say <b>no</b> now.", Shown::All),
            "Say &lt;b&gt;<del>yes</del><ins>no</ins>&lt;/b&gt; now."
        );
        assert_eq!(shown("same", "same", Shown::All), "same");
    }

    #[test]
    fn abridges_what_is_alike() {
        let long = "é ".repeat(5_000);
        let html = shown(&format!("{long}old {long}"), &format!("{long}new {long}"), Shown::Around);
        assert!(html.contains("<del>old</del><ins>new</ins>"), "{html}");
        assert_eq!(html.matches('…').count(), 2);
        assert!(html.chars().count() < 300, "{html}");
    }
}
