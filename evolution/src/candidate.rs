//! One individual of a population.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Identity of a candidate: the hash of its content, so that equal candidates are one candidate.
pub type CandidateId = Digest;

/// The component that every prompt has: what the model is told to do.
pub const INSTRUCTION: &str = "instruction";

/// Where the instruction stands in the conversation. Models differ in which they heed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// In the system turn.
    #[default]
    System,
    /// Before the input in every user turn, those of the examples included.
    User,
    /// Before the input in the first user turn only.
    FirstUser,
}

impl Placement {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::System, Self::User, Self::FirstUser];

    /// The name used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::FirstUser => "first_user",
        }
    }
}

/// A few-shot example, shown to the model as one user turn and one assistant turn. Its texts are shared by all
/// candidates that show it; a clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shot {
    /// The user turn, as a case's input would stand there.
    pub input: Arc<str>,
    /// The answer wanted.
    pub output: Arc<str>,
}

/// The content of a candidate, as written in files. Each part is shared with the candidates that have the same from it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    components: Arc<BTreeMap<String, String>>,
    #[serde(default)]
    placement: Placement,
    #[serde(default, skip_serializing_if = "is_bare")]
    shots: Arc<[Shot]>,
    #[serde(default, skip_serializing_if = "has_none")]
    parameters: Arc<BTreeMap<String, f64>>,
}

fn is_bare(shots: &[Shot]) -> bool {
    shots.is_empty()
}

fn has_none(parameters: &BTreeMap<String, f64>) -> bool {
    parameters.is_empty()
}

/// One individual: named text components, few-shot examples and numeric parameters. Immutable; a clone is cheap.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Content", into = "Content")]
pub struct Candidate {
    id: CandidateId,
    /// Kept, for archives and budgets ask for it again and again.
    length: usize,
    content: Arc<Content>,
}

/// A candidate that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// It has no text at all.
    #[error("a candidate needs at least one component with text")]
    Empty,
    /// A parameter is NaN or infinite.
    #[error("parameter `{0}` is not a finite number")]
    Parameter(String),
}

impl Candidate {
    /// A candidate of one instruction in the system turn, without examples.
    ///
    /// # Errors
    /// When the text is empty.
    pub fn from_instruction(text: impl Into<String>) -> Result<Self, CandidateError> {
        Self::new(BTreeMap::from([(INSTRUCTION.to_owned(), text.into())]), Placement::System, vec![])
    }

    /// A candidate of named components.
    ///
    /// # Errors
    /// When no component has text.
    pub fn new(
        components: BTreeMap<String, String>,
        placement: Placement,
        shots: Vec<Shot>,
    ) -> Result<Self, CandidateError> {
        Self::of_parts(Arc::new(components), placement, shots, Arc::default())
    }

    /// A candidate of parts that it may share with others.
    ///
    /// # Errors
    /// When no component has text, or a parameter is not finite.
    pub(crate) fn of_parts(
        components: Arc<BTreeMap<String, String>>,
        placement: Placement,
        shots: Vec<Shot>,
        parameters: Arc<BTreeMap<String, f64>>,
    ) -> Result<Self, CandidateError> {
        Content { components, placement, shots: shots.into(), parameters }.try_into()
    }

    /// The same candidate with numeric parameters (`temperature`, `top_p`, …) in place of those it had.
    ///
    /// # Errors
    /// When one is not finite.
    pub fn with_parameters(&self, parameters: BTreeMap<String, f64>) -> Result<Self, CandidateError> {
        Content { parameters: Arc::new(parameters), ..Content::clone(&self.content) }.try_into()
    }

    /// The same candidate with another text for one component.
    ///
    /// # Errors
    /// When no component would have text.
    pub fn with_component(&self, name: &str, text: impl Into<String>) -> Result<Self, CandidateError> {
        let others = self.content.components.iter().filter(|(other, _)| *other != name);
        let mut components: BTreeMap<_, _> =
            others.map(|(name, text)| (name.clone(), text.clone())).collect();
        components.insert(name.to_owned(), text.into());
        Content { components: Arc::new(components), ..Content::clone(&self.content) }.try_into()
    }

    /// The same candidate with its instruction elsewhere.
    pub fn with_placement(&self, placement: Placement) -> Self {
        Self::identified(Content { placement, ..Content::clone(&self.content) })
    }

    /// The same candidate with other examples.
    pub fn with_shots(&self, shots: Vec<Shot>) -> Self {
        Self::identified(Content { shots: shots.into(), ..Content::clone(&self.content) })
    }

    /// The same candidate with the examples of another.
    pub(crate) fn with_shots_of(&self, other: &Self) -> Self {
        Self::identified(Content { shots: other.content.shots.clone(), ..Content::clone(&self.content) })
    }

    /// The hash of its content.
    pub fn id(&self) -> CandidateId {
        self.id
    }

    /// The named texts, in the order of their names.
    pub fn components(&self) -> &BTreeMap<String, String> {
        &self.content.components
    }

