//! What can be said of a candidate in a number.

use serde::{Deserialize, Serialize};

use super::readability::readability;
use crate::candidate::Candidate;
use crate::ledger::Means;

/// What can be said of a candidate in a number: an objective of a search with several, or an axis of an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Property {
    /// Mean score, 0 to 1.
    Score,
    /// Mean price of an evaluation in US dollars.
    Dollars,
    /// Mean length of an answer in tokens.
    OutputTokens,
    /// 95th percentile of the seconds from question to answer. It differs from run to run: a search that looks at it
    /// does not repeat exactly.
    Latency,
    /// Length of the prompt in characters, examples included.
    Length,
    /// Automated readability index of the prompt's components: about the years of school that it takes to read them.
    Readability,
    /// Number of few-shot examples.
    Shots,
    /// The mean of what the evaluator gives under this name
    /// ([`Objectives::named`](crate::evaluation::Objectives::named)).
    Named(String),
}

impl Property {
    /// Those that need no evaluator of a special kind.
    const BUILT_IN: [Self; 7] = [
        Self::Score,
        Self::Dollars,
        Self::OutputTokens,
        Self::Latency,
        Self::Length,
        Self::Readability,
        Self::Shots,
    ];

    /// Names that no evaluator can give to an objective of its own.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        Self::BUILT_IN.iter().map(|property| property.built_in_name().unwrap_or_default())
    }

    fn built_in_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Score => "score",
            Self::Dollars => "dollars",
            Self::OutputTokens => "output_tokens",
            Self::Latency => "latency",
            Self::Length => "length",
            Self::Readability => "readability",
            Self::Shots => "shots",
            Self::Named(_) => return None,
        })
    }

    /// The name used in files.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Named(name) => name,
            built_in => built_in.built_in_name().unwrap_or_default(),
        }
    }

    /// The name that the evaluator gives it, if it is the evaluator's.
    pub fn named(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            _ => None,
        }
    }

    /// Its value for a candidate that was measured; NaN where the evaluator gave none.
    pub fn of(&self, candidate: &Candidate, means: &Means) -> f64 {
        match self {
            Self::Score => means.score,
            Self::Dollars => means.dollars,
            Self::OutputTokens => means.output_tokens,
            Self::Latency => means.latency_seconds,
            Self::Length => candidate.length() as f64,
            Self::Readability => readability(candidate),
            Self::Shots => candidate.shots().len() as f64,
            Self::Named(name) => means.named.get(name).copied().unwrap_or(f64::NAN),
        }
    }

    /// Its value for a candidate whether measured or not, where the text alone decides it.
    pub fn of_text(&self, candidate: &Candidate) -> Option<f64> {
        match self {
            Self::Length | Self::Readability | Self::Shots => Some(self.of(candidate, &Means::default())),
            Self::Score | Self::Dollars | Self::OutputTokens | Self::Latency | Self::Named(_) => None,
        }
    }
}

impl From<String> for Property {
    fn from(name: String) -> Self {
        let built_in = Self::BUILT_IN.into_iter().find(|property| property.as_str() == name);
        built_in.unwrap_or(Self::Named(name))
    }
}

impl From<Property> for String {
    fn from(property: Property) -> Self {
        property.as_str().to_owned()
    }
}
