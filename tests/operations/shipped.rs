//! The files that operators install, made fit for a test: time passes quicker, and addresses and secrets are those of
//! the run. All else is as it is shipped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::durations::{quick_minutes, quicken};

/// Ways to find nodes that are not the test's: files and Kubernetes.
const NOT_TRIED: [&str; 2] = ["evohub-files", "evohub-kubernetes"];

/// Times that are compared with figures and that no test can wait for, by the figure, and how many times shorter they
/// are here.
const LIMITS: [(&str, f64); 2] =
    [("evolution_job_idle_seconds", 60.0), ("evohub:llm_api_duration_seconds:p95_rate5m", 10.0)];

/// What is looked at, by the job that does.
pub(crate) type Targets = BTreeMap<&'static str, Vec<SocketAddr>>;

/// Whom Alertmanager tells, and what it needs for that.
#[derive(Debug)]
pub(crate) struct Told {
    /// Of the mail server.
    pub(crate) mail: SocketAddr,
    /// The interface of the pager.
    pub(crate) pager: String,
    /// Where the dead man's switch listens.
    pub(crate) switch: String,
    /// Contents of the files of secrets, by the names of the files.
    pub(crate) secrets: BTreeMap<&'static str, String>,
}

/// The folder of what is shipped for monitoring.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deployment").join("monitoring")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A shipped file of YAML.
pub(crate) fn document(name: &str) -> Value {
    let path = folder().join(name);
    serde_saphyr::from_str(&read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// JSON is YAML.
fn write(path: &Path, document: &Value) {
    std::fs::write(path, serde_json::to_string_pretty(document).unwrap()).unwrap();
}

/// The names of the files of rules.
pub(crate) fn rule_files() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with("_rules.yml")).collect();
    names.sort();
    names
}

/// Writes the configuration of Prometheus and its rules into a folder.
pub(crate) fn prometheus(into: &Path, file: &str, targets: &Targets, alertmanager: SocketAddr) {
    let mut document = document("prometheus.yml");
    quicken(&mut document);
    // Half as often as the quicker time would have it, and with all of that time for a scrape: for the machine's sake.
    let interval = format!("{}ms", quick_minutes(1).as_millis() / 2);
    for key in ["scrape_interval", "scrape_timeout", "evaluation_interval"] {
        document["global"][key] = interval.as_str().into();
    }
    let named = document["rule_files"].as_array().expect("files of rules").len();
    assert!(named > 0, "prometheus.yml names no rules");
    document["rule_files"] = json!(rule_files());
    document["alerting"]["alertmanagers"] = json!([{"static_configs": [{"targets": [alertmanager]}]}]);
    let jobs = document["scrape_configs"].as_array_mut().expect("jobs");
    for name in targets.keys() {
        assert!(jobs.iter().any(|job| job["job_name"] == *name), "prometheus.yml has no job `{name}`");
    }
    jobs.retain_mut(|job| scraped(job.as_object_mut().expect("a job"), targets));
    write(&into.join(file), &document);
    let mut lowered = 0;
    for name in rule_files() {
        let mut document = self::document(&name);
        quicken(&mut document);
        for rule in rules(&mut document).filter(|rule| rule.get("alert").is_some()) {
            let expression = rule["expr"].as_str().expect("an expression");
            let lower = LIMITS.iter().find_map(|(figure, times)| limited(expression, figure, *times));
            if let Some(lower) = lower {
                rule["expr"] = lower.into();
                lowered += 1;
            }
        }
        write(&into.join(name), &document);
    }
    assert_eq!(lowered, LIMITS.len(), "each of the figures has one limit");
}

/// The rules of a file.
pub(crate) fn rules(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let groups = document["groups"].as_array_mut().expect("groups");
    groups.iter_mut().flat_map(|group| group["rules"].as_array_mut().expect("rules"))
}

/// An expression in which a figure is compared with a limit, with a lower one.
fn limited(expression: &str, figure: &str, times: f64) -> Option<String> {
    let at = expression.find(figure)?;
    let start = at + expression[at..].find("> ")? + 2;
    let end =
        expression[start..].find(|c: char| !c.is_ascii_digit()).map_or(expression.len(), |end| start + end);
    let limit: f64 = expression[start..end].parse().ok()?;
    Some(format!("{}{}{}", &expression[..start], limit / times, &expression[end..]))
}

/// Has a job look at the targets of the run; says whether there are any.
fn scraped(job: &mut Map<String, Value>, targets: &Targets) -> bool {
    let name = job["job_name"].as_str().expect("a name");
    let Some(targets) = targets.get(name) else {
        assert!(NOT_TRIED.contains(&name), "the test knows nothing that the job `{name}` could look at");
        return false;
    };
    let is_patient = name == "postgres";
    let labels = job.get("static_configs").map_or(json!({}), |configs| configs[0]["labels"].clone());
    // Nodes of tests are on loopback and ask nobody who he is.
    let elsewhere =
        ["authorization", "basic_auth", "scheme", "scrape_interval", "scrape_timeout", "tls_config"];
    job.retain(|key, _| !elsewhere.contains(&key.as_str()) && !key.ends_with("_sd_configs"));
    let labels = if labels.is_null() { json!({}) } else { labels };
    job.insert("static_configs".to_owned(), json!([{"targets": targets, "labels": labels}]));
    if is_patient {
        // Its exporter tries for three seconds to reach the server before it says that it is down.
        for key in ["scrape_interval", "scrape_timeout"] {
            job.insert(key.to_owned(), json!("4s"));
        }
    }
    true
}

/// Writes the configuration of Alertmanager, its templates and its secrets into a folder.
pub(crate) fn alertmanager(into: &Path, file: &str, told: &Told) {
    let mut document = document("alertmanager.yml");
    quicken(&mut document);
    let mut written = vec![];
    secrets(&mut document, into, told, &mut written);
    let unused: Vec<_> =
        told.secrets.keys().filter(|name| !written.iter().any(|known| known == *name)).collect();
    assert!(unused.is_empty(), "alertmanager.yml reads no {unused:?}");
    let global = &mut document["global"];
    global["smtp_smarthost"] = json!(told.mail);
    global["smtp_require_tls"] = false.into();
    global["pagerduty_url"] = json!(told.pager);
    for receiver in document["receivers"].as_array_mut().expect("receivers") {
        for webhook in receiver["webhook_configs"].as_array_mut().into_iter().flatten() {
            webhook["url"] = json!(told.switch);
        }
    }
    let templates = into.join("templates");
    std::fs::create_dir(&templates).unwrap();
    for entry in std::fs::read_dir(folder().join("templates")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), templates.join(entry.file_name())).unwrap();
    }
    document["templates"] = json!(["templates/*.tmpl"]);
    write(&into.join(file), &document);
}

/// Has what reads secrets from files read those of the run.
fn secrets(value: &mut Value, into: &Path, told: &Told, written: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(path) if key.ends_with("_file") => {
                        let name = Path::new(path).file_name().unwrap().to_str().unwrap().to_owned();
                        let secret = told.secrets.get(name.as_str());
                        let secret = secret.unwrap_or_else(|| panic!("no secret is known for {key}: {path}"));
                        let file = into.join(&name);
                        std::fs::write(&file, secret).unwrap();
                        *path = file.to_str().unwrap().to_owned();
                        written.push(name);
                    }
                    _ => secrets(value, into, told, written),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| secrets(value, into, told, written)),
        _ => {}
    }
}
