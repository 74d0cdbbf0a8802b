//! Frames of mind in which to think about an instruction.

/// Each opens a question to a model, and fits any task.
pub const THINKING_STYLES: [&str; 30] = [
    "Begin with the aim and work back to what it takes.",
    "Begin with the simplest thing that could work.",
    "Look for what is common to all inputs of the task.",
    "Look for what sets the hardest inputs apart.",
    "Take the view of somebody who sees the task for the first time.",
    "Take the view of somebody who has done the task a thousand times.",
    "Take the view of a teacher who has seen every mistake.",
    "Take the view of an opponent who wants it to fail.",
    "Ask what is taken for granted, and whether it holds.",
    "Ask what a wrong answer would look like, and what leads to it.",
    "Divide the whole into parts, and think of each alone.",
    "See the whole before the parts.",
    "Think of another field that has the same problem, and of how it is solved there.",
    "Think of an extreme case, then of the ordinary one.",
    "Weigh the evidence for each possible answer before choosing.",
    "Think of what can be measured, and what cannot.",
    "Ask why five times over.",
    "Think in rules: which ones decide, and in what order?",
    "Think in pictures: how would the solution look on a sheet of paper?",
    "Think in examples, and let the rule follow from them.",
    "Think of the means at hand, and what they are good for.",
    "Think of what could be left out.",
    "Think of what is missing.",
    "Try the opposite of what is usually done.",
    "Think of a small change with a large effect.",
    "Think of the order of things: what must be known before what?",
    "Explain it to a child, then keep what the child needed.",
    "Suppose that the first idea is wrong, and look for the second.",
    "Think of the reader: what will be understood, and what mistaken?",
    "Think slowly, step by step, and check each step.",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_style_is_there_twice() {
        let distinct: BTreeSet<_> = THINKING_STYLES.into_iter().collect();
        assert_eq!(distinct.len(), THINKING_STYLES.len());
    }
}
