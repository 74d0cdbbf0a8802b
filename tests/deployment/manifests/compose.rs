//! `compose.yml` and the files that it mounts.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::node::{DRAIN, is_understood, ports, program};
use super::{flag, is_pinned, kubernetes, list, port, texts};
use crate::tool::{check, deployment, read};

/// The file with all variables as `.env.example` has them.
pub(crate) fn compose() -> Value {
    let text = std::fs::read_to_string(deployment().join("compose.yml")).unwrap();
    let settings = std::fs::read_to_string(deployment().join(".env.example")).unwrap();
    let settings: Vec<(&str, &str)> = settings
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect();
    let variable = regex::Regex::new(r"\$\{([A-Z_]+)(?::[-?]([^}]*))?\}").unwrap();
    let mut used = BTreeSet::new();
    let filled = variable.replace_all(&text, |found: &regex::Captures<'_>| {
        used.insert(found[1].to_owned());
        let set = settings.iter().find(|(name, _)| *name == &found[1]);
        let (name, value) = set.unwrap_or_else(|| panic!(".env.example has no {}", &found[1]));
        if let Some(other) = found.get(2).filter(|_| found[0].contains(":-")) {
            assert_eq!(other.as_str(), *value, "{name} in .env.example");
        }
        (*value).to_owned()
    });
    for (name, _) in &settings {
        assert!(used.contains(*name), "{name} of .env.example is not used");
    }
    crate::tool::yaml("compose.yml", &filled.replace("$$", "$")).remove(0)
}

/// The services, by name.
pub(crate) fn services(compose: &Value) -> &Map<String, Value> {
    compose["services"].as_object().unwrap()
}

/// Those that are nodes of evohub.
pub(crate) fn nodes(compose: &Value) -> Vec<(&String, &Value)> {
    let services = services(compose).iter();
    let nodes: Vec<_> = services.filter(|(name, _)| name.starts_with("evohub-")).collect();
    assert_eq!(nodes.len(), 3);
    nodes
}

/// Where the secrets of a service stand in it, and in which file of the folder.
pub(crate) fn secrets(compose: &Value, service: &Value) -> Vec<(String, String)> {
    let secret = |used: &Value| {
        let source = used.as_str().or(used["source"].as_str()).unwrap();
        let target = used["target"].as_str().unwrap_or(source);
        let inside =
            if target.starts_with('/') { target.to_owned() } else { format!("/run/secrets/{target}") };
        let file = compose["secrets"][source]["file"].as_str();
        (inside, file.unwrap_or_else(|| panic!("no secret {source}")).to_owned())
    };
    list(&service["secrets"]).iter().map(secret).collect()
}

#[test]
fn it_is_a_compose_file() {
    let file = deployment().join("compose.yml");
    check(
        "check-jsonschema",
        ["--builtin-schema".as_ref(), "vendor.compose-spec".as_ref(), file.as_os_str()],
    );
}

#[test]
fn nodes_are_started_as_the_program_wants_it() {
    let compose = compose();
    let collector = kubernetes::receivers();
    for (name, node) in nodes(&compose) {
        let arguments = texts(&node["command"]);
        is_understood(&arguments);
        let (listen, http) = ports(&arguments);
        let environment = &node["environment"];
        assert_eq!(environment["EVOHUB_NODE_NAME"], **name);
        assert_eq!(environment["EVOHUB_ADVERTISE"], format!("{name}:{listen}"));
        let known = flag(&arguments, "join")
            .unwrap()
            .split(',')
            .any(|address| address == environment["EVOHUB_ADVERTISE"]);
        assert!(known, "{name} is found by the others");
        assert!(collector.contains(&port(environment["OTEL_EXPORTER_OTLP_ENDPOINT"].as_str().unwrap())));
        let published = texts(&node["ports"]);
        assert!(published.len() == 1 && published[0].ends_with(&format!(":{listen}")), "{published:?}");

        // Every file is a secret of its own, and none is mounted that is not used.
        let mounted: BTreeSet<_> = secrets(&compose, node).into_iter().map(|(inside, _)| inside).collect();
        let used = arguments.iter().filter_map(|argument| argument.split_once("=/run/secrets/"));
        let used: BTreeSet<_> = used.map(|(_, name)| format!("/run/secrets/{name}")).collect();
        assert_eq!(used, mounted, "{name}");

        // The probe asks the port that is served, and fails for nothing but the files that are not here.
        let probe = texts(&node["healthcheck"]["test"]);
        assert_eq!(probe[..2], ["CMD", "evohub"]);
        assert_eq!(port(&probe[3]), http);
        let output = program(&probe[2..]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && told.contains("/run/secrets/authority: "), "{told}");

        let grace: u64 = node["stop_grace_period"].as_str().unwrap().trim_end_matches('s').parse().unwrap();
        assert!(grace >= DRAIN, "{grace} s is too short to hand over");
    }
}

#[test]
fn services_are_shielded() {
    let compose = compose();
    for (name, service) in services(&compose) {
        is_pinned(service["image"].as_str().unwrap());
        for published in texts(&service["ports"]) {
            assert!(published.starts_with("127.0.0.1:"), "{name} is published at {published}");
        }
        assert_eq!(service["logging"]["driver"], "json-file", "{name}");
        assert_eq!(service["logging"]["options"]["max-size"], "10m", "{name}");
        assert_eq!(service["logging"]["options"]["max-file"], "3", "{name}");
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert!(service["deploy"]["resources"]["limits"]["memory"].is_string(), "{name} has no limit");
        assert!(service.get("privileged").is_none() && service["user"] != "root", "{name}");
        for network in texts(&service["networks"]) {
            assert!(compose["networks"].get(&network).is_some(), "{name}: no network {network}");
        }
    }
    assert_eq!(compose["networks"]["data"]["internal"], true, "databases reach nobody");
    for database in ["postgres", "redis"] {
        assert_eq!(texts(&services(&compose)[database]["networks"]), ["data"]);
    }
}

