//! What kustomize makes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::node::{DRAIN, is_served, is_understood, ports};
use super::{Objects, are_valid, flag, is_pinned, kustomized, list, object, texts};
use crate::tool::read;

const BASE: &str = "kubernetes/base";
const PRODUCTION: &str = "kubernetes/overlays/production";

/// The pods of a rendering, and their one container.
pub(crate) fn pods(objects: &Objects) -> (&Value, &Value) {
    let set = object(objects, "StatefulSet", "evohub");
    let containers = list(&set["spec"]["template"]["spec"]["containers"]);
    assert_eq!(containers.len(), 1);
    (&set["spec"]["template"], &containers[0])
}

/// The arguments of nodes, with variables in their places.
pub(crate) fn arguments(container: &Value) -> Vec<String> {
    texts(&container["args"]).iter().map(|word| word.replace("$(EVOHUB_NODE_NAME)", "evohub-0")).collect()
}

/// Whether labels satisfy a selector, which names some.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().unwrap_or_else(|| panic!("{selector} is no selector"));
    assert!(!wanted.is_empty(), "a selector without labels selects everything");
    wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// All that must hold for nodes on Kubernetes, whoever rendered them.
pub(crate) fn are_nodes(objects: &Objects) {
    let set = &object(objects, "StatefulSet", "evohub")["spec"];
    let (pod, container) = pods(objects);
    let arguments = arguments(container);
    is_understood(&arguments);
    is_pinned(container["image"].as_str().unwrap());
    let (node, http) = ports(&arguments);
    let named = |name: &str| {
        let port = list(&container["ports"]).iter().find(|port| port["name"] == name);
        port.unwrap_or_else(|| panic!("no port {name}"))["containerPort"].as_u64().unwrap()
    };
    assert_eq!((named("node"), named("http")), (node, http));

    let scheme = if flag(&arguments, "http-certificate").is_some() { "HTTPS" } else { "HTTP" };
    for (probe, path) in [
        ("startupProbe", "/health/live"),
        ("livenessProbe", "/health/live"),
        ("readinessProbe", "/health/ready"),
    ] {
        let asked = &container[probe]["httpGet"];
        assert_eq!(*asked, json!({"path": path, "port": "http", "scheme": scheme}), "{probe}");
        is_served(path);
    }
    assert!(pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap() >= DRAIN);

    // Everything that selects pods selects these.
    let labels = &pod["metadata"]["labels"];
    let service = |name: &str| &object(objects, "Service", name)["spec"];
    let (peers, clients) = (service("evohub"), service("evohub-clients"));
    let budget = &object(objects, "PodDisruptionBudget", "evohub")["spec"];
    let selectors = [&set["selector"]["matchLabels"], &budget["selector"]["matchLabels"]];
    let spread = list(&pod["spec"]["topologySpreadConstraints"]);
    assert_eq!(spread.len(), 2);
    let spread = spread.iter().map(|constraint| &constraint["labelSelector"]["matchLabels"]);
    for selector in selectors.into_iter().chain([&peers["selector"], &clients["selector"]]).chain(spread) {
        assert!(selects(selector, labels), "{selector} does not select {labels}");
    }
    assert_eq!(budget["maxUnavailable"], 1, "nodes are changed one after the other");

    // Nodes find each other by names that there are, before they are ready.
    assert_eq!((&peers["clusterIP"], &peers["publishNotReadyAddresses"]), (&json!("None"), &json!(true)));
    assert_eq!((&set["serviceName"], &set["podManagementPolicy"]), (&json!("evohub"), &json!("Parallel")));
    assert_eq!(flag(&arguments, "advertise"), Some(format!("evohub-0.evohub:{node}").as_str()));
    let replicas = set["replicas"].as_u64().unwrap();
    for address in flag(&arguments, "join").unwrap().split(',') {
        let known = (0..replicas).any(|number| address == format!("evohub-{number}.evohub:{node}"));
        assert!(known, "{address} is none of {replicas} pods");
    }
    for port in list(&peers["ports"]).iter().chain(list(&clients["ports"])) {
        assert_eq!(named(port["targetPort"].as_str().unwrap()), port["port"].as_u64().unwrap());
    }
    assert!(list(&clients["ports"]).iter().all(|port| port["name"] == "node"), "metrics are not for clients");

    is_restricted(pod, container);
    has_its_secrets(objects, pod, &arguments);
}

