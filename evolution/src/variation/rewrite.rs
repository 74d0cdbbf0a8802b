//! Operators that ask a model: a question is written, its answer read.
//!
//! Sources: reflection after GEPA (arXiv 2507.19457, appendix B); paraphrase, the two crossovers and the
//! differential after EvoPrompt (arXiv 2309.08532, ICLR 2024); the operators from [`Rewrite::ZeroOrder`] on after
//! Promptbreeder (arXiv 2309.16797, section 3.2). The words of the questions are our own.

pub mod answer;
mod excerpt;
mod joining;
mod promptbreeder;
pub mod question;
mod reflection;
mod single;

pub use answer::{Unusable, read_answer};
pub use question::{Example, Question};

use serde::{Deserialize, Serialize};

use crate::candidate::Candidate;

/// An operator that asks a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rewrite {
    /// Looks at inputs, answers and feedback, and writes a better text.
    Reflect,
    /// Says the same in other words.
    Paraphrase,
    /// Adds the detail and the rules that are missing.
    Expand,
    /// Says the same in fewer words.
    Compress,
    /// Combines the texts of two parents.
    ModelCrossover,
    /// Combines the texts of two parents and changes the result: the step of EvoPrompt's genetic algorithm.
    CrossoverMutate,
    /// The step of EvoPrompt's differential evolution. Parents are the incumbent, two others whose differences are
    /// mutated, and the best, into which they are put before it is crossed with the incumbent.
    Differential,
    /// Writes a text from the description of the task alone.
    ZeroOrder,
    /// Changes the text as a mutation prompt says.
    FirstOrder,
    /// Writes one more of a list of diverse texts ("estimation of distribution").
    Eda,
    /// Writes one more of a list of diverse texts, which stand from the worst to the best.
    EdaRanked,
    /// Writes the next of a line of ancestors, which stand from the first to the last.
    Lineage,
    /// Writes a mutation prompt from the description of the task and a thinking style.
    ZeroOrderHyper,
    /// Improves a mutation prompt.
    FirstOrderHyper,
    /// Writes the text that would lead to a case that was worked out rightly.
    Lamarckian,
}

impl Rewrite {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Reflect,
        Self::Paraphrase,
        Self::Expand,
        Self::Compress,
        Self::ModelCrossover,
        Self::CrossoverMutate,
        Self::Differential,
        Self::ZeroOrder,
        Self::FirstOrder,
        Self::Eda,
        Self::EdaRanked,
        Self::Lineage,
        Self::ZeroOrderHyper,
        Self::FirstOrderHyper,
        Self::Lamarckian,
    ];

    /// The name used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reflect => "reflect",
            Self::Paraphrase => "paraphrase",
            Self::Expand => "expand",
            Self::Compress => "compress",
            Self::ModelCrossover => "model_crossover",
            Self::CrossoverMutate => "crossover_mutate",
            Self::Differential => "differential",
            Self::ZeroOrder => "zero_order",
            Self::FirstOrder => "first_order",
            Self::Eda => "eda",
            Self::EdaRanked => "eda_ranked",
            Self::Lineage => "lineage",
            Self::ZeroOrderHyper => "zero_order_hyper",
            Self::FirstOrderHyper => "first_order_hyper",
            Self::Lamarckian => "lamarckian",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rewrite| rewrite.as_str() == name)
    }

    /// How many parents it takes; one that takes a list takes so many at least.
    pub fn arity(self) -> usize {
        match self {
            Self::ModelCrossover | Self::CrossoverMutate | Self::Eda | Self::EdaRanked | Self::Lineage => 2,
            Self::Differential => 4,
            _ => 1,
        }
    }

    /// Whether there is nothing to ask without examples: a search that keeps no traces cannot use it.
    pub fn needs_examples(self) -> bool {
        matches!(self, Self::Reflect | Self::Lamarckian)
    }

    /// Whether what it asks for is a mutation prompt and no component of a candidate.
    pub fn is_hyper(self) -> bool {
        matches!(self, Self::ZeroOrderHyper | Self::FirstOrderHyper)
    }

    /// The question about one component of the parents, where it is made of them and of examples alone; for others
    /// see [`Question`].
    pub fn question(self, parents: &[&Candidate], component: &str, examples: &[Example<'_>]) -> String {
        Question { examples, ..Question::new(self, component, parents) }.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_files_and_lead_back() {
        for rewrite in Rewrite::ALL {
            assert_eq!(serde_json::to_value(rewrite).unwrap(), rewrite.as_str());
            assert_eq!(Rewrite::named(rewrite.as_str()), Some(rewrite));
        }
        assert_eq!(Rewrite::named("swap_text"), None);
    }
}
