//! Counts by kind.

use std::collections::BTreeMap;

use serde::Serialize;

/// Most kinds that are told apart. The page is another process's: what it counts must not fill this one's memory.
const MOST: usize = 64;

/// Longest name, in characters.
const LONGEST: usize = 80;

/// Stands for all kinds that found no place.
const OTHER: &str = "other";

/// Something by name, for a limited number of names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct ByName<T>(BTreeMap<String, T>);

/// How many of each kind.
pub(super) type Counts = ByName<u64>;

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Default> ByName<T> {
    /// What has this name, which is made fit to be shown; the place of `other` when there are too many.
    pub(super) fn entry(&mut self, name: &str) -> &mut T {
        let name = shown(name);
        let has_place = self.0.len() < MOST || self.0.contains_key(&name);
        self.0.entry(if has_place { name } else { OTHER.to_owned() }).or_default()
    }
}

impl<T> ByName<T> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.0.get(name)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, of)| (name.as_str(), of))
    }

    /// The same names with something made of each.
    pub(super) fn map<U>(&self, mut make: impl FnMut(&str, &T) -> U) -> ByName<U> {
        ByName(self.0.iter().map(|(name, of)| (name.clone(), make(name, of))).collect())
    }
}

impl Counts {
    /// Of this kind; 0 of one that is not known.
    pub(super) fn of(&self, name: &str) -> u64 {
        self.get(name).copied().unwrap_or(0)
    }

    /// Of all kinds.
    pub(super) fn total(&self) -> u64 {
        self.0.values().fold(0, |total, count| total.saturating_add(*count))
    }

    /// Of all kinds but one.
    pub(super) fn total_but(&self, name: &str) -> u64 {
        self.total() - self.of(name)
    }

    /// Adds another one's.
    pub(super) fn add(&mut self, other: &Self) {
        for (name, more) in other.iter() {
            let count = self.entry(name);
            *count = count.saturating_add(*more);
        }
    }

    /// What came since an earlier reading; nothing of a kind that went down.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        self.map(|name, count| count.saturating_sub(earlier.of(name)))
    }

    /// Whether a kind that was counted earlier has fewer now.
    pub(super) fn fell_since(&self, earlier: &Self) -> bool {
        self.0.iter().any(|(name, count)| *count < earlier.of(name))
    }

    /// The kinds with the most first, without those of which there are none.
    pub(super) fn most_first(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<_> =
            self.iter().map(|(name, count)| (name, *count)).filter(|(_, n)| *n > 0).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all
    }
}

/// A text from outside, fit for a terminal: no control characters, and not too long.
pub(super) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let visible = |char: char| if char.is_control() { '\u{fffd}' } else { char };
    let mut shown: String = chars.by_ref().take(LONGEST).map(visible).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_names_become_one() {
        let mut counts = Counts::default();
        (0..1_000).for_each(|number| *counts.entry(&format!("model-{number}")) += 1);
        assert_eq!((counts.iter().len(), counts.total()), (MOST + 1, 1_000));
        assert_eq!(counts.of(OTHER), 1_000 - MOST as u64);
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(shown(&"x".repeat(200)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn differences_are_taken_by_kind() {
        let counts = |ok, failed| Counts::from_iter([("ok", ok), ("failed", failed)]);
        assert_eq!(counts(7, 3).since(&counts(5, 3)), counts(2, 0));
        assert_eq!(counts(7, 3).total_but("ok"), 3);
        assert!(counts(9, 2).fell_since(&counts(5, 3)) && !counts(9, 3).fell_since(&Counts::default()));
        assert_eq!(counts(1, 2).most_first(), [("failed", 2), ("ok", 1)]);
    }

    impl<'a> FromIterator<(&'a str, u64)> for Counts {
        fn from_iter<I: IntoIterator<Item = (&'a str, u64)>>(counts: I) -> Self {
            Self(counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect())
        }
    }
}
