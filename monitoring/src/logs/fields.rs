//! The fields of events and spans, without secrets.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write as _};

use serde_json::Value;
use tracing::field::{Field, Visit};

use crate::redaction::{REDACTED, is_secret_name, redact};

/// The field that holds an event's text.
const MESSAGE: &str = "message";

/// The field by which an event says that it is worse than an error.
const CRITICAL: &str = "critical";

/// Names and values in the order they were first seen, without secrets. A later value replaces an earlier one.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    pub(super) fn extend(&mut self, others: &Self) {
        for (name, value) in &others.0 {
            self.set(name, value.clone());
        }
    }

    /// Takes the event's text out.
    pub(super) fn take_message(&mut self) -> String {
        match self.take(|name, _| name == MESSAGE) {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    /// Takes out that the event is worse than an error, if it says so.
    pub(super) fn take_critical(&mut self) -> bool {
        self.take(|name, value| name == CRITICAL && *value == Value::Bool(true)).is_some()
    }

    fn take(&mut self, wanted: impl Fn(&str, &Value) -> bool) -> Option<Value> {
        let place = self.0.iter().position(|(name, value)| wanted(name, value))?;
        Some(self.0.remove(place).1)
    }

    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

/// What a span or an event has recorded, as it came. There is one way out, and it takes secrets away: most spans end
/// before a line is written inside them, and need not pay for it.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    fields: Fields,
    /// How many of them have been through.
    redacted: usize,
}

impl Recorded {
    /// Knows how many fields will come.
    pub(super) fn with_capacity(fields: usize) -> Self {
        Self { fields: Fields(Vec::with_capacity(fields)), redacted: 0 }
    }

    /// The fields without secrets, if they have been asked for since the last one came.
    pub(super) fn known(&self) -> Option<&Fields> {
        (self.redacted == self.fields.0.len()).then_some(&self.fields)
    }

    /// The fields without secrets.
    pub(super) fn redacted(&mut self) -> &mut Fields {
        for (name, value) in &mut self.fields.0[self.redacted..] {
            if is_secret_name(name) {
                *value = REDACTED.into();
            } else if let Value::String(text) = value
                && let Cow::Owned(redacted) = redact(text)
            {
                *text = redacted;
            }
        }
        self.redacted = self.fields.0.len();
        &mut self.fields
    }

    /// The one way in: whatever its type, a value comes through here.
    fn record(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.set(field.name(), value.into());
        // It may have replaced one that had been through, and being through twice does no harm.
        self.redacted = 0;
    }
}

impl Visit for Recorded {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no name for what is not a number.
        match serde_json::Number::from_f64(value) {
            Some(number) => self.record(field, Value::Number(number)),
            None => self.record(field, value.to_string()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Some errors tell their cause themselves.
            if !text.contains(&cause_text) {
                let _ = write!(text, ": {cause_text}");
            }
            source = cause.source();
        }
        self.record(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format!("{value:?}"));
    }
}
