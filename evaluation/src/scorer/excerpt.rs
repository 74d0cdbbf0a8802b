//! Quotations of answers in feedback.

/// Longer texts are cut, so that feedback on runaway answers stays readable, and payable.
const LONGEST: usize = 200;

/// The text in backquotes, its middle left out where it is long.
pub(super) fn excerpt(text: &str) -> String {
    let text = text.trim();
    match text.chars().count() {
        0 => "nothing".into(),
        length if length <= LONGEST => format!("`{text}`"),
        length => {
            let (head, tail) = (LONGEST * 3 / 4, LONGEST / 4);
            let start: String = text.chars().take(head).collect();
            let end: String = text.chars().skip(length - tail).collect();
            format!("`{start} […] {end}`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(excerpt(" a\n"), "`a`");
        assert_eq!(excerpt(" "), "nothing");
        let long = excerpt(&"é".repeat(5_000));
        assert!(long.chars().count() < 220, "{long}");
        assert!(long.contains(" […] "));
    }
}
