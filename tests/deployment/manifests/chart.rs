//! What helm makes of the chart.

use serde_json::{Value, json};

use super::kubernetes::{are_nodes, are_shielded, are_watched, arguments, pods};
use super::{Objects, are_valid, flag, kustomized, list, objects};
use crate::tool::{check, deployment};

const CHART: &str = "helm/evohub";

/// Values that people set, each by the words of the command line.
const VALUES: [(&str, &[&str]); 6] = [
    ("as it is", &[]),
    ("watched", &["monitoring.enabled=true", "monitoring.labels.release=stack"]),
    ("without TLS", &["tls.enabled=false", "monitoring.enabled=true"]),
    ("without Redis", &["redis.enabled=false", "networkPolicy.databasePorts={5432,5433}"]),
    (
        "with secrets of other names",
        &["secrets.cluster=ours", "secrets.tls=ours-tls", "secrets.providers=keys"],
    ),
    (
        "in earnest",
        &[
            "replicas=5",
            "image.repository=registry.example.com/evohub",
            "image.tag=0.1.0-1",
            "image.pullSecrets={registry}",
            "tracing.endpoint=http://otel-collector.monitoring:4318",
            "spreadOverMachines=DoNotSchedule",
            "nodeSelector.pool=work",
            "extraArgs={--trace-failed}",
            "extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy:3128",
            "extraVolumes[0].name=models,extraVolumes[0].persistentVolumeClaim.claimName=models",
            "extraVolumeMounts[0].name=models,extraVolumeMounts[0].mountPath=/models",
            "networkPolicy.extraEgress[0].ports[0].port=8000,networkPolicy.extraEgress[0].to[0].ipBlock.cidr=10.1.0.0/16",
            "resources.limits.memory=2Gi",
        ],
    ),
];

fn command(words: &[&str], values: &[&str]) -> Vec<String> {
    let chart = deployment().join(CHART).display().to_string();
    let mut command: Vec<String> = words.iter().map(|word| word.replace("CHART", &chart)).collect();
    command.extend(values.iter().flat_map(|value| ["--set".to_owned(), (*value).to_owned()]));
    command
}

fn rendered(values: &[&str]) -> Objects {
    objects(CHART, &check("helm", command(&["template", "evohub", "CHART", "--namespace", "evohub"], values)))
}

#[test]
fn helm_finds_nothing_to_complain_of() {
    for (what, values) in VALUES {
        let told = check("helm", command(&["lint", "--strict", "CHART"], values));
        assert!(told.contains("0 chart(s) failed"), "{what}: {told}");
    }
}

#[test]
fn the_chart_runs_nodes() {
    let renderings = VALUES.map(|(what, values)| (what, values, rendered(values)));
    are_valid(&renderings.iter().map(|(_, _, made)| made).collect::<Vec<_>>());
    for (what, values, made) in &renderings {
        // `are_nodes` looks for the secrets by the names that the examples have.
        if *what != "with secrets of other names" {
            are_nodes(made);
        }
        if *what != "without Redis" && *what != "in earnest" {
            are_shielded(made);
        }
        if values.contains(&"monitoring.enabled=true") {
            are_watched(made);
        } else {
            assert!(!made.keys().any(|(kind, _)| kind == "ServiceMonitor" || kind == "PrometheusRule"));
        }
    }
}

