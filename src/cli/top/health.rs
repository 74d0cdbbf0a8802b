//! What `/health/detailed` says.

use serde::Serialize;
use serde_json::Value;

use super::counts::shown;

/// Most checks that are kept.
const MOST: usize = 64;

/// The health of a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Health {
    /// `healthy`, `degraded` or `unhealthy`.
    pub(super) status: String,
    /// In the order of their names; those of a group, such as `llm_apis openai`, after its name.
    pub(super) checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) response_time_ms: Option<f64>,
    pub(super) message: Option<String>,
}

impl Health {
    /// Reads an answer.
    pub(super) fn read(body: &Value) -> Self {
        let status = shown(body["status"].as_str().unwrap_or_default());
        let mut checks = vec![];
        collect("", &body["checks"], &mut checks);
        checks.sort_by(|a, b| a.name.cmp(&b.name));
        checks.truncate(MOST);
        Self { status, checks }
    }

    /// The checks that are not healthy.
    pub(super) fn troubles(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.is_healthy())
    }
}

impl Check {
    pub(super) fn is_healthy(&self) -> bool {
        self.status == "healthy"
    }
}

/// A check has a status; an object without one is a group; a mere word is a status.
fn collect(name: &str, value: &Value, checks: &mut Vec<Check>) {
    let check = |status: &str, response_time_ms, message: Option<&str>| Check {
        name: shown(name),
        status: shown(status),
        response_time_ms,
        message: message.map(shown),
    };
    match value {
        Value::String(status) => checks.push(check(status, None, None)),
        Value::Object(fields) => match fields.get("status") {
            Some(Value::String(status)) if !name.is_empty() => {
                checks.push(check(status, value["response_time_ms"].as_f64(), value["message"].as_str()));
            }
            _ => fields.iter().for_each(|(part, value)| {
                collect(format!("{name} {part}").trim_start(), value, checks);
            }),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn checks_and_groups_of_them_are_read() {
        let body = json!({"status": "degraded", "timestamp": "2026-01-01T00:00:00Z", "version": "0.1.0", "checks": {
            "store": {"status": "healthy", "response_time_ms": 1.5, "jobs": 3},
            "llm_apis": {"lab": {"status": "unhealthy", "message": "answers 503\u{1b}[2J"}, "local": "healthy"}
        }});
        let health = Health::read(&body);
        assert_eq!(health.status, "degraded");
        let told: Vec<_> = health.checks.iter().map(|check| (&*check.name, &*check.status)).collect();
        assert_eq!(
            told,
            [("llm_apis lab", "unhealthy"), ("llm_apis local", "healthy"), ("store", "healthy")]
        );
        let troubles: Vec<_> = health.troubles().collect();
        assert_eq!(troubles[0].message.as_deref(), Some("answers 503\u{fffd}[2J"));
        assert_eq!((troubles.len(), health.checks[2].response_time_ms), (1, Some(1.5)));
        let bare = Health::read(&json!({"status": "healthy", "checks": 3}));
        assert_eq!(bare, Health { status: "healthy".to_owned(), checks: vec![] });
    }
}
