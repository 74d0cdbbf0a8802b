//! What somebody was told of an alert, whichever way it came.

use std::time::Instant;

use serde_json::Value;

use crate::mailbox::Mail;
use crate::receiver::Post;

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Channel {
    Chat,
    Mail,
    Pager,
}

/// What somebody was told.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    /// When it came.
    pub(crate) at: Instant,
    pub(crate) channel: Channel,
    /// Whether it says that all is well again.
    pub(crate) is_resolved: bool,
    /// The line above it.
    pub(crate) title: String,
    /// All else that people can read of it, links included.
    pub(crate) text: String,
}

impl Notice {
    /// What was posted to a chat in Slack's form.
    pub(crate) fn of_chat(Post { at, body, .. }: &Post) -> Self {
        let channel = Channel::Chat;
        Self::new(channel, *at, string(&body["attachments"][0]["title"]), strings(body))
    }

    /// What was sent to a pager in the form of PagerDuty's events.
    pub(crate) fn of_pager(Post { at, body: event, .. }: &Post) -> Self {
        let notice = Self::new(Channel::Pager, *at, string(&event["payload"]["summary"]), strings(event));
        assert_eq!(notice.is_resolved, event["event_action"] == "resolve", "{event}");
        notice
    }

    pub(crate) fn of_mail(mail: &Mail) -> Self {
        Self::new(Channel::Mail, mail.at, mail.subject.clone(), mail.body.clone())
    }

    fn new(channel: Channel, at: Instant, title: String, text: String) -> Self {
        Self { at, channel, is_resolved: title.starts_with("[RESOLVED]"), title, text }
    }

    /// Whether it is about an alert.
    pub(crate) fn is_of(&self, alert: &str) -> bool {
        self.text.contains(&runbook(alert))
    }
}

/// What the address of an alert's runbook ends with.
pub(crate) fn runbook(alert: &str) -> String {
    format!("/docs/runbooks/{alert}.md")
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// All strings of a value, one a line.
fn strings(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        Value::Array(values) => values.iter().map(strings).collect(),
        Value::Object(map) => map.values().map(strings).collect(),
        _ => String::new(),
    }
}
