//! Ways of changing an instruction, to begin with where mutation prompts are bred.

/// Each says how to change an instruction, and fits any task.
pub const MUTATION_PROMPTS: [&str; 36] = [
    "Say it so that somebody who has never seen the task could do it.",
    "Cut everything that does not change the answer.",
    "Turn it into a short numbered list of steps.",
    "Turn it into one flowing paragraph.",
    "Name the mistakes that are easily made, and how to avoid them.",
    "Say exactly what a right answer looks like, to the letter.",
    "Put the most important rule first, and say it once more at the end.",
    "Add what to do when the input is unclear, incomplete or contradictory.",
    "Replace every vague word by something that can be checked.",
    "Ask for the reasoning first and for the answer on the last line.",
    "Ask for the answer alone, without any reasoning.",
    "Give the reason behind each rule, so that it can be applied to cases it does not name.",
    "Write it from the point of view of somebody who checks the answers.",
    "Say what the task is for, and who will read the answer.",
    "State the task as a question to be answered about the input.",
    "Write it as one sharp command.",
    "Add a check of one's own answer before it is given.",
    "Say which part of the input decides, and which parts mislead.",
    "Resolve every contradiction in it in favour of what the task needs.",
    "Give it a second way of reaching the answer, to compare the two.",
    "Break the task into smaller questions, and say how their answers make up the whole.",
    "Describe the border between answers that are easily confused.",
    "Use simpler words and shorter sentences throughout.",
    "Use the exact terms of the field that the task belongs to.",
    "Turn every prohibition into a statement of what to do instead.",
    "Say how sure one must be before giving a rare answer.",
    "Begin with a role that knows this task by heart, and let the rest follow from it.",
    "Throw away its structure and write it anew from its aim.",
    "Change one thing only: the one that is most likely to be wrong.",
    "Make it stricter wherever it leaves a choice about the form of the answer.",
    "Make it looser wherever it forbids what could help.",
    "Add the order in which to look at things.",
    "Warn of following the look of the input rather than its meaning.",
    "Say what to leave out of the answer.",
    "Think of an input on which it fails, and change it so that it does not.",
    "Write what it means rather than what it says.",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_prompt_is_there_twice() {
        let distinct: BTreeSet<_> = MUTATION_PROMPTS.into_iter().collect();
        assert_eq!(distinct.len(), MUTATION_PROMPTS.len());
    }
}