#[test]
fn what_is_not_wanted_is_not_asked_for() {
    let alone = rendered(VALUES[3].1);
    let arguments_alone = arguments(pods(&alone).1);
    assert_eq!(flag(&arguments_alone, "redis-file"), None);

    let plain = rendered(VALUES[2].1);
    let (pod, container) = pods(&plain);
    let arguments_plain = arguments(container);
    assert!(arguments_plain.contains(&"--insecure".to_owned()), "{arguments_plain:?}");
    assert!(!arguments_plain.iter().any(|argument| argument.contains("tls") || argument.contains("token")));
    assert!(list(&pod["spec"]["volumes"]).iter().all(|volume| volume["name"] != "tls"));

    let named = rendered(VALUES[4].1);
    let (pod, container) = pods(&named);
    let secret = |name: &str| {
        let volumes = list(&pod["spec"]["volumes"]);
        volumes.iter().find(|volume| volume["name"] == name).unwrap()["secret"]["secretName"].clone()
    };
    assert_eq!((secret("secrets"), secret("tls")), (json!("ours"), json!("ours-tls")));
    assert_eq!(container["envFrom"][0]["secretRef"], json!({"name": "keys", "optional": true}));

    let earnest = rendered(VALUES[5].1);
    let (pod, container) = pods(&earnest);
    assert_eq!(container["image"], "registry.example.com/evohub:0.1.0-1");
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(arguments(container).last().unwrap(), "--trace-failed");
    assert_eq!(flag(&arguments(container), "join").unwrap().split(',').count(), 3, "three are enough");
    let variables = list(&container["env"]).iter().map(|variable| variable["name"].as_str().unwrap());
    assert!(variables.clone().any(|name| name == "HTTPS_PROXY"));
    assert!(variables.clone().any(|name| name == "OTEL_EXPORTER_OTLP_ENDPOINT"));
}

/// Labels that tell of helm, and nothing of what is made.
fn without_labels_of_helm(mut object: Value) -> Value {
    if let Some(labels) = object.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        for label in ["app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"] {
            labels.remove(label);
        }
    }
    object
}

#[test]
fn chart_and_kustomization_make_the_same() {
    let mut by_kustomize = kustomized("kubernetes/base");
    // Helm is told the namespace, and makes none.
    by_kustomize.remove(&("Namespace".to_owned(), "evohub".to_owned()));
    let by_helm = rendered(&[]);
    assert_eq!(by_helm.keys().collect::<Vec<_>>(), by_kustomize.keys().collect::<Vec<_>>());
    for (key, object) in by_helm {
        let (made, expected) = (without_labels_of_helm(object), &by_kustomize[&key]);
        assert_eq!(made, *expected, "{key:?}: {made:#} and {expected:#}");
    }

    let watched = rendered(&["monitoring.enabled=true"]);
    let overlay = kustomized("kubernetes/overlays/production");
    let of_operator = |objects: &Objects| -> Vec<(String, Value)> {
        let chosen = objects.iter().filter(|(_, object)| object["apiVersion"] == "monitoring.coreos.com/v1");
        chosen.map(|((_, name), object)| (name.clone(), object["spec"].clone())).collect()
    };
    let (made, expected) = (of_operator(&watched), of_operator(&overlay));
    assert!(made.len() >= 3 && made == expected, "{made:#?} and {expected:#?}");
}

#[test]
fn values_that_cannot_be_meant_are_refused() {
    for (value, told) in [
        ("replicas=0", "replicas"),
        ("worker=3", "worker"),
        ("image.tag=latest", "tag"),
        ("tls.enabled=maybe", "enabled"),
        ("secrets.cluster=", "cluster"),
        ("networkPolicy.databases={everywhere}", "databases"),
        ("tracing.endpoint=collector:4318", "endpoint"),
        ("spreadOverMachines=Never", "spreadOverMachines"),
    ] {
        let mut helm = std::process::Command::new("helm");
        let output = helm.args(command(&["template", "evohub", "CHART"], &[value])).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{value} is taken");
        assert!(error.contains(told) && error.contains("values don't meet the specifications"), "{error}");
    }
}

#[test]
fn the_notes_say_what_to_do() {
    let told = |values: &[&str]| {
        let words = ["install", "evohub", "CHART", "--namespace", "evohub", "--dry-run=client"];
        let told = check("helm", command(&words, values));
        told.split_once("NOTES:").unwrap_or_else(|| panic!("no notes in {told}")).1.to_owned()
    };
    let usual = told(&[]);
    assert!(usual.contains("cookie, store, http-token, redis") && !usual.contains("WARNING"), "{usual}");
    let open = told(&["tls.enabled=false", "redis.enabled=false", "networkPolicy.enabled=false"]);
    assert!(open.contains("(keys cookie, store)") && open.contains("--cluster-insecure"), "{open}");
    assert_eq!(open.matches("WARNING").count(), 2, "{open}");
}