    /// The text of a component, empty when it has none of that name.
    pub fn component(&self, name: &str) -> &str {
        self.content.components.get(name).map_or("", String::as_str)
    }

    /// The named texts, to share them.
    pub(crate) fn shared_components(&self) -> &Arc<BTreeMap<String, String>> {
        &self.content.components
    }

    /// The numeric parameters, to share them.
    pub(crate) fn shared_parameters(&self) -> &Arc<BTreeMap<String, f64>> {
        &self.content.parameters
    }

    /// Where the instruction stands.
    pub fn placement(&self) -> Placement {
        self.content.placement
    }

    /// The examples, in the order shown.
    pub fn shots(&self) -> &[Shot] {
        &self.content.shots
    }

    /// The numeric parameters.
    pub fn parameters(&self) -> &BTreeMap<String, f64> {
        &self.content.parameters
    }

    /// Length of all its text in characters, examples included.
    pub fn length(&self) -> usize {
        self.length
    }

    fn identified(content: Content) -> Self {
        let values: Vec<[u8; 8]> =
            content.parameters.values().map(|value| value.to_bits().to_le_bytes()).collect();
        let components = content.components.iter().flat_map(|(name, text)| ["component", name, text]);
        let shots = content.shots.iter().flat_map(|shot| ["shot", &*shot.input, &*shot.output]);
        let texts = iter::once(content.placement.as_str()).chain(components).chain(shots).map(str::as_bytes);
        let parameters = content.parameters.keys().zip(&values);
        let parameters =
            parameters.flat_map(|(name, value)| [b"parameter".as_slice(), name.as_bytes(), value.as_slice()]);
        let id = Digest::of_fields(texts.chain(parameters));
        let shots = content.shots.iter().flat_map(|shot| [&*shot.input, &*shot.output]);
        let texts = content.components.values().map(String::as_str).chain(shots);
        let length = texts.map(|text| text.chars().count()).sum();
        Self { id, length, content: Arc::new(content) }
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Candidate {}

impl TryFrom<Content> for Candidate {
    type Error = CandidateError;

    fn try_from(content: Content) -> Result<Self, Self::Error> {
        if content.components.values().all(|text| text.trim().is_empty()) {
            return Err(CandidateError::Empty);
        }
        if let Some((name, _)) = content.parameters.iter().find(|(_, value)| !value.is_finite()) {
            return Err(CandidateError::Parameter(name.clone()));
        }
        Ok(Self::identified(content))
    }
}

impl From<Candidate> for Content {
    fn from(candidate: Candidate) -> Self {
        Arc::unwrap_or_clone(candidate.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shot(input: &str, output: &str) -> Shot {
        Shot { input: input.into(), output: output.into() }
    }

    #[test]
    fn equal_content_is_one_candidate() {
        let one = Candidate::from_instruction("Say yes.").unwrap().with_shots(vec![shot("a", "b")]);
        let two = Candidate::from_instruction("Say no.").unwrap().with_shots(vec![shot("a", "b")]);
        assert_ne!(one, two);
        assert_eq!(one, two.with_component(INSTRUCTION, "Say yes.").unwrap());
    }

    #[test]
    fn order_of_examples_and_placement_count() {
        let base = Candidate::from_instruction("x").unwrap();
        let ab = base.with_shots(vec![shot("a", "1"), shot("b", "2")]);
        let ba = base.with_shots(vec![shot("b", "2"), shot("a", "1")]);
        assert_ne!(ab, ba);
        assert_ne!(base, base.with_placement(Placement::User));
    }

    #[test]
    fn text_form_round_trips_with_its_identity() {
        let candidate = Candidate::from_instruction("x")
            .unwrap()
            .with_shots(vec![shot("a", "1")])
            .with_parameters(BTreeMap::from([("temperature".into(), 0.5)]))
            .unwrap();
        let json = serde_json::to_string(&candidate).unwrap();
        let back: Candidate = serde_json::from_str(&json).unwrap();
        assert_eq!((back.id(), back.shots()), (candidate.id(), candidate.shots()));
    }

    #[test]
    fn ids_never_change() {
        let candidate = Candidate::from_instruction("Say yes.")
            .and_then(|bare| bare.with_component("style", "Häßlich?\n"))
            .and_then(|both| both.with_parameters(BTreeMap::from([("top_p".into(), 0.25)])))
            .unwrap()
            .with_placement(Placement::FirstUser)
            .with_shots(vec![shot("a", "1"), shot("b", "")]);
        assert_eq!(candidate.id().to_string(), "497867057f0845e4e27647106005b0f9");
    }

    #[test]
    fn refuses_no_text_and_no_number() {
        assert_eq!(Candidate::from_instruction("  ").unwrap_err(), CandidateError::Empty);
        let base = Candidate::from_instruction("x").unwrap();
        let parameters = BTreeMap::from([("top_p".into(), f64::NAN)]);
        assert!(matches!(base.with_parameters(parameters), Err(CandidateError::Parameter(_))));
    }
}