#[test]
fn who_waits_for_health_waits_for_a_check() {
    let compose = compose();
    // Their images have no program that could ask.
    let without = ["jaeger", "otel-collector"];
    for (name, service) in services(&compose) {
        assert_eq!(service.get("healthcheck").is_none(), without.contains(&name.as_str()), "{name}");
        let needs = service["depends_on"].as_object();
        for (needed, condition) in needs.into_iter().flatten() {
            let checked = services(&compose)[needed].get("healthcheck").is_some();
            let expected = if checked { "service_healthy" } else { "service_started" };
            assert_eq!(condition["condition"], expected, "{name} waits for {needed}");
        }
    }
}

#[test]
fn what_is_mounted_is_in_the_folder() {
    let compose = compose();
    let mut volumes = BTreeSet::new();
    for (name, service) in services(&compose) {
        for mount in texts(&service["volumes"]) {
            let (source, target) = mount.split_once(':').unwrap();
            if let Some(file) = source.strip_prefix("./") {
                assert!(deployment().join(file).exists(), "{name} mounts {file}");
                assert!(target.ends_with(":ro"), "{name} could write to {file}");
            } else if !source.starts_with('/') {
                assert!(compose["volumes"].get(source).is_some(), "{name}: no volume {source}");
                volumes.insert(source.to_owned());
            }
        }
    }
    let declared: BTreeSet<_> = compose["volumes"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(declared, volumes, "every volume is used");
}

#[test]
fn prometheus_asks_services_that_there_are() {
    let file = deployment().join("monitoring/prometheus.compose.yml");
    // The files with token and authority are in the container alone.
    check("promtool", ["check".as_ref(), "config".as_ref(), "--syntax-only".as_ref(), file.as_os_str()]);
    let compose = compose();
    let prometheus = &read::<Value>("monitoring/prometheus.compose.yml")[0];
    let secrets_of = secrets(&compose, &services(&compose)["prometheus"]);
    let mounted = |path: &Value| secrets_of.iter().any(|(inside, _)| path == inside.as_str());
    let (_, node) = nodes(&compose)[0];
    let (_, http) = ports(&texts(&node["command"]));
    let mut asked = BTreeSet::new();
    for job in list(&prometheus["scrape_configs"]) {
        for target in list(&job["static_configs"]).iter().flat_map(|targets| texts(&targets["targets"])) {
            let (host, _) = target.split_once(':').unwrap();
            let service = if host == "localhost" { "prometheus" } else { host };
            let networks = texts(&services(&compose)[service]["networks"]);
            assert!(networks.contains(&"monitoring".to_owned()), "{target} is out of reach");
            if job["job_name"] == "evohub" {
                assert_eq!(port(&target), http);
            }
            asked.insert(service.to_owned());
        }
        if job["job_name"] == "evohub" {
            assert_eq!(job["scheme"], "https");
            assert!(mounted(&job["tls_config"]["ca_file"]), "{job:#}");
            assert!(mounted(&job["authorization"]["credentials_file"]), "{job:#}");
        }
    }
    let watched: BTreeSet<_> = services(&compose)
        .keys()
        .filter(|name| !["postgres", "redis", "jaeger"].contains(&name.as_str()))
        .collect();
    assert_eq!(
        asked.iter().collect::<BTreeSet<_>>(),
        watched,
        "everything is watched, databases by exporters"
    );

    let rules = texts(&prometheus["rule_files"]);
    let mounts = texts(&services(&compose)["prometheus"]["volumes"]);
    for rules in rules {
        let mount = format!("./monitoring/{rules}:/etc/prometheus/{rules}:ro");
        assert!(mounts.contains(&mount), "{rules} is not mounted");
    }
}

#[test]
fn alertmanager_finds_its_secrets() {
    let compose = compose();
    let alertmanager = &services(&compose)["alertmanager"];
    let config = std::fs::read_to_string(deployment().join("monitoring/alertmanager.yml")).unwrap();
    let path = regex::Regex::new(r"_file: (/\S+)").unwrap();
    let wanted: BTreeSet<_> = path.captures_iter(&config).map(|found| found[1].to_owned()).collect();
    let mounted: BTreeSet<_> =
        secrets(&compose, alertmanager).into_iter().map(|(inside, _)| inside).collect();
    assert_eq!(wanted, mounted);
}

#[test]
fn the_collector_is_whole() {
    let collector = &read::<Value>("otel-collector.yml")[0];
    for (name, pipeline) in collector["service"]["pipelines"].as_object().unwrap() {
        for kind in ["receivers", "processors", "exporters"] {
            let used = texts(&pipeline[kind]);
            assert!(!used.is_empty(), "{name} has no {kind}");
            for component in used {
                assert!(collector[kind].get(&component).is_some(), "{name}: no {component} in {kind}");
            }
        }
    }
    let compose = compose();
    let service = &services(&compose)["otel-collector"];
    let text = std::fs::read_to_string(deployment().join("otel-collector.yml")).unwrap();
    for (name, _) in service["environment"].as_object().unwrap() {
        assert!(text.contains(&format!("${{env:{name}}}")), "{name} is not used");
    }
    let metrics =
        &collector["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"];
    let prometheus = std::fs::read_to_string(deployment().join("monitoring/prometheus.compose.yml")).unwrap();
    assert!(prometheus.contains(&format!("otel-collector:{}", metrics["port"])), "{metrics}");
}
