//! Texts with places for the columns of a case.
//!
//! Only two forms mean anything: `{name}` where `name` is a column, and `{{name}}`, which stands for the text
//! `{name}`. All other braces are text as they stand, so that a prompt can hold JSON, code or formulas without
//! escapes, and a prompt that a model wrote cannot fail. What a *user* wrote is held to more: see
//! [`Template::check`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use evohub_evolution::Case;

use crate::data::DataConfig;
use crate::nearest::{hint, list};

/// The name that stands for the input of a case, whatever its column is called.
pub const INPUT: &str = "input";
/// The name that stands for the expected answer, where a text may show it.
pub const EXPECTED: &str = "expected";

/// The names that a template may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    names: BTreeSet<String>,
    input_column: String,
    /// The column whose content the model must not see, where this one is hidden.
    hidden: Option<String>,
}

impl Variables {
    /// What the task model may be shown: `input` and all columns but the one of the expected answers.
    pub fn of_task<'a>(columns: impl IntoIterator<Item = &'a String>, config: &DataConfig) -> Self {
        let mut names: BTreeSet<String> = columns.into_iter().cloned().collect();
        names.remove(&config.expected);
        names.insert(INPUT.into());
        Self { names, input_column: config.input.clone(), hidden: Some(config.expected.clone()) }
    }

    /// What a scorer may use: `input`, `expected` and all columns.
    pub fn of_scorer<'a>(columns: impl IntoIterator<Item = &'a String>) -> Self {
        let mut names: BTreeSet<String> = columns.into_iter().cloned().collect();
        names.extend([INPUT.into(), EXPECTED.into()]);
        Self { names, input_column: INPUT.into(), hidden: None }
    }

    /// The names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether any of them stands for something other than the input.
    pub(crate) fn name_more_than_input(&self) -> bool {
        self.names.iter().any(|name| !self.is_input(name))
    }

    fn is_input(&self, name: &str) -> bool {
        name == INPUT || name == self.input_column
    }

    /// What `name` stands for in a case, empty where the case has no such column.
    pub(crate) fn value<'a>(&self, name: &str, case: &'a Case) -> &'a str {
        match name {
            INPUT => &case.input,
            EXPECTED if self.hidden.is_none() => case.expected.as_deref().unwrap_or_default(),
            _ => case.columns.get(name).map_or("", String::as_str),
        }
    }

    /// What `name` stands for where only an input and some columns are known.
    pub(crate) fn value_of<'a>(
        &self,
        name: &str,
        input: &'a str,
        columns: Option<&'a BTreeMap<String, String>>,
    ) -> &'a str {
        if self.is_input(name) {
            return input;
        }
        columns.and_then(|columns| columns.get(name)).map_or("", String::as_str)
    }
}

/// A parsed text with places for columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    shows_input: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

/// Something in a text of the user's that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct TemplateError {
    /// The line of the text, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// What it is.
    pub kind: TemplateErrorKind,
}

/// What cannot be meant in a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateErrorKind {
    /// A variable that no column has.
    #[error("there is no column `{name}` (there are {}){}; write `{{{{{name}}}}}` for the text `{{{name}}}`", list(known.iter().map(String::as_str)), hint(name, known.iter().map(String::as_str)))]
    Unknown {
        /// The name in braces.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The expected answer.
    #[error("`{{{0}}}` would show the model the expected answer")]
    Answer(String),
    /// A variable without its closing brace.
    #[error("`{{{0}` has no closing brace")]
    Unclosed(String),
    /// A template that shows nothing of the case.
    #[error("the template shows nothing of the case; write `{{input}}` where the input should stand")]
    Constant,
    /// A variable in a text that is the same for all cases.
    #[error(
        "`{{{0}}}` stands for a part of the case, and this text is the same for all cases; put it in the instruction"
    )]
    Misplaced(String),
}

enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
    /// `{name}`, where the name is an identifier and no variable, and where it stands.
    Unknown(&'a str, usize),
    /// `{name` where the name is a variable and no brace follows in the line.
    Unclosed(&'a str, usize),
}

impl Template {
    /// Reads a text. Never fails: braces that mean nothing are text.
    pub fn parse(text: &str, variables: &Variables) -> Self {
        let mut template = Self { parts: Vec::new(), shows_input: false };
        scan(text, variables, |piece| match piece {
            Piece::Variable(name) => {
                template.shows_input |= variables.is_input(name);
                template.parts.push(Part::Variable(name.to_owned()));
            }
            Piece::Text(text) | Piece::Unknown(text, _) | Piece::Unclosed(text, _) => {
                match template.parts.last_mut() {
                    Some(Part::Text(before)) => before.push_str(text),
                    _ => template.parts.push(Part::Text(text.to_owned())),
                }
            }
        });
        template
    }

    /// Whether every `{name}` with an identifier in it is a column that may be shown. For texts that a user
    /// wrote, where a name that is none is a slip.
    ///
    /// # Errors
    /// The first that is not, and where.
    pub fn check(text: &str, variables: &Variables) -> Result<(), TemplateError> {
        let mut first = None;
        scan(text, variables, |piece| {
            let (kind, offset) = match piece {
                Piece::Text(_) | Piece::Variable(_) => return,
                Piece::Unclosed(whole, offset) => {
                    (TemplateErrorKind::Unclosed(whole[1..].to_owned()), offset)
                }
                Piece::Unknown(whole, offset) => {
                    let name = whole[1..whole.len() - 1].to_owned();
                    let kind = match &variables.hidden {
                        Some(hidden) if *hidden == name => TemplateErrorKind::Answer(name),
                        _ => {
                            let known = variables.names.iter().cloned().collect();
                            TemplateErrorKind::Unknown { name, known }
                        }
                    };
                    (kind, offset)
                }
            };
            first.get_or_insert_with(|| at(text, offset, kind));
        });
        first.map_or(Ok(()), Err)
    }

    /// Checks a text that must hold nothing of a case, for it is the same for all of them.
    pub(crate) fn check_constant(text: &str, variables: &Variables) -> Result<(), TemplateError> {
        match Self::parse(text, variables).variables().next() {
            None => Ok(()),
            Some(name) => {
                let offset = text.find(&format!("{{{name}}}")).unwrap_or_default();
                Err(at(text, offset, TemplateErrorKind::Misplaced(name.to_owned())))
            }
        }
    }

    /// The variables, in the order of the text.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether the input of the case stands in it.
    pub fn shows_input(&self) -> bool {
        self.shows_input
    }

    /// The text with values in place of the variables. Values are text: braces in them mean nothing.
    pub fn fill<'a>(&self, value: impl Fn(&str) -> Cow<'a, str>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Variable(name) => text.push_str(&value(name)),
            }
        }
        text
    }
}

fn scan<'a>(text: &'a str, variables: &Variables, mut take: impl FnMut(Piece<'a>)) {
    let mut start = 0;
    let mut offset = 0;
    while let Some(found) = text[offset..].find('{') {
        let open = offset + found;
        let (piece, end) = match piece_at(text, open, variables) {
            Some(found) => found,
            None => {
                offset = open + 1;
                continue;
            }
        };
        if start < open {
            take(Piece::Text(&text[start..open]));
        }
        take(piece);
        (start, offset) = (end, end);
    }
    if start < text.len() {
        take(Piece::Text(&text[start..]));
    }
}

/// What the brace at `open` begins and where that ends, unless it is a brace like any other character.
fn piece_at<'a>(text: &'a str, open: usize, variables: &Variables) -> Option<(Piece<'a>, usize)> {
    let rest = &text[open..];
    if let Some(inner) = rest.strip_prefix("{{") {
        let length = inner.find(['{', '}', '\n'])?;
        let name = &inner[..length];
        let means_something = variables.names.contains(name) || is_identifier(name);
        // Without the outer braces: what remains is the text that was meant.
        return (means_something && inner[length..].starts_with("}}"))
            .then(|| (Piece::Text(&rest[1..length + 3]), open + length + 4));
    }
    match rest[1..].find(['{', '}', '\n']).map(|length| (length, rest.as_bytes()[length + 1])) {
        Some((length, b'}')) => {
            let name = &rest[1..=length];
            let end = open + length + 2;
            if variables.names.contains(name) {
                Some((Piece::Variable(name), end))
            } else {
                is_identifier(name).then(|| (Piece::Unknown(&rest[..length + 2], open), end))
            }
        }
        _ => {
            let length = rest[1..].find(|c: char| !is_inner(c)).unwrap_or(rest.len() - 1);
            let whole = &rest[..=length];
            variables.names.contains(&whole[1..]).then(|| (Piece::Unclosed(whole, open), open + whole.len()))
        }
    }
}

