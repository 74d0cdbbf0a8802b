//! Takes secrets out of spans, by the same rules as out of logs.

use std::borrow::Cow;

use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;

use crate::redaction::{REDACTED, is_secret_name, redact};

/// Removes secrets from all texts of a span: its name, status, attributes, events and links.
pub(super) fn remove(span: &mut SpanData) {
    clean_text(&mut span.name);
    if let Status::Error { description } = &mut span.status {
        clean_text(description);
    }
    clean_attributes(&mut span.attributes);
    for event in &mut span.events.events {
        clean_text(&mut event.name);
        clean_attributes(&mut event.attributes);
    }
    for link in &mut span.links.links {
        clean_attributes(&mut link.attributes);
    }
}

fn clean_attributes(attributes: &mut [KeyValue]) {
    for KeyValue { key, value, .. } in attributes {
        if is_secret_name(key.as_str()) {
            *value = REDACTED.into();
        } else {
            clean_value(value);
        }
    }
}

fn clean_value(value: &mut Value) {
    match value {
        Value::String(text) => clean_string(text),
        Value::Array(Array::String(texts)) => texts.iter_mut().for_each(clean_string),
        _ => {}
    }
}

fn clean_string(text: &mut StringValue) {
    if let Cow::Owned(redacted) = redact(text.as_str()) {
        *text = redacted.into();
    }
}

fn clean_text(text: &mut Cow<'static, str>) {
    if let Cow::Owned(redacted) = redact(text) {
        *text = redacted.into();
    }
}
