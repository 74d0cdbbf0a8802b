//! What every child must be.

use rand::seq::IndexedRandom;

use super::VariationLimits;
use crate::candidate::Candidate;
use crate::rng::RunRng;

/// How often an operator draws anew when a child came out as its parent or beyond a limit.
const TRIES: usize = 8;

impl VariationLimits {
    /// Whether a candidate keeps them.
    pub fn admit(&self, candidate: &Candidate) -> bool {
        candidate.shots().len() <= self.max_shots
            && candidate.components().values().all(|text| self.fits(text))
    }

    /// Whether a component may have this text.
    pub(crate) fn fits(&self, text: &str) -> bool {
        // Bytes bound characters, and are free to count.
        text.len() <= self.max_component_length || text.chars().count() <= self.max_component_length
    }
}

/// The first child of some tries that is new and keeps the limits.
pub(crate) fn first_new(
    parents: &[&Candidate],
    limits: &VariationLimits,
    mut make: impl FnMut() -> Option<Candidate>,
) -> Option<Candidate> {
    let mut children = (0..TRIES).filter_map(|_| make());
    children.find(|child| limits.admit(child) && parents.iter().all(|parent| *parent != child))
}

/// The name of a component with text, drawn at random.
pub(crate) fn any_component<'a>(parent: &'a Candidate, rng: &mut RunRng) -> Option<(&'a str, &'a str)> {
    let with_text = parent.components().iter().filter(|(_, text)| !text.trim().is_empty());
    let with_text: Vec<_> = with_text.map(|(name, text)| (name.as_str(), text.as_str())).collect();
    with_text.choose(rng).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shot;

    #[test]
    fn limits_count_characters_and_shots() {
        let limits = VariationLimits { max_shots: 1, max_component_length: 3 };
        let fits = Candidate::from_instruction("äöü").unwrap();
        let shot = Shot { input: "long input".into(), output: "b".into() };
        assert!(limits.admit(&fits.with_shots(vec![shot.clone()])));
        assert!(!limits.admit(&fits.with_shots(vec![shot.clone(), shot])));
        assert!(!limits.admit(&Candidate::from_instruction("äöüx").unwrap()));
    }

    #[test]
    fn parents_and_giants_are_passed_over() {
        let parent = Candidate::from_instruction("abc").unwrap();
        let limits = VariationLimits { max_shots: 0, max_component_length: 3 };
        let mut texts = ["abc", "abcd", "xyz"].into_iter();
        let child = first_new(&[&parent], &limits, || Candidate::from_instruction(texts.next()?).ok());
        assert_eq!(child.unwrap().component("instruction"), "xyz");
        assert_eq!(first_new(&[&parent], &limits, || Some(parent.clone())), None);
    }
}
