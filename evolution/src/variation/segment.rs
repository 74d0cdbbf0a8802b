//! A text cut into sentences or clauses that can be moved about.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// The size of the pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Sentences after Unicode Annex 29; a line break ends one too.
    Sentence,
    /// What stands between two marks of punctuation.
    Clause,
}

/// A text and where its pieces are. What stands between them (spaces, and for clauses punctuation) stays in
/// its place when pieces move, so that the text stays well-formed.
#[derive(Debug)]
pub(crate) struct Segments<'a> {
    text: &'a str,
    unit: Unit,
    bodies: Vec<Range<usize>>,
}

impl<'a> Segments<'a> {
    /// Cuts a text.
    pub(crate) fn new(text: &'a str, unit: Unit) -> Self {
        let bodies = match unit {
            Unit::Sentence => sentences(text),
            Unit::Clause => clauses(text),
        };
        Self { text, unit, bodies }
    }

    /// How many pieces there are.
    pub(crate) fn len(&self) -> usize {
        self.bodies.len()
    }

    /// A piece without what surrounds it.
    pub(crate) fn body(&self, index: usize) -> &'a str {
        &self.text[self.bodies[index].clone()]
    }

    /// The pieces in their order.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &'a str> {
        self.bodies.iter().map(|range| &self.text[range.clone()])
    }

    /// What stands behind a piece.
    fn gap(&self, index: usize) -> &'a str {
        let end = self.bodies.get(index + 1).map_or(self.text.len(), |next| next.start);
        &self.text[self.bodies[index].end..end]
    }

    /// What stands before the first piece.
    fn lead(&self) -> &'a str {
        &self.text[..self.bodies.first().map_or(self.text.len(), |first| first.start)]
    }

    /// The text with its pieces in another order: a permutation of their positions.
    pub(crate) fn reordered(&self, order: &[usize]) -> String {
        let mut text = self.lead().to_owned();
        for (position, &index) in order.iter().enumerate() {
            text.push_str(self.body(index));
            text.push_str(self.gap(position));
        }
        text
    }

    /// The text without a piece and what joined it to the one before.
    pub(crate) fn without(&self, gone: usize) -> String {
        let joint = gone.saturating_sub(1);
        let mut text = self.lead().to_owned();
        for index in 0..self.len() {
            if index != gone {
                text.push_str(self.body(index));
            }
            if index != joint || self.len() == 1 {
                text.push_str(self.gap(index));
            }
        }
        text
    }

    /// The text with another body in place of a piece.
    pub(crate) fn with_body(&self, replaced: usize, body: &str) -> String {
        let Range { start, end } = self.bodies[replaced];
        [&self.text[..start], body, &self.text[end..]].concat()
    }

    /// The text with a piece said once more, as the piece at position `at` (0 to [`Segments::len`]).
    pub(crate) fn with_copy(&self, index: usize, at: usize) -> String {
        let copy = self.body(index);
        if at < self.len() {
            let start = self.bodies[at].start;
            return [&self.text[..start], copy, self.joint(at), &self.text[start..]].concat();
        }
        let last = self.len() - 1;
        let end = self.bodies[last].end;
        [&self.text[..end], self.joint(last), copy, self.gap(last)].concat()
    }

    /// What joins pieces near a position.
    fn joint(&self, near: usize) -> &'a str {
        let usual = if self.unit == Unit::Sentence { " " } else { ", " };
        match self.len().checked_sub(2) {
            Some(last_joint) => self.gap(near.min(last_joint)),
            None => usual,
        }
    }
}

fn sentences(text: &str) -> Vec<Range<usize>> {
    let pieces = text.split_sentence_bound_indices();
    let trimmed = pieces.map(|(start, piece)| {
        let body_start = start + (piece.len() - piece.trim_start().len());
        body_start..body_start + piece.trim().len()
    });
    trimmed.filter(|body| !body.is_empty()).collect()
}

fn clauses(text: &str) -> Vec<Range<usize>> {
    let mut bodies = Vec::new();
    let mut body: Option<Range<usize>> = None;
    let mut characters = text.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let end = start + character.len_utf8();
        let spaced = characters.peek().is_none_or(|(_, next)| next.is_whitespace() || is_mark(*next));
        let is_boundary = character == '\n' || is_wide_mark(character) || (is_mark(character) && spaced);
        if is_boundary {
            bodies.extend(body.take());
        } else if !character.is_whitespace() {
            body = Some(body.map_or(start, |open| open.start)..end);
        }
    }
    bodies.extend(body);
    bodies
}

fn is_mark(character: char) -> bool {
    matches!(character, ',' | ';' | ':' | '.' | '!' | '?')
}

/// Marks of scripts that put no space behind them.
fn is_wide_mark(character: char) -> bool {
    matches!(character, '、' | '，' | '；' | '：' | '。' | '！' | '？')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "Read the text, then answer. Be brief.";

    #[test]
    fn clauses_move_and_punctuation_stays() {
        let clauses = Segments::new(TEXT, Unit::Clause);
        assert_eq!(clauses.bodies().collect::<Vec<_>>(), ["Read the text", "then answer", "Be brief"]);
        assert_eq!(clauses.reordered(&[2, 1, 0]), "Be brief, then answer. Read the text.");
        assert_eq!(clauses.without(1), "Read the text. Be brief.");
        assert_eq!(clauses.without(0), "then answer. Be brief.");
        assert_eq!(clauses.without(2), "Read the text, then answer.");
        assert_eq!(clauses.with_copy(2, 3), "Read the text, then answer. Be brief. Be brief.");
        assert_eq!(clauses.with_copy(2, 0), "Be brief, Read the text, then answer. Be brief.");
    }

    #[test]
    fn sentences_know_numbers_and_scripts_without_spaces() {
        let bodies = |text| Segments::new(text, Unit::Sentence).bodies().count();
        assert_eq!(bodies("It costs 3.5 dollars, i.e. little. Why?\nYes"), 3);
        assert_eq!(bodies("你好。再见！"), 2);
        assert_eq!(bodies(" \n "), 0);
        let two = Segments::new("  A one. B two.", Unit::Sentence);
        assert_eq!(two.reordered(&[1, 0]), "  B two. A one.");
        assert_eq!(two.with_body(1, "C."), "  A one. C.");
        assert_eq!(Segments::new("Only", Unit::Sentence).with_copy(0, 1), "Only Only");
        assert_eq!(Segments::new("Only", Unit::Sentence).without(0), "");
    }

    fn texts() -> impl Strategy<Value = String> {
        let mark = prop::sample::select(" ,.!\n、。".chars().collect::<Vec<_>>());
        prop::collection::vec(prop_oneof![any::<char>(), mark, prop::char::range('a', 'c')], 0..60)
            .prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn no_edit_panics_and_none_loses_pieces(text in texts()) {
            for unit in [Unit::Sentence, Unit::Clause] {
                let segments = Segments::new(&text, unit);
                let order: Vec<usize> = (0..segments.len()).collect();
                prop_assert_eq!(segments.reordered(&order), text.clone());
                let reversed: Vec<usize> = order.iter().rev().copied().collect();
                prop_assert_eq!(segments.reordered(&reversed).len(), text.len());
                for index in order {
                    prop_assert!(segments.without(index).len() < text.len());
                    let copied = segments.with_copy(index, segments.len());
                    prop_assert!(copied.len() > text.len());
                    prop_assert_eq!(segments.with_body(index, segments.body(index)), text.clone());
                }
            }
        }
    }
}
