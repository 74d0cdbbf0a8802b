//! The questions that dashboards ask of Prometheus.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;

use crate::durations::quick_expression;

/// What Grafana puts in the place of its own variables.
const BUILT_IN: [(&str, &str); 6] = [
    ("__rate_interval", "5m"),
    ("__interval", "5m"),
    ("__range_s", "3600"),
    ("__range_ms", "3600000"),
    ("__range", "1h"),
    ("__interval_ms", "15000"),
];

/// A question, and where it stands.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) place: String,
    pub(crate) expression: String,
}

/// A dashboard as it is shipped.
pub(crate) struct Dashboard {
    pub(crate) uid: String,
    name: String,
    document: Value,
}

impl Dashboard {
    /// All that are shipped.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deployment/grafana/dashboards");
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        Self { uid: document["uid"].as_str().unwrap().to_owned(), name, document }
    }

    /// All that it asks, with all values of its variables.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let mut found = vec![];
        for (key, part) in self.document.as_object().unwrap() {
            let before = found.len();
            expressions(part, &self.name, &mut found);
            if key == "annotations" {
                // What happens is marked where it happened.
                for Question { expression, .. } in &mut found[before..] {
                    *expression = format!("max_over_time(({expression})[1h:15s])");
                }
            }
        }
        for variable in self.variables() {
            if variable["type"] == "query" {
                let place = format!("{}: variable {}", self.name, variable["name"]);
                let expression =
                    of_variable(&variable["query"]).unwrap_or_else(|| panic!("{place}: {variable}"));
                found.push(Question { place, expression });
            }
        }
        for question in &mut found {
            question.expression = quick_expression(&self.filled(&question.expression));
        }
        found
    }

    fn variables(&self) -> impl Iterator<Item = &Value> {
        self.document["templating"]["list"].as_array().into_iter().flatten()
    }

    /// An expression with values for variables.
    fn filled(&self, expression: &str) -> String {
        let mut values: Vec<(&str, &str)> = BUILT_IN.to_vec();
        for variable in self.variables() {
            let value = match variable["type"].as_str() {
                Some("query") => variable["allValue"].as_str().unwrap_or(".*"),
                _ => variable["current"]["value"].as_str().unwrap_or_default(),
            };
            values.push((variable["name"].as_str().unwrap(), value));
        }
        let name = Regex::new(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))").unwrap();
        let filled = name.replace_all(expression, |found: &regex::Captures<'_>| {
            let name = found.get(1).or(found.get(2)).unwrap().as_str();
            let value = values.iter().find(|(known, _)| *known == name);
            value
                .unwrap_or_else(|| panic!("{}: nobody says what {name} is: {expression}", self.name))
                .1
                .to_owned()
        });
        filled.into_owned()
    }
}

/// The expressions of a part of a dashboard, which stands at a place.
fn expressions(part: &Value, place: &str, found: &mut Vec<Question>) {
    match part {
        Value::Object(map) => {
            let here = map.get("title").or(map.get("refId")).and_then(Value::as_str);
            let place = here.map_or_else(|| place.to_owned(), |here| format!("{place}: {here}"));
            if let Some(Value::String(expression)) = map.get("expr") {
                found.push(Question { place: place.clone(), expression: expression.clone() });
            }
            map.values().for_each(|part| expressions(part, &place, found));
        }
        Value::Array(parts) => parts.iter().for_each(|part| expressions(part, place, found)),
        _ => {}
    }
}

/// What a variable asks for.
fn of_variable(query: &Value) -> Option<String> {
    let text = query.as_str().or(query["query"].as_str())?;
    let inner = |function: &str| text.trim().strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(inner) = inner("label_values") {
        // The label comes last, and alone it is that of any series.
        let (series, label) = inner.rsplit_once(',').unwrap_or((r#"{__name__=~".+"}"#, inner));
        return Some(format!("count by ({}) ({series}) > 0", label.trim()));
    }
    inner("query_result").map(str::to_owned)
}
