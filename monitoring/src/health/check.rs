//! A check: how one dependency is asked, and what it answers.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::redaction::{REDACTED, is_secret_name, redact};

/// How long a check may take unless it says otherwise.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(2);

/// The most time that a check can be given: an answer about all checks should come while somebody waits for it.
pub const LONGEST_LIMIT: Duration = Duration::from_secs(8);

/// The most characters of a message or a text that are shown.
const MOST_CHARACTERS: usize = 500;

/// The most fields that are shown.
const MOST_FIELDS: usize = 32;

/// What a fault of a dependency means for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Without it the service can do nothing: it is unhealthy, and not ready.
    Critical,
    /// Without it the service does less, or slower: it is degraded, and stays ready.
    Degrading,
}

/// How a dependency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Healthy,
    /// It works, and somebody should look at it.
    Degraded,
    /// It does not work.
    Unhealthy,
}

/// What kind of thing a check looks at, for the form `application/health+json`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Component {
    /// A part of the service, or another service.
    #[default]
    Component,
    /// A database, a cache, a folder.
    Datastore,
    /// The machine: memory, disk, processor.
    System,
}

type Answer = Pin<Box<dyn Future<Output = CheckResult> + Send>>;

/// How a dependency is asked. Any `async` closure that gives a [`CheckResult`] is one, with the standard limit.
pub struct Check {
    ask: Box<dyn Fn() -> Answer + Send + Sync>,
    limit: Duration,
    component: Component,
}

impl Check {
    /// A check that may take [`DEFAULT_LIMIT`]. It runs in a task of its own: it may panic, hang or be given up.
    pub fn new<F, A>(ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = CheckResult> + Send + 'static,
    {
        let ask = Box::new(move || -> Answer { Box::pin(ask()) });
        Self { ask, limit: DEFAULT_LIMIT, component: Component::default() }
    }

    /// Sets how long it may take, at most [`LONGEST_LIMIT`]. After that it counts as unhealthy.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit.min(LONGEST_LIMIT);
        self
    }

    /// Sets what kind of thing it looks at.
    #[must_use]
    pub fn component(mut self, component: Component) -> Self {
        self.component = component;
        self
    }

    pub(super) fn ask(&self) -> Answer {
        (self.ask)()
    }

    pub(super) fn time_limit(&self) -> Duration {
        self.limit
    }

    pub(super) fn kind(&self) -> Component {
        self.component
    }
}

impl<F, A> From<F> for Check
where
    F: Fn() -> A + Send + Sync + 'static,
    A: Future<Output = CheckResult> + Send + 'static,
{
    fn from(ask: F) -> Self {
        Self::new(ask)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("limit", &self.limit)
            .field("component", &self.component)
            .finish_non_exhaustive()
    }
}

/// What a check found. Nothing that looks like a secret is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckResult {
    status: Status,
    message: Option<String>,
    fields: Vec<(String, Value)>,
}

impl CheckResult {
    /// All is well.
    pub fn healthy() -> Self {
        Self { status: Status::Healthy, message: None, fields: vec![] }
    }

    /// It works, but.
    pub fn degraded(message: impl AsRef<str>) -> Self {
        Self { status: Status::Degraded, message: Some(shown(message.as_ref())), fields: vec![] }
    }

    /// It does not work.
    pub fn unhealthy(message: impl AsRef<str>) -> Self {
        Self { status: Status::Unhealthy, message: Some(shown(message.as_ref())), fields: vec![] }
    }

    /// Adds a figure or a text, such as `nodes_active`, shown beside the status.
    ///
    /// The names `status`, `response_time_ms` and `message` are taken: such a field is shown as `fields.status`. At
    /// most 32 fields are kept, and texts are cut where they are long.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if self.fields.len() == MOST_FIELDS {
            return self;
        }
        let value = match value.into() {
            _ if is_secret_name(name) => Value::from(REDACTED),
            Value::String(text) => Value::from(shown(&text)),
            nested @ (Value::Array(_) | Value::Object(_)) => Value::from(shown(&nested.to_string())),
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
        };
        let name = match name {
            "status" | "response_time_ms" | "message" => format!("fields.{name}"),
            _ => name.to_owned(),
        };
        match self.fields.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => self.fields.push((name, value)),
        }
        self
    }

    /// How the dependency is.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What is wrong with it, where something is.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    pub(super) fn fields(&self) -> &[(String, Value)] {
        &self.fields
    }
}

/// A text without secrets, not too long. It is redacted first: half a secret does not look like one.
fn shown(text: &str) -> String {
    let text = redact(text);
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_kept() {
        let key = "sk-proj-abcDEF123456";
        let result = CheckResult::unhealthy(format!("401 for {key}"))
            .with("url", format!("redis://:{key}@127.0.0.1"))
            .with("api_key", "letmein")
            .with("nested", serde_json::json!({ "password": "letmein" }));
        let text = format!("{result:?}");
        assert!(!text.contains("abcDEF") && !text.contains("letmein"), "{text}");
        assert_eq!(result.message(), Some("401 for [redacted]"));
    }

    #[test]
    fn texts_and_fields_are_bounded() {
        // A secret across the cut must not leave its first half.
        let message = format!("{}{}", "ä ".repeat(247), "sk-proj-abcDEF123456 and more text after it");
        let result = CheckResult::degraded(message);
        assert!(!result.message().unwrap().contains("sk-proj"), "{result:?}");
        assert_eq!(result.message().unwrap().chars().count(), MOST_CHARACTERS + 1);
        let full = (0..100).fold(CheckResult::healthy(), |result, i| result.with(&format!("n{i}"), i));
        assert_eq!(full.fields().len(), MOST_FIELDS);
    }

    #[test]
    fn names_do_not_meet() {
        let result = CheckResult::healthy().with("status", "fine").with("n", 1).with("n", 2);
        let expected = [("fields.status".to_owned(), Value::from("fine")), ("n".to_owned(), Value::from(2))];
        assert_eq!(result.fields(), expected);
    }
}
