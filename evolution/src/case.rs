//! Test cases, and which part of a search may see them.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::candidate::Shot;
use crate::digest::Digest;

/// Identity of a case: the hash of its content.
pub type CaseId = Digest;

/// One test case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What the model is given.
    pub input: String,
    /// What it should answer; `None` where a scorer needs no reference.
    pub expected: Option<String>,
    /// How much the case counts, above 0; 1 unless said.
    pub weight: f64,
    /// All named columns of its row, for templates and scorers.
    pub columns: BTreeMap<String, String>,
}

impl Case {
    /// A case of weight 1 with no more columns than `input` and `expected`.
    pub fn new(input: impl Into<String>, expected: impl Into<String>) -> Self {
        let (input, expected) = (input.into(), expected.into());
        let columns =
            BTreeMap::from([("input".into(), input.clone()), ("expected".into(), expected.clone())]);
        Self { input, expected: Some(expected), weight: 1.0, columns }
    }

    /// The example that it makes; none when it has no expected answer to show.
    pub fn shot(&self) -> Option<Shot> {
        let output = self.expected.as_deref().filter(|answer| !answer.trim().is_empty())?;
        Some(Shot { input: (*self.input).into(), output: output.into() })
    }

    /// The hash of input, expected answer and columns. The weight is no part of it: it changes no answer.
    pub fn id(&self) -> CaseId {
        let mut fields = vec![self.input.as_bytes()];
        fields.extend(self.expected.as_ref().map(|text| text.as_bytes()));
        for (name, value) in &self.columns {
            fields.extend([name.as_bytes(), value.as_bytes()]);
        }
        Digest::of_fields(fields)
    }
}

/// What a case may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The search learns from it: minibatches, examples, feedback.
    Train,
    /// The search ranks on it.
    Validation,
    /// Sealed: no part of the search; scored once, for the report.
    Test,
}

impl Split {
    /// The name used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The cases that a search may see. Test cases have no place in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseSet {
    /// What the search learns from.
    pub train: Vec<Case>,
    /// What the search ranks on.
    pub validation: Vec<Case>,
}

/// A set of cases that no search can work on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaseSetError {
    /// A split has no case.
    #[error("there is no {0} case")]
    Empty(&'static str),
    /// The same case stands in both splits, so that the ranking would reward memorising.
    #[error("train and validation share {0} cases")]
    Overlap(usize),
    /// A weight is not above 0.
    #[error("the weight of a {0} case is not a number above 0")]
    Weight(&'static str),
}

impl CaseSet {
    /// Checks that there are cases of both kinds, that none is in both, and that weights are above 0.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(train: Vec<Case>, validation: Vec<Case>) -> Result<Self, CaseSetError> {
        for (cases, split) in [(&train, Split::Train), (&validation, Split::Validation)] {
            if cases.is_empty() {
                return Err(CaseSetError::Empty(split.as_str()));
            }
            if cases.iter().any(|case| !(case.weight.is_finite() && case.weight > 0.0)) {
                return Err(CaseSetError::Weight(split.as_str()));
            }
        }
        let known: HashSet<CaseId> = train.iter().map(Case::id).collect();
        match validation.iter().filter(|case| known.contains(&case.id())).count() {
            0 => Ok(Self { train, validation }),
            shared => Err(CaseSetError::Overlap(shared)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_is_no_part_of_identity() {
        let case = Case::new("in", "out");
        assert_eq!(case.id(), Case { weight: 3.0, ..case.clone() }.id());
        assert_ne!(case.id(), Case::new("in", "other").id());
    }

    #[test]
    fn refuses_empty_and_overlapping_splits() {
        let (a, b) = (Case::new("a", "1"), Case::new("b", "2"));
        assert_eq!(CaseSet::new(vec![], vec![a.clone()]).unwrap_err(), CaseSetError::Empty("train"));
        let error = CaseSet::new(vec![a.clone(), b.clone()], vec![b.clone()]).unwrap_err();
        assert_eq!(error, CaseSetError::Overlap(1));
        let heavy = Case { weight: 0.0, ..b };
        assert_eq!(CaseSet::new(vec![a], vec![heavy]).unwrap_err(), CaseSetError::Weight("validation"));
    }
}
