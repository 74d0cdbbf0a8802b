//! What a question is made of.

use super::{Rewrite, joining, promptbreeder, reflection, single};
use crate::candidate::Candidate;

/// One case, as the model that is asked sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example<'a> {
    /// What the model was given.
    pub input: &'a str,
    /// What it answered.
    pub output: &'a str,
    /// What the scorer said.
    pub feedback: &'a str,
}

/// A question to a model. What its [`Rewrite`] has no use for stays out of it, and so does what is empty.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What is asked for.
    pub rewrite: Rewrite,
    /// The component that is to be written anew.
    pub component: &'a str,
    /// The parents in the order that the rewrite names; at least one, and where too few are given the last stands
    /// for the missing ones.
    pub parents: &'a [&'a Candidate],
    /// Cases with answers: a minibatch with feedback to reflect on, rightly worked cases for
    /// [`Rewrite::Lamarckian`] and [`Rewrite::ZeroOrder`].
    pub examples: &'a [Example<'a>],
    /// What the task is, in a few words.
    pub task: &'a str,
    /// How to change a text, for [`Rewrite::FirstOrder`]; what is to be improved, for [`Rewrite::FirstOrderHyper`].
    pub mutation_prompt: &'a str,
    /// In what frame of mind to go about it.
    pub thinking_style: &'a str,
}

impl<'a> Question<'a> {
    /// A question about parents alone.
    pub fn new(rewrite: Rewrite, component: &'a str, parents: &'a [&'a Candidate]) -> Self {
        Self { rewrite, component, parents, examples: &[], task: "", mutation_prompt: "", thinking_style: "" }
    }

    /// The whole question, one user turn. The answer stands in a fenced block: see [`super::read_answer`].
    pub fn text(&self) -> String {
        match self.rewrite {
            Rewrite::Reflect => reflection::reflect(self),
            Rewrite::Lamarckian => reflection::lamarckian(self),
            Rewrite::Paraphrase => single::paraphrase(self),
            Rewrite::Expand => single::expand(self),
            Rewrite::Compress => single::compress(self),
            Rewrite::ModelCrossover => joining::crossover(self),
            Rewrite::CrossoverMutate => joining::crossover_mutate(self),
            Rewrite::Differential => joining::differential(self),
            Rewrite::ZeroOrder => promptbreeder::zero_order(self),
            Rewrite::FirstOrder => promptbreeder::first_order(self),
            Rewrite::Eda => promptbreeder::eda(self),
            Rewrite::EdaRanked => promptbreeder::eda_ranked(self),
            Rewrite::Lineage => promptbreeder::lineage(self),
            Rewrite::ZeroOrderHyper => promptbreeder::zero_order_hyper(self),
            Rewrite::FirstOrderHyper => promptbreeder::first_order_hyper(self),
        }
    }

    /// The component's text of one of the parents.
    pub(super) fn text_of(&self, parent: usize) -> &'a str {
        let parent = self.parents.get(parent).or(self.parents.last());
        parent.map_or("", |parent| parent.component(self.component))
    }

    /// How to answer; for one of several components also which of them it is, so that none does the others' work.
    pub(super) fn closing(&self) -> String {
        let has_text = |text: &&String| !text.trim().is_empty();
        let parts = self.parents.first().map_or(0, |p| p.components().values().filter(has_text).count());
        let part = match parts {
            0 | 1 => String::new(),
            _ => format!(
                "The instruction is the part `{}` of a longer prompt; keep to what that part is for.\n\n",
                self.component
            ),
        };
        format!("{part}Put the new instruction, and nothing else, within ``` blocks.")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::candidate::{INSTRUCTION, Placement};

    const EXAMPLES: [Example<'static>; 1] =
        [Example { input: "<input>", output: "<output>", feedback: "<feedback>" }];

    fn candidates() -> Vec<Candidate> {
        ["<one>", "<two>", "<three>", "<four>"].map(|t| Candidate::from_instruction(t).unwrap()).into()
    }

    fn asked(rewrite: Rewrite, parents: &[Candidate]) -> String {
        let parents: Vec<&Candidate> = parents.iter().collect();
        Question {
            examples: &EXAMPLES,
            task: "<task>",
            mutation_prompt: "<mutation>",
            thinking_style: "<style>",
            ..Question::new(rewrite, INSTRUCTION, &parents)
        }
        .text()
    }

    #[test]
    fn each_question_shows_what_it_is_made_of_and_no_more() {
        let all = [
            "<one>",
            "<two>",
            "<three>",
            "<four>",
            "<input>",
            "<output>",
            "<feedback>",
            "<task>",
            "<mutation>",
            "<style>",
        ];
        let (one, four) = (&all[..1], &all[..4]);
        for rewrite in Rewrite::ALL {
            let wanted: Vec<&str> = match rewrite {
                Rewrite::Reflect => [one, &all[4..7]].concat(),
                Rewrite::Paraphrase | Rewrite::Expand | Rewrite::Compress => one.to_vec(),
                // The second parent is the last of those given.
                Rewrite::ModelCrossover | Rewrite::CrossoverMutate => vec![all[0], all[3]],
                Rewrite::Differential => four.to_vec(),
                Rewrite::ZeroOrder => [&all[4..6], &all[7..8], &all[9..]].concat(),
                Rewrite::FirstOrder => [one, &all[7..]].concat(),
                Rewrite::Eda | Rewrite::EdaRanked | Rewrite::Lineage => [four, &all[7..8]].concat(),
                Rewrite::ZeroOrderHyper => vec!["<task>", "<style>"],
                Rewrite::FirstOrderHyper => vec!["<mutation>", "<style>"],
                Rewrite::Lamarckian => vec!["<input>", "<output>", "<task>"],
            };
            let question = asked(rewrite, &candidates());
            let shown: Vec<&str> = all.into_iter().filter(|part| question.contains(part)).collect();
            assert_eq!(shown, wanted, "{rewrite:?}: {question}");
            assert!(question.ends_with(", and nothing else, within ``` blocks."), "{question}");
        }
    }

    #[test]
    fn what_is_empty_leaves_no_trace() {
        let parents = candidates();
        let parents: Vec<&Candidate> = parents.iter().collect();
        for rewrite in Rewrite::ALL {
            let question = Question::new(rewrite, INSTRUCTION, &parents).text();
            assert!(!question.contains("\n\n\n"), "{rewrite:?}: {question}");
            let bare = question.trim_start() == question && !question.contains("  ");
            assert!(bare, "{rewrite:?}: {question}");
        }
    }

    #[test]
    fn one_of_several_components_is_named() {
        let components = BTreeMap::from([
            (INSTRUCTION.to_owned(), "Do it.".to_owned()),
            ("style".to_owned(), "Be kind.".to_owned()),
        ]);
        let parent = Candidate::new(components, Placement::System, vec![]).unwrap();
        let question = Question::new(Rewrite::Expand, "style", &[&parent]).text();
        assert!(question.contains("the part `style`") && question.contains("Be kind."), "{question}");
        assert!(!question.contains("Do it."), "{question}");
        assert!(!asked(Rewrite::Expand, &candidates()).contains("the part `"));
    }
}
