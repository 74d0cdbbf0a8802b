//! The rules of Prometheus in the forms of its operator and of the chart.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tool::{deployment, read};

const STALE: &str = "run scripts/generate: the rules have changed";

#[test]
fn made_rules_are_those_of_prometheus() {
    let mut files: Vec<_> = std::fs::read_dir(deployment().join("monitoring"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with("_rules.yml"))
        .collect();
    files.sort();
    assert!(files.len() >= 2, "{files:?}");
    let objects = read::<Value>("kubernetes/monitoring/prometheus-rules.yaml");
    assert_eq!(objects.len(), files.len(), "{STALE}");
    for (file, object) in files.iter().zip(objects) {
        let name = file.trim_end_matches(".yml");
        let groups = read::<Value>(&format!("monitoring/{file}")).remove(0)["groups"].take();
        let kind = (object["apiVersion"].as_str(), object["kind"].as_str());
        assert_eq!(kind, (Some("monitoring.coreos.com/v1"), Some("PrometheusRule")));
        assert_eq!(object["metadata"]["name"], format!("evohub-{}", name.replace('_', "-")));
        assert!(object["spec"]["groups"] == groups, "{STALE}");
        assert!(read::<Value>(&format!("helm/evohub/files/{name}.yaml"))[0]["groups"] == groups, "{STALE}");
        is_accepted(&groups);
    }
    let copies = std::fs::read_dir(deployment().join("helm/evohub/files")).unwrap().count();
    assert_eq!(copies, files.len(), "{STALE}");
}

/// What the operator asks of an object.
fn is_accepted(groups: &Value) {
    let groups = groups.as_array().unwrap();
    let names: BTreeSet<_> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), groups.len(), "groups of one name among {names:?}");
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        assert!(
            rule["expr"].is_string() && (rule["alert"].is_string() != rule["record"].is_string()),
            "{rule}"
        );
    }
}