/// What the pod security standard `restricted` asks for, and a file system that nothing is written to.
fn is_restricted(pod: &Value, container: &Value) {
    let (pod, context) = (&pod["spec"], &container["securityContext"]);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert!(pod["securityContext"]["runAsUser"].as_u64().unwrap() > 0);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
    for resource in ["/resources/requests/cpu", "/resources/requests/memory", "/resources/limits/memory"] {
        assert!(container.pointer(resource).is_some(), "no {resource}");
    }
}

/// Files of the command line are keys of secrets that are mounted, with rights that the program accepts, and the example
/// says which secrets these are.
fn has_its_secrets(objects: &Objects, pod: &Value, arguments: &[String]) {
    let examples = read::<Value>("kubernetes/secrets.example.yaml");
    let (_, container) = pods(objects);
    let files: BTreeSet<&str> =
        arguments.iter().filter_map(|argument| argument.split_once("=/")).map(|(_, path)| path).collect();
    assert!(files.len() >= 2, "{arguments:?}");
    for file in files {
        let mounts = list(&container["volumeMounts"]);
        let mount = mounts.iter().find(|mount| {
            let folder = mount["mountPath"].as_str().unwrap().trim_start_matches('/');
            file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        });
        let mount = mount.unwrap_or_else(|| panic!("/{file} is nowhere mounted"));
        assert_eq!(mount["readOnly"], true);
        let volumes = list(&pod["spec"]["volumes"]);
        let volume = &volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap()["secret"];
        assert_eq!(volume["defaultMode"], 0o440, "the group of the pod reads it, and nobody else");
        let key = file.rsplit_once('/').unwrap().1;
        let example = examples.iter().find(|example| example["metadata"]["name"] == volume["secretName"]);
        let example = example.unwrap_or_else(|| panic!("no example for {volume}"));
        assert_eq!(example["stringData"][key], "", "the example of {key} is there and empty");
    }
}

