//! From a candidate and a case to a conversation.

use std::collections::{BTreeMap, HashMap};

use evohub_evolution::candidate::INSTRUCTION;
use evohub_evolution::{Candidate, Case, Digest, Placement, Shot};
use evohub_llm::ChatMessage;

use crate::template::{Template, TemplateError, TemplateErrorKind, Variables};

/// The component that always stands in the system turn, before all others.
pub const SYSTEM: &str = "system";

/// Writes conversations. All turns but the last, and the last up to the input, are the same bytes for every
/// case, so that providers and the local model can reuse what they have computed for them.
///
/// - The system turn: the component `system`, the instruction if it is placed there, then all other components
///   in the order of their names, with blank lines between.
/// - Examples: a user turn and an assistant turn each.
/// - The user turn: the template (`{input}` unless another is given), after the instruction if it is placed
///   there. An instruction that itself shows the input is the whole user turn, wherever it was placed; one that
///   shows other columns stands before it in every user turn.
#[derive(Debug, Clone)]
pub struct Renderer {
    text: String,
    template: Template,
    variables: Variables,
    /// Columns of the cases that examples are made of, by what is shown of them.
    examples: HashMap<Shot, BTreeMap<String, String>>,
}

/// A text of the user's that cannot be meant as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("component `{component}`, {error}")]
pub struct ComponentError {
    /// The component it is in.
    pub component: String,
    /// Where and what.
    pub error: TemplateError,
}

impl Renderer {
    /// A renderer whose user turns have the form of `template`.
    ///
    /// # Errors
    /// When the template names a column that does not exist or must not be shown, or shows nothing of the case.
    pub fn new(template: &str, variables: Variables) -> Result<Self, TemplateError> {
        Template::check(template, &variables)?;
        let parsed = Template::parse(template, &variables);
        if parsed.variables().next().is_none() {
            return Err(TemplateError { line: 1, column: 1, kind: TemplateErrorKind::Constant });
        }
        Ok(Self { text: template.to_owned(), template: parsed, variables, examples: HashMap::new() })
    }

    /// The same with the cases that examples are drawn from. An example holds no columns but input and answer;
    /// a template that shows others finds them here. They stay empty for an example that is none of the cases.
    #[must_use]
    pub fn with_examples<'a>(mut self, cases: impl IntoIterator<Item = &'a Case>) -> Self {
        for case in cases {
            if let Some(shot) = case.shot() {
                self.examples.insert(shot, case.columns.clone());
            }
        }
        self
    }

    /// Checks the texts of a candidate that a user wrote: the instruction may show columns that exist, other
    /// components none. (Texts that a model wrote need no check: what means nothing is text.)
    ///
    /// # Errors
    /// The first slip, and where.
    pub fn check(&self, candidate: &Candidate) -> Result<(), ComponentError> {
        for (name, text) in candidate.components() {
            let checked = match name.as_str() {
                INSTRUCTION => Template::check(text, &self.variables),
                _ => Template::check_constant(text, &self.variables),
            };
            checked.map_err(|error| ComponentError { component: name.clone(), error })?;
        }
        Ok(())
    }

    /// The conversation that asks `candidate`'s prompt about `case`. Its last turn is the one to answer.
    pub fn render(&self, candidate: &Candidate, case: &Case) -> Vec<ChatMessage> {
        let instruction = Template::parse(candidate.component(INSTRUCTION).trim(), &self.variables);
        let in_user_turns = instruction.variables().next().is_some();
        let constant = instruction.fill(|_| "".into());
        let placement = candidate.placement();

        let mut messages = Vec::with_capacity(2 + 2 * candidate.shots().len());
        let placed = (!in_user_turns && placement == Placement::System).then_some(constant.as_str());
        let system = system_turn(candidate, placed);
        if !system.is_empty() {
            messages.push(ChatMessage::system(system));
        }
        let mut first = true;
        let mut user_turn = |value: &dyn Fn(&str) -> String| {
            let before = match placement {
                _ if in_user_turns && instruction.shows_input() => {
                    return instruction.fill(|n| value(n).into());
                }
                _ if in_user_turns => instruction.fill(|name| value(name).into()),
                Placement::User => constant.clone(),
                Placement::FirstUser if first => constant.clone(),
                Placement::System | Placement::FirstUser => String::new(),
            };
            first = false;
            let asked = self.template.fill(|name| value(name).into());
            if before.is_empty() { asked } else { format!("{before}\n\n{asked}") }
        };
        for shot in candidate.shots() {
            let columns = self.examples.get(shot);
            let turn = user_turn(&|name| self.variables.value_of(name, &shot.input, columns).to_owned());
            messages.extend([ChatMessage::user(turn), ChatMessage::assistant(&*shot.output)]);
        }
        messages.push(ChatMessage::user(user_turn(&|name| self.variables.value(name, case).to_owned())));
        messages
    }

    /// What decides about its conversations, beside candidate and case.
    pub fn fingerprint(&self) -> String {
        let mut fields: Vec<&str> = vec![&self.text];
        fields.extend(self.variables.names());
        // With no other column than the input there is nothing to look up for an example.
        let mut examples: Vec<_> = self.examples.iter().collect();
        examples.retain(|_| self.variables.name_more_than_input());
        examples.sort_unstable();
        for (shot, columns) in examples {
            fields.extend(["example", &*shot.input, &*shot.output]);
            fields.extend(columns.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
        }
        format!("render/1 {}", Digest::of_fields(fields.into_iter().map(str::as_bytes)))
    }
}

fn system_turn(candidate: &Candidate, instruction: Option<&str>) -> String {
    let others = candidate
        .components()
        .iter()
        .filter(|(name, _)| ![SYSTEM, INSTRUCTION].contains(&name.as_str()))
        .map(|(_, text)| text.trim());
    joined([candidate.component(SYSTEM).trim(), instruction.unwrap_or_default()].into_iter().chain(others))
}

/// The texts that are not empty, with a blank line between.
fn joined<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<&str> = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
    texts.join("\n\n")
}

#[cfg(test)]
mod tests;
