//! Questions of Promptbreeder (arXiv 2309.16797, section 3.2), where what changes a text, the mutation prompt, is
//! bred along with it.

use super::excerpt::fenced;
use super::question::Question;
use super::reflection::{task, worked};

/// How to answer with a mutation prompt.
const ADVICE: &str = "Put the advice, and nothing else, within ``` blocks.";

pub(super) fn zero_order(question: &Question<'_>) -> String {
    let (cases, limit) = match question.examples {
        [] => (String::new(), ""),
        _ => (format!("Some cases of it:\n\n{}", worked(question)), " Copy nothing of the cases."),
    };
    let wish = "Write an instruction that makes a language model do this task well, whatever the input.";
    format!("{}{cases}{}{wish}{limit}\n\n{}", task(question), style(question), question.closing())
}

pub(super) fn first_order(question: &Question<'_>) -> String {
    let wish = match question.mutation_prompt.trim() {
        "" => "Change it so that the task is done better.",
        wish => wish,
    };
    let text = fenced(question.text_of(0));
    format!(
        "{}Here is an instruction for a language model:\n\n{text}\n\nThis is how to change it:\n\n{}\n\n{}{}",
        task(question),
        fenced(wish),
        style(question),
        question.closing()
    )
}

pub(super) fn eda(question: &Question<'_>) -> String {
    list(
        question,
        "They stand in no particular order. Write one that could go on the list: as good as they are, and \
         different from each of them.",
    )
}

/// The paper tells the model that the list stands in the reverse of its order, to keep it from copying the last;
/// this one says how it is, and asks for a difference.
pub(super) fn eda_ranked(question: &Question<'_>) -> String {
    list(
        question,
        "They stand in the order of how well they do, the best last. Write the next: better than all of them, \
         more like the last ones than the first, and a copy of none.",
    )
}

pub(super) fn lineage(question: &Question<'_>) -> String {
    list(
        question,
        "They stand in the order in which they were found, and each was the best of its time. Write the next: go \
         on in the direction in which they became better.",
    )
}

pub(super) fn zero_order_hyper(question: &Question<'_>) -> String {
    let wish = "I want to change instructions for a language model so that they get better. Write advice on how to \
                change one, in one to three sentences; it will be given together with the instruction.\n\n";
    [&task(question), &style(question), wish, ADVICE].concat()
}

pub(super) fn first_order_hyper(question: &Question<'_>) -> String {
    let mutation_prompt = fenced(question.mutation_prompt);
    let opening =
        "This is advice on how to change instructions for a language model so that they get better:";
    let wish = "Write better advice, in one to three sentences.";
    format!("{opening}\n\n{mutation_prompt}\n\n{}{wish}\n\n{ADVICE}", style(question))
}

/// The texts of all parents, and what to make of them.
fn list(question: &Question<'_>, wish: &str) -> String {
    let texts = (0..question.parents.len())
        .map(|parent| format!("{}.\n{}\n\n", parent + 1, fenced(question.text_of(parent))))
        .collect::<String>();
    let (task, closing) = (task(question), question.closing());
    format!(
        "{task}Here is a list of instructions for the same task of a language model.\n\n{texts}{wish}\n\n{closing}"
    )
}

fn style(question: &Question<'_>) -> String {
    match question.thinking_style.trim() {
        "" => String::new(),
        style => format!("{style}\n\n"),
    }
}
