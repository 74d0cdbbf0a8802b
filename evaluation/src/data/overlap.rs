//! Cases that stand in more than one split.

use std::collections::HashSet;

use evohub_evolution::{Case, Split};

/// A case that stands in two splits, so that a result on one says nothing new about the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The split in which it stands first.
    pub first: Split,
    /// The split in which it stands again.
    pub second: Split,
    /// Its index in the second split.
    pub index: usize,
    /// How much of it is the same.
    pub kind: OverlapKind,
}

/// How much two cases of different splits have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlapKind {
    /// All of it.
    Case,
    /// The input, up to white space and letter case. Other columns or the expected answer differ.
    Input,
}

/// Finds the cases that stand in more than one split. Each is reported once per pair of splits.
pub fn overlaps(splits: &[(Split, &[Case])]) -> Vec<Overlap> {
    let mut found = Vec::new();
    for (position, (second, cases)) in splits.iter().enumerate() {
        for (first, earlier) in &splits[..position] {
            let ids: HashSet<_> = earlier.iter().map(Case::id).collect();
            let inputs: HashSet<_> = earlier.iter().map(|case| normalised(&case.input)).collect();
            for (index, case) in cases.iter().enumerate() {
                let kind = if ids.contains(&case.id()) {
                    OverlapKind::Case
                } else if inputs.contains(&normalised(&case.input)) {
                    OverlapKind::Input
                } else {
                    continue;
                };
                found.push(Overlap { first: *first, second: *second, index, kind });
            }
        }
    }
    found
}

fn normalised(input: &str) -> String {
    input.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whole_cases_and_inputs() {
        let train = [Case::new("a", "1"), Case::new("b  B", "2"), Case::new("c", "3")];
        let validation = [Case::new("d", "4"), Case::new("a", "1")];
        let test = [Case::new("B b", "2"), Case::new("d", "5"), Case::new("e", "6")];
        let splits = [(Split::Train, &train[..]), (Split::Validation, &validation), (Split::Test, &test)];
        let found = overlaps(&splits);
        let expected = [
            (Split::Train, Split::Validation, 1, OverlapKind::Case),
            (Split::Train, Split::Test, 0, OverlapKind::Input),
            (Split::Validation, Split::Test, 1, OverlapKind::Input),
        ];
        assert_eq!(found.iter().map(|o| (o.first, o.second, o.index, o.kind)).collect::<Vec<_>>(), expected);
    }
}
