//! The form of the IETF draft "Health Check Response Format for HTTP APIs" (draft-inadarei-api-health-check-06).

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::check::{Component, Status};
use super::report::{Detail, Observed, Report, Verdict};

/// A report in the draft's form.
pub(super) struct Draft<'a> {
    pub(super) report: &'a Report,
    pub(super) detail: Detail,
}

impl Serialize for Draft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let service = self.report.service();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", verdict_word(self.report.verdict()))?;
        map.serialize_entry("version", &service.version)?;
        if let Some(id) = &service.id {
            map.serialize_entry("serviceId", id)?;
        }
        if let Some(description) = &service.description {
            map.serialize_entry("description", description)?;
        }
        if let Some(reason) = self.report.reason()
            && self.detail >= Detail::Reason
        {
            map.serialize_entry("output", reason)?;
        }
        if self.detail == Detail::Checks {
            map.serialize_entry("checks", &Measurements(self.report.checks()))?;
        }
        map.end()
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy | Verdict::Ready | Verdict::Alive => "pass",
        Verdict::Degraded => "warn",
        Verdict::Unhealthy | Verdict::NotReady | Verdict::Stuck => "fail",
    }
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Healthy => "pass",
        Status::Degraded => "warn",
        Status::Unhealthy => "fail",
    }
}

/// One measurement of one component.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Measurement<'a> {
    component_id: &'a str,
    component_type: Component,
    observed_value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    status: &'static str,
    time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

/// All measurements under keys such as `database:responseTime`; those of a group share a key.
struct Measurements<'a>(&'a [Observed]);

impl Serialize for Measurements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut named: Vec<(String, Vec<Measurement<'_>>)> = vec![];
        for check in self.0 {
            for (name, measurement) in measurements(check) {
                match named.iter_mut().find(|(other, _)| *other == name) {
                    Some((_, same)) => same.push(measurement),
                    None => named.push((name, vec![measurement])),
                }
            }
        }
        serializer.collect_map(named.iter().map(|(name, same)| (name, same)))
    }
}

/// How long the check took, and its fields.
fn measurements(check: &Observed) -> impl Iterator<Item = (String, Measurement<'_>)> {
    let Observed { entry, observation } = check;
    let component = entry.group.as_ref().unwrap_or(&entry.name);
    let measurement = |value: Value, unit, output| Measurement {
        component_id: &entry.name,
        component_type: entry.probe.component(),
        observed_value: value,
        observed_unit: unit,
        status: status_word(observation.result.status()),
        time: &observation.time,
        output,
    };
    let time = measurement(observation.milliseconds().into(), Some("ms"), observation.result.message());
    let fields = observation.result.fields().iter();
    std::iter::once((format!("{component}:responseTime"), time)).chain(
        fields.map(move |(name, value)| {
            (format!("{component}:{name}"), measurement(value.clone(), None, None))
        }),
    )
}
