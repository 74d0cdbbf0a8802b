//! Questions that say one text in another way.

use super::excerpt::fenced;
use super::question::Question;

pub(super) fn paraphrase(question: &Question<'_>) -> String {
    about(question, "Write a variation of it that keeps its meaning and says it in other words. ")
}

pub(super) fn expand(question: &Question<'_>) -> String {
    about(
        question,
        "Write a fuller version of it. Keep all that it says, and add what it leaves open: what exactly is \
         wanted, rules for cases that are unclear or unusual, and the form of the answer. Add no facts about the \
         task that do not follow from it. ",
    )
}

pub(super) fn compress(question: &Question<'_>) -> String {
    about(
        question,
        "Write a shorter version of it, of about half the length if that can be done. Keep every rule, every \
         fact and the form of the answer that it asks for; leave out repetition, courtesy and what goes without \
         saying. ",
    )
}

fn about(question: &Question<'_>, wish: &str) -> String {
    let text = fenced(question.text_of(0));
    let closing = question.closing();
    format!("Here is an instruction for a language model:\n\n{text}\n\n{wish}{closing}")
}
