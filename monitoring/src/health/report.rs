//! What is told of the health of a service.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::check::{Importance, Status};
use super::draft::Draft;
use super::probe::Observation;
use super::registry::Entry;
use super::{Service, Shared, timestamp};

/// The answer in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All checks are.
    Healthy,
    /// Something is not as it should be, and the service works.
    Degraded,
    /// Something without which the service can do nothing does not work.
    Unhealthy,
    /// Work may come.
    Ready,
    /// Work should go elsewhere.
    NotReady,
    /// The process goes on.
    Alive,
    /// The process will not go on by itself.
    Stuck,
}

impl Verdict {
    /// As answers spell it: `not_ready`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Ready => "ready",
            Self::NotReady => "not_ready",
            Self::Alive => "alive",
            Self::Stuck => "stuck",
        }
    }

    /// Whether it calls for no help: [`Verdict::Degraded`] does not.
    pub fn is_well(self) -> bool {
        !matches!(self, Self::Unhealthy | Self::NotReady | Self::Stuck)
    }
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The verdict, for anybody.
    Verdict,
    /// Also the reason of a bad one, where there is one: it may name dependencies.
    Reason,
    /// Also what each check says.
    Checks,
}

/// An answer of one check.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) entry: Arc<Entry>,
    pub(super) observation: Arc<Observation>,
}

impl Observed {
    /// What it means for the whole.
    pub(super) fn verdict(&self) -> Verdict {
        match (self.observation.result.status(), self.entry.importance) {
            (Status::Healthy, _) => Verdict::Healthy,
            (Status::Unhealthy, Importance::Critical) => Verdict::Unhealthy,
            (Status::Degraded | Status::Unhealthy, _) => Verdict::Degraded,
        }
    }

    /// Which check is unhealthy and why; `None` for one that is not.
    pub(super) fn fault(&self) -> Option<String> {
        let result = &self.observation.result;
        let name = &self.entry.name;
        (result.status() == Status::Unhealthy).then(|| match result.message() {
            Some(message) => format!("{name}: {message}"),
            None => format!("{name} is unhealthy"),
        })
    }
}

/// One answer about the health of a service.
#[derive(Debug)]
pub struct Report {
    shared: Arc<Shared>,
    verdict: Verdict,
    reason: Option<String>,
    timestamp: String,
    checks: Vec<Observed>,
}

impl Report {
    pub(super) fn new(shared: Arc<Shared>, verdict: Verdict, reason: Option<String>) -> Self {
        Self { shared, verdict, reason, timestamp: timestamp::now(), checks: vec![] }
    }

    pub(super) fn with_checks(self, checks: Vec<Observed>) -> Self {
        Self { checks, ..self }
    }

    /// The answer in a word.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether it calls for no help; over HTTP, 200 rather than 503.
    pub fn is_well(&self) -> bool {
        self.verdict.is_well()
    }

    /// Why the service gets no work, or is stuck; `None` where all is well.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// A JSON object: `status`, `timestamp`, `version`; by detail also `reason` and `checks`.
    pub fn json(&self, detail: Detail) -> String {
        // Neither texts nor numbers can fail to be written to memory.
        serde_json::to_string(&Plain { report: self, detail }).unwrap_or_default()
    }

    /// The same as `application/health+json`, the form of the IETF draft "Health Check Response Format for HTTP APIs":
    /// `status` is `pass`, `warn` or `fail`.
    pub fn health_json(&self, detail: Detail) -> String {
        serde_json::to_string(&Draft { report: self, detail }).unwrap_or_default()
    }

    pub(super) fn service(&self) -> &Service {
        &self.shared.service
    }

    pub(super) fn checks(&self) -> &[Observed] {
        &self.checks
    }
}

struct Plain<'a> {
    report: &'a Report,
    detail: Detail,
}

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Report { verdict, reason, timestamp, checks, .. } = self.report;
        let is_overall = matches!(verdict, Verdict::Healthy | Verdict::Degraded | Verdict::Unhealthy);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", verdict.as_str())?;
        map.serialize_entry("timestamp", timestamp)?;
        map.serialize_entry("version", &self.report.service().version)?;
        if let Some(reason) = reason
            && self.detail >= Detail::Reason
            && !is_overall
        {
            map.serialize_entry("reason", reason)?;
        }
        if self.detail == Detail::Checks && is_overall {
            map.serialize_entry("checks", &Checks(checks))?;
        }
        map.end()
    }
}

/// Checks by name; those of a group as an object of their own, where the first of them stands.
struct Checks<'a>(&'a [Observed]);

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (at, Observed { entry, observation }) in self.0.iter().enumerate() {
            match &entry.group {
                None => map.serialize_entry(&entry.name, &Found(observation))?,
                Some(group) if self.0[..at].iter().any(|other| other.entry.group.as_ref() == Some(group)) => {
                }
                Some(group) => map.serialize_entry(group, &Group { group, checks: self.0 })?,
            }
        }
        map.end()
    }
}

struct Group<'a> {
    group: &'a String,
    checks: &'a [Observed],
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.checks.iter().filter(|other| other.entry.group.as_ref() == Some(self.group));
        serializer.collect_map(members.map(|member| (&member.entry.name, Found(&member.observation))))
    }
}

struct Found<'a>(&'a Observation);

impl Serialize for Found<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let result = &self.0.result;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", &result.status())?;
        map.serialize_entry("response_time_ms", &self.0.milliseconds())?;
        if let Some(message) = result.message() {
            map.serialize_entry("message", message)?;
        }
        for (name, value) in result.fields() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
