//! How hard a prompt is to read.

use unicode_segmentation::UnicodeSegmentation;

use crate::candidate::Candidate;

/// The automated readability index (Senter and Smith 1967, AMRL-TR-66-220) of all components: 4.71 characters per word
/// plus 0.5 words per sentence less 21.43, about the years of school that an English text takes. Unlike formulas that
/// count syllables it is defined for every script with words. Words and sentences are those of Unicode Annex 29; a text
/// without words has 0.
pub(super) fn readability(candidate: &Candidate) -> f64 {
    let (mut characters, mut words, mut sentences) = (0.0, 0.0, 0.0);
    for text in candidate.components().values() {
        for word in text.unicode_words() {
            characters += word.chars().count() as f64;
            words += 1.0;
        }
        sentences += text.unicode_sentences().count() as f64;
    }
    if words == 0.0 { 0.0 } else { 4.71 * characters / words + 0.5 * words / sentences - 21.43 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_formula() {
        let of = |text| readability(&Candidate::from_instruction(text).unwrap());
        // 14 characters in 5 words in 2 sentences.
        assert!((of("I see it. Answer me!") - (4.71 * 14.0 / 5.0 + 0.5 * 5.0 / 2.0 - 21.43)).abs() < 1e-12);
        assert!(of("Consider characteristics conscientiously.") > of("See what it is."));
        assert_eq!(of("…"), 0.0);
    }
}
