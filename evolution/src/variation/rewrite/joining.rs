//! Questions that join texts, after EvoPrompt (arXiv 2309.08532, figures 1 and 2).

use super::excerpt::fenced;
use super::question::Question;

/// Keeps a model that writes its steps down from fencing them too.
const ONE_BLOCK: &str = "If you write the steps down, use no ``` blocks for them. ";

pub(super) fn crossover(question: &Question<'_>) -> String {
    let wish = "Cross them: write one new instruction that joins the strongest parts of both. ";
    [&pair(question), wish, &question.closing()].concat()
}

pub(super) fn crossover_mutate(question: &Question<'_>) -> String {
    let wish = "Do this step by step:\n1. Cross the two: join the strongest parts of both in one instruction.\n2. \
                Mutate the result: change how it says things, and one thing that it asks for, so that the task may \
                be done better.\n\n";
    [&pair(question), wish, ONE_BLOCK, &question.closing()].concat()
}

pub(super) fn differential(question: &Question<'_>) -> String {
    let [basic, first, second, best] = [0, 1, 2, 3].map(|parent| fenced(question.text_of(parent)));
    let closing = question.closing();
    format!(
        "Here are four instructions for the same task of a language model.\n\nBasic:\n{basic}\n\nFirst:\n{first}\
         \n\nSecond:\n{second}\n\nBest:\n{best}\n\nDo this step by step:\n1. Find the parts in which the first and \
         the second differ.\n2. Mutate these parts, and only these.\n3. Put the mutated parts into the best \
         instruction, in place of what they correspond to there or beside it.\n4. Cross the result with the basic \
         instruction: write one new instruction that joins the strongest parts of both.\n\n{ONE_BLOCK}{closing}"
    )
}

/// Two instructions: the first and the last that are given.
fn pair(question: &Question<'_>) -> String {
    format!(
        "Here are two instructions for the same task of a language model.\n\nFirst:\n{}\n\nSecond:\n{}\n\n",
        fenced(question.text_of(0)),
        fenced(question.text_of(question.parents.len().saturating_sub(1)))
    )
}