fn is_inner(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_identifier(name: &str) -> bool {
    name.chars().all(is_inner) && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn at(text: &str, offset: usize, kind: TemplateErrorKind) -> TemplateError {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |position| position + 1);
    TemplateError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        kind,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;

    fn variables() -> Variables {
        let columns = ["question", "answer", "topic", "review text"].map(String::from);
        let config = DataConfig { input: "question".into(), expected: "answer".into(), weight: None };
        Variables::of_task(&columns, &config)
    }

    fn fill(text: &str) -> String {
        Template::parse(text, &variables()).fill(|name| format!("<{name}>").into())
    }

    fn error(text: &str) -> String {
        Template::check(text, &variables()).unwrap_err().to_string()
    }

    #[test]
    fn fills_columns_and_nothing_else() {
        assert_eq!(
            fill("{topic}: {input}/{question}, {review text}"),
            "<topic>: <input>/<question>, <review text>"
        );
        assert_eq!(
            fill("{answer} {expected} {unknown} { topic } {}"),
            "{answer} {expected} {unknown} { topic } {}"
        );
    }

    #[test]
    fn escaped_names_are_text() {
        assert_eq!(fill("{{topic}} {{name}} {{review text}}"), "{topic} {name} {review text}");
        assert_eq!(fill("{{topic}}{topic}{{topic}}"), "{topic}<topic>{topic}");
        assert_eq!(fill("{{topic} {topic}}"), "{<topic> <topic>}");
    }

    #[test]
    fn json_and_code_stand_as_they_are() {
        for text in [
            r#"{"a": 1}"#,
            r#"{"a": {"b": {"c": []}}}"#,
            "fn f() { g(); }",
            r"\frac{1}{2} x^{n+1}",
            "{{\"a\": 1}}",
            "{name\n}",
            "}{",
            "{",
            "a}}b{{c",
        ] {
            assert_eq!(fill(text), text);
            assert_eq!(Template::check(text, &variables()), Ok(()), "{text}");
        }
        assert_eq!(fill(r#"{"topic": "{topic}"}"#), r#"{"topic": "<topic>"}"#);
    }

    #[test]
    fn slips_of_users_are_found() {
        assert_snapshot!(error("Text:\n  é {topik}"), @"line 2, column 5: there is no column `topik` (there are `input`, `question`, `review text` and `topic`); did you mean `topic`?; write `{{topik}}` for the text `{topik}`");
        assert_snapshot!(error("{answer}"), @"line 1, column 1: `{answer}` would show the model the expected answer");
        assert_snapshot!(error("Topic: {topic"), @"line 1, column 8: `{topic` has no closing brace");
        assert_eq!(Template::check("{{topik}} {topic} {\"topik\": 1}", &variables()), Ok(()));
    }

    #[test]
    fn constant_texts_hold_nothing_of_a_case() {
        assert_eq!(Template::check_constant("Be kind. {name}", &variables()), Ok(()));
        let error = Template::check_constant("Be\nkind to {topic}.", &variables()).unwrap_err();
        assert_eq!((error.line, error.column), (2, 9));
    }

    #[test]
    fn scorers_may_see_the_answer() {
        let case = Case::new("q", "a");
        let variables = Variables::of_scorer(case.columns.keys());
        let template = Template::parse("{input}={expected}", &variables);
        assert_eq!(template.fill(|name| variables.value(name, &case).into()), "q=a");
    }

    proptest! {
        #[test]
        fn text_without_names_is_kept(text in r#"[ab{}" :\n]{0,40}"#) {
            prop_assume!(!text.contains("{{"));
            prop_assert_eq!(fill(&text), text);
        }

        #[test]
        fn never_fails(text in r"(\{|\}|input|topic|é|\n| ){0,30}") {
            fill(&text);
            let _ = Template::check(&text, &variables());
        }

        #[test]
        fn values_are_not_read(value in r"(\{|\}|input|topic){0,10}") {
            let template = Template::parse("a {topic} b", &variables());
            prop_assert_eq!(template.fill(|_| value.as_str().into()), format!("a {value} b"));
        }
    }
}
