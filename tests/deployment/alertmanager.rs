//! Who is told what: routes, inhibition, and the form of messages.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rules::{alerts, rules};
use crate::tool::{check, deployment, read};

#[derive(Debug, Deserialize)]
struct Config {
    inhibit_rules: Vec<Inhibition>,
}

#[derive(Debug, Deserialize)]
struct Inhibition {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    #[serde(default)]
    equal: Vec<String>,
}

fn text(file: &str) -> String {
    fs::read_to_string(deployment().join("monitoring").join(file)).unwrap()
}

/// The configuration with its templates where they are here.
fn here() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let templates = deployment().join("monitoring/templates");
    let config =
        text("alertmanager.yml").replace("/etc/alertmanager/templates", &templates.to_string_lossy());
    let path = folder.path().join("alertmanager.yml");
    fs::write(&path, config).unwrap();
    (folder, path.to_string_lossy().into_owned())
}

#[test]
fn amtool_takes_the_configuration() {
    let (_folder, config) = here();
    let said = check("amtool", ["check-config", &config]);
    assert!(said.contains("1 templates\n  SUCCESS"), "{said}");
}

#[test]
fn no_secret_stands_in_the_configuration() {
    let config = text("alertmanager.yml");
    let secret = Regex::new(
        r"(?m)^\s*-?\s*(\w*(?:api_url|password|routing_key|service_key|credentials|secret|token))(\w*):",
    )
    .unwrap();
    let keys: Vec<String> =
        secret.captures_iter(&config).map(|key| format!("{}{}", &key[1], &key[2])).collect();
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert!(keys.iter().all(|key| key.ends_with("_file")), "{keys:?}");
}

/// Whom the configuration has told of an alert with these labels.
fn receivers(config: &str, labels: &[(&str, &str)]) -> BTreeSet<String> {
    let labels = labels.iter().map(|(name, value)| format!("{name}={value}"));
    let config = format!("--config.file={config}");
    let arguments = ["config", "routes", "test", &config].map(str::to_owned).into_iter().chain(labels);
    check("amtool", arguments).trim().split(',').map(str::to_owned).collect()
}

#[test]
fn every_alert_goes_to_whom_it_is_for() {
    let (_folder, config) = here();
    let mut asked = BTreeSet::new();
    for rule in rules() {
        let Some(alert) = &rule.alert else { continue };
        let (severity, topic) = (rule.labels["severity"].as_str(), rule.labels["topic"].as_str());
        if !asked.insert((alert.clone(), severity.to_owned())) {
            continue;
        }
        let expected: &[&str] = match (alert.as_str(), severity, ["slo", "spend", "quality"].contains(&topic))
        {
            ("Watchdog", ..) => &["dead-mans-switch"],
            ("RecentOutage", ..) => &["nobody"],
            (_, "critical", false) => &["on-call"],
            (_, "critical", true) => &["management", "on-call"],
            (_, "warning", false) => &["team"],
            (_, "warning", true) => &["management", "team"],
            (_, "info", false) => &["team-quiet"],
            (_, "info", true) => &["management", "team-quiet"],
            other => panic!("{other:?}"),
        };
        let told = receivers(&config, &[("alertname", alert), ("severity", severity), ("topic", topic)]);
        assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{alert}");
    }
    // What comes from elsewhere is told, too.
    assert_eq!(receivers(&config, &[("alertname", "Strange")]), BTreeSet::from(["team".to_owned()]));
}

#[test]
fn inhibition_names_alerts_that_there_are() {
    let config: Config = read("monitoring/alertmanager.yml").remove(0);
    let alerts = alerts();
    let matcher = Regex::new(r#"^alertname =~? "?([\w|]+)"?$"#).unwrap();
    let named = |matchers: &[String]| -> Vec<String> {
        let names = matchers.iter().filter_map(|text| Some(matcher.captures(text)?[1].to_owned()));
        names.flat_map(|names| names.split('|').map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    for Inhibition { source_matchers, target_matchers, equal } in config.inhibit_rules {
        let (sources, targets) = (named(&source_matchers), named(&target_matchers));
        assert!(!sources.is_empty() && !targets.is_empty(), "{source_matchers:?} {target_matchers:?}");
        for name in sources.iter().chain(&targets) {
            assert!(alerts.contains(name), "there is no alert {name}");
        }
        // An alert that silences itself is never told.
        assert!(sources.iter().all(|source| !targets.contains(source)), "{source_matchers:?}");
        // Of several clusters each is judged by itself. An exporter may serve several.
        assert!(equal.contains(&"cluster".to_owned()) || sources == ["TargetDown"], "{source_matchers:?}");
    }
}

/// What Alertmanager hands to its templates.
fn message(status: &str, alerts: &[Value]) -> Value {
    let first = &alerts[0];
    json!({
        "receiver": "team", "status": status, "alerts": alerts, "groupLabels": {},
        "commonLabels": first["labels"], "commonAnnotations": {}, "externalURL": "http://alertmanager:9093",
    })
}

fn alert(status: &str, instance: &str) -> Value {
    json!({
        "status": status,
        "labels": {"alertname": "NodeDown", "severity": "warning", "topic": "availability", "cluster": "main", "job": "evohub", "instance": instance},
        "annotations": {
            "summary": format!("Node {instance} is down"),
            "description": format!("{instance} does not answer Prometheus."),
            "runbook_url": "https://git.example.org/docs/runbooks/NodeDown.md",
        },
        "startsAt": "2026-03-01T04:05:06Z", "endsAt": "2026-03-01T04:15:06Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
    })
}

fn rendered(template: &str, kind: &str, message: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.json");
    fs::write(&data, message.to_string()).unwrap();
    let glob = format!("--template.glob={}/*.tmpl", deployment().join("monitoring/templates").display());
    let data = format!("--template.data={}", data.display());
    let kind = format!("--template.type={kind}");
    let text = format!("--template.text={{{{ template \"{template}\" . }}}}");
    check("amtool", ["template", "render", &glob, &data, &kind, &text])
}

#[test]
fn messages_say_what_where_since_when_and_what_to_do() {
    let one = message("firing", &[alert("firing", "a:8080")]);
    let two = message("firing", &[alert("firing", "a:8080"), alert("firing", "b:8080")]);
    let over = message("resolved", &[alert("resolved", "a:8080")]);
    let forms = [
        ("subject", "text", &one),
        ("subject", "text", &two),
        ("subject", "text", &over),
        ("dashboard", "text", &one),
        ("text", "text", &two),
        ("text", "text", &over),
        ("slack", "text", &one),
        ("html", "html", &one),
    ];
    let all: Vec<String> = forms
        .iter()
        .map(|(name, kind, message)| {
            format!("--- {name}\n{}", rendered(&format!("evohub.{name}"), kind, message))
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn messages_lead_to_a_dashboard_that_there_is() {
    for topic in rules().iter().filter_map(|rule| rule.labels.get("topic")).collect::<BTreeSet<_>>() {
        let mut message = message("firing", &[alert("firing", "a:8080")]);
        message["commonLabels"]["topic"] = json!(topic);
        let address = rendered("evohub.dashboard", "text", &message);
        let uid = address.trim().rsplit('/').next().unwrap();
        let dashboard = deployment().join(format!("grafana/dashboards/{uid}.json"));
        assert!(dashboard.is_file(), "{topic} leads to {address}");
    }
}