/// What may come in and what may go out.
pub(crate) fn are_shielded(objects: &Objects) {
    let policy = &object(objects, "NetworkPolicy", "evohub")["spec"];
    let (pod, container) = pods(objects);
    let labels = &pod["metadata"]["labels"];
    assert!(selects(&policy["podSelector"]["matchLabels"], labels));
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
    let (node, _) = ports(&arguments(container));

    let ingress = list(&policy["ingress"]);
    let comes = |port: &str| -> Vec<&Value> {
        let rules =
            ingress.iter().filter(|rule| list(&rule["ports"]).iter().any(|open| open["port"] == port));
        rules.flat_map(|rule| list(&rule["from"])).collect()
    };
    assert!(ingress.iter().all(|rule| !list(&rule["from"]).is_empty()), "a rule lets everybody in");
    let peers: Vec<_> = comes("node").into_iter().map(|from| &from["podSelector"]["matchLabels"]).collect();
    assert!(peers.iter().any(|selector| selects(selector, labels)), "nodes reach each other");
    assert!(peers.contains(&&json!({"evohub-client": "true"})), "clients reach nodes");
    let watchers: Vec<_> = comes("http").into_iter().map(|from| &from["namespaceSelector"]).collect();
    let monitoring = json!({"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}});
    assert_eq!(watchers, [&monitoring], "Prometheus and nobody else reads metrics");

    let goes = |port: u64| -> Vec<&Value> {
        let rules = list(&policy["egress"]).iter();
        let rules = rules.filter(|rule| list(&rule["ports"]).iter().any(|open| open["port"] == port));
        rules.flat_map(|rule| list(&rule["to"])).collect()
    };
    assert!(list(&policy["egress"]).iter().all(|rule| !list(&rule["to"]).is_empty()), "a rule lets all out");
    assert!(goes(node).iter().any(|to| selects(&to["podSelector"]["matchLabels"], labels)));
    assert_eq!(goes(53).len(), 1, "names are looked up in the cluster");
    for port in [5432, 6379] {
        assert!(goes(port).iter().all(|to| to["ipBlock"]["cidr"] != "0.0.0.0/0"), "databases are inside");
        assert!(!goes(port).is_empty());
    }
    for port in [4317, 4318] {
        assert_eq!(goes(port), [&json!({"namespaceSelector": monitoring})]);
    }
    let providers = goes(443);
    assert_eq!(providers.len(), 1);
    let inside = texts(&providers[0]["ipBlock"]["except"]);
    for own in ["10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"] {
        assert!(inside.contains(&own.to_owned()), "{own} is no provider's");
    }
}

/// The ServiceMonitor finds the nodes by one service, shows the token and trusts the authority that they have.
pub(crate) fn are_watched(objects: &Objects) {
    let monitor = &object(objects, "ServiceMonitor", "evohub")["spec"];
    let (pod, container) = pods(objects);
    let arguments = arguments(container);
    let services: Vec<_> = objects.iter().filter(|((kind, _), _)| kind == "Service").collect();
    let found = services
        .iter()
        .filter(|(_, service)| selects(&monitor["selector"]["matchLabels"], &service["metadata"]["labels"]));
    let found: Vec<_> = found.map(|((_, name), service)| (name.as_str(), service)).collect();
    assert_eq!(found.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["evohub"], "each node once");
    let label = monitor["jobLabel"].as_str().unwrap();
    assert_eq!(found[0].1["metadata"]["labels"][label], "evohub", "the job of the rules");
    let endpoints = list(&monitor["endpoints"]);
    assert_eq!(endpoints.len(), 1);
    let endpoint = &endpoints[0];
    is_served(endpoint["path"].as_str().unwrap());
    let ports = list(&found[0].1["spec"]["ports"]);
    assert!(ports.iter().any(|port| port["name"] == endpoint["port"]), "no port {}", endpoint["port"]);

    let secret = |mount: &str| {
        let volumes = list(&pod["spec"]["volumes"]);
        &volumes.iter().find(|volume| volume["name"] == mount).unwrap()["secret"]["secretName"]
    };
    if flag(&arguments, "http-certificate").is_none() {
        assert_eq!((&endpoint["scheme"], endpoint.get("authorization")), (&json!("http"), None));
        return;
    }
    assert_eq!(endpoint["scheme"], "https");
    let token = json!({"type": "Bearer", "credentials": {"name": secret("secrets"), "key": "http-token"}});
    assert_eq!(endpoint["authorization"], token);
    assert!(flag(&arguments, "http-token-file").unwrap().ends_with("/http-token"));
    let ca = json!({"secret": {"name": secret("tls"), "key": "ca.crt"}});
    assert_eq!(endpoint["tlsConfig"], json!({"serverName": "evohub", "ca": ca}));
}

#[test]
fn the_base_runs_nodes() {
    let base = kustomized(BASE);
    are_valid(&[&base]);
    are_nodes(&base);
    are_shielded(&base);
    let namespace = object(&base, "Namespace", "evohub");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    assert!(!base.keys().any(|(kind, _)| kind == "Secret"), "secrets are made elsewhere");
    let elsewhere = |(kind, _): &(String, String)| kind == "Namespace";
    for (key, object) in base.iter().filter(|(key, _)| !elsewhere(key)) {
        assert_eq!(object["metadata"]["namespace"], "evohub", "{key:?}");
    }
}

#[test]
fn the_overlay_runs_nodes_that_are_watched_and_traced() {
    let overlay = kustomized(PRODUCTION);
    are_valid(&[&overlay]);
    are_nodes(&overlay);
    are_shielded(&overlay);
    are_watched(&overlay);
    let (pod, container) = pods(&overlay);
    assert_eq!(pod["spec"]["topologySpreadConstraints"][0]["whenUnsatisfiable"], "DoNotSchedule");
    let variable = |name: &str| {
        let variables = list(&container["env"]);
        variables.iter().find(|variable| variable["name"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let endpoint = variable("OTEL_EXPORTER_OTLP_ENDPOINT")["value"].as_str().unwrap();
    assert!(endpoint.contains(".monitoring:"), "the policy lets out to there alone");
    assert!(receivers().contains(&super::port(endpoint)), "{endpoint} is no receiver of otel-collector.yml");
    assert_eq!(variable("EVOHUB_NODE_NAME")["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name");
}

/// The ports at which the collector takes traces.
pub(crate) fn receivers() -> Vec<u64> {
    let collector = &read::<Value>("otel-collector.yml")[0];
    let protocols = collector["receivers"]["otlp"]["protocols"].as_object().unwrap();
    protocols.values().map(|protocol| super::port(protocol["endpoint"].as_str().unwrap())).collect()
}
