//! What can be said of a candidate in a number.

use serde::{Deserialize, Serialize};

use super::readability::readability;
use crate::candidate::Candidate;
use crate::ledger::Means;

/// What can be said of a candidate in a number: an objective of a search with several, or an axis of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Property {
    /// Mean score, 0 to 1. The one that is better when higher.
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
}

impl Property {
    /// The name used in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Dollars => "dollars",
            Self::OutputTokens => "output_tokens",
            Self::Latency => "latency",
            Self::Length => "length",
            Self::Readability => "readability",
            Self::Shots => "shots",
        }
    }

    /// Its value for a candidate that was measured.
    pub fn of(self, candidate: &Candidate, means: &Means) -> f64 {
        match self {
            Self::Score => means.score,
            Self::Dollars => means.dollars,
            Self::OutputTokens => means.output_tokens,
            Self::Latency => means.latency_seconds,
            Self::Length => candidate.length() as f64,
            Self::Readability => readability(candidate),
            Self::Shots => candidate.shots().len() as f64,
        }
    }

    /// Its value for a candidate whether measured or not, where the text alone decides it.
    pub fn of_text(self, candidate: &Candidate) -> Option<f64> {
        match self {
            Self::Length | Self::Readability | Self::Shots => Some(self.of(candidate, &Means::default())),
            Self::Score | Self::Dollars | Self::OutputTokens | Self::Latency => None,
        }
    }

    /// A value as a gain, better when higher.
    pub(super) fn gain(self, value: f64) -> f64 {
        if self == Self::Score { value } else { -value }
    }
}
