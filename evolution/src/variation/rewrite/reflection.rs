//! Questions that show what came of a text.

use std::fmt::Write as _;

use super::excerpt::{excerpt, fenced};
use super::question::Question;

/// The present text, what came of it on a minibatch with feedback, and the wish for a better one.
pub(super) fn reflect(question: &Question<'_>) -> String {
    let mut text = format!(
        "I gave an assistant the following instruction for a task:\n\n{}\n\nThese are inputs of the task, the \
         assistant's answer to each, and feedback on how the answer could be better:\n",
        fenced(question.text_of(0))
    );
    for (number, example) in question.examples.iter().enumerate() {
        let _ = write!(
            text,
            "\n# Example {}\n## Input\n{}\n\n## Answer of the assistant\n{}\n\n## Feedback\n{}\n",
            number + 1,
            excerpt(example.input),
            excerpt(example.output),
            excerpt(example.feedback)
        );
    }
    text.push_str(
        "\nWrite a new instruction for the assistant.\n\nRead the inputs carefully, find out their form and what \
         the task is in detail. Read all answers and the feedback; put every fact about the task that the feedback \
         reveals into the instruction, because the assistant will not see these examples. If the answers have the \
         wrong form, say exactly which form is wanted. If a way of solving the task works for all inputs, name it. \
         Do not copy whole inputs.\n\n",
    );
    text + &question.closing()
}

/// A case that was worked out rightly, and the wish for the text that led there.
pub(super) fn lamarckian(question: &Question<'_>) -> String {
    let mut text =
        String::from("I gave an assistant an instruction, and with it the assistant did right:\n\n");
    text.push_str(&worked(question));
    text.push_str(&task(question));
    text.push_str(
        "Write the instruction that I must have given: it works for any input of this task, says how to get to \
         the answer and in what form to give it, and copies nothing of the cases above.\n\n",
    );
    text + &question.closing()
}

/// The examples as cases with the right answer.
pub(super) fn worked(question: &Question<'_>) -> String {
    let mut text = String::new();
    for (number, example) in question.examples.iter().enumerate() {
        let (input, output) = (excerpt(example.input), excerpt(example.output));
        let number = number + 1;
        let _ = write!(text, "# Case {number}\n## Input\n{input}\n\n## Right answer\n{output}\n\n");
    }
    text
}

/// The description of the task, where there is one.
pub(super) fn task(question: &Question<'_>) -> String {
    match question.task.trim() {
        "" => String::new(),
        task => format!("The task:\n\n{}\n\n", fenced(task)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Example, Rewrite};
    use crate::candidate::Candidate;

    #[test]
    fn examples_are_numbered_and_long_ones_cut() {
        let parent = Candidate::from_instruction("Sort.").unwrap();
        let long = "x".repeat(5_000);
        let example = |input| Example { input, output: "o", feedback: "f" };
        let question =
            Rewrite::Reflect.question(&[&parent], "instruction", &[example("short"), example(&long)]);
        assert!(question.contains("# Example 2\n## Input\nxxx"), "{question}");
        assert!(question.contains("x […]\n") && question.len() < 6_000, "{question}");
    }
}
