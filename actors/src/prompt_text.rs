//! A candidate as text for people.

use std::fmt::Write as _;

use evohub_evolution::candidate::INSTRUCTION;
use evohub_evolution::{Candidate, Placement};

/// The whole prompt as text: where its parts stand, and the examples. A prompt of one instruction in the system turn
/// is that instruction and nothing else, so that it can be piped on.
pub fn prompt_text(candidate: &Candidate) -> String {
    let plain = candidate.components().len() == 1
        && candidate.shots().is_empty()
        && candidate.parameters().is_empty()
        && candidate.placement() == Placement::System;
    if plain {
        return candidate.components().values().next().cloned().unwrap_or_default();
    }
    let mut text = String::new();
    for (name, component) in candidate.components() {
        let place = match (name.as_str(), candidate.placement()) {
            (INSTRUCTION, Placement::User) => "user: instruction before each input",
            (INSTRUCTION, Placement::FirstUser) => "user: instruction before the first input",
            (INSTRUCTION, Placement::System) => "system: instruction",
            (other, _) => other,
        };
        let _ = write!(text, "[{place}]\n{component}\n\n");
    }
    for shot in candidate.shots() {
        let _ = write!(text, "[user: example]\n{}\n[assistant]\n{}\n\n", shot.input, shot.output);
    }
    for (name, value) in candidate.parameters() {
        let _ = writeln!(text, "[{name} = {value}]");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use evohub_evolution::Shot;

    use super::*;

    #[test]
    fn a_plain_instruction_is_itself() {
        let candidate = Candidate::from_instruction("Say yes.").unwrap();
        assert_eq!(prompt_text(&candidate), "Say yes.");
    }

    #[test]
    fn all_parts_are_shown_in_order() {
        let shot = Shot { input: "2+2".into(), output: "4".into() };
        let candidate = Candidate::from_instruction("Add.").unwrap().with_placement(Placement::User);
        assert_eq!(
            prompt_text(&candidate.with_shots(vec![shot])),
            "[user: instruction before each input]\nAdd.\n\n[user: example]\n2+2\n[assistant]\n4"
        );
    }
}
