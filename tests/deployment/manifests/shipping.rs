//! How the logs of nodes are shipped: the configuration of fluent-bit against a log of the program.

use std::collections::BTreeMap;

use serde_json::Value;

use super::node::program;
use super::{are_valid, is_pinned, kustomized, list, object};

type Section = (String, BTreeMap<String, String>);

/// The sections of a file in fluent-bit's classic form.
fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = vec![];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => sections.push((name.to_owned(), BTreeMap::new())),
            None => {
                let (key, value) = line.split_once(char::is_whitespace).unwrap_or_else(|| panic!("{line}"));
                sections.last_mut().unwrap().1.insert(key.to_owned(), value.trim().to_owned());
            }
        }
    }
    sections
}

#[test]
fn the_shipper_reads_what_nodes_write() {
    let made = kustomized("kubernetes/logging");
    are_valid(&[&made]);
    let config = object(&made, "ConfigMap", "fluent-bit");
    let [main, parsers] =
        ["fluent-bit.conf", "parsers.conf"].map(|file| sections(config["data"][file].as_str().unwrap()));
    let named =
        |name: &str| &main.iter().find(|(kind, keys)| kind == "INPUT" && keys["Name"] == name).unwrap().1;
    let tail = named("tail");
    assert_eq!(tail["multiline.parser"], "cri", "no runtime of today writes Docker's form");
    // POD_NAMESPACE_CONTAINER-ID.log
    assert_eq!(tail["Path"], "/var/log/containers/evohub-*_evohub_evohub-*.log");
    let filters: Vec<_> = main.iter().filter(|(kind, _)| kind == "FILTER").map(|(_, keys)| keys).collect();
    assert_eq!(
        filters.iter().map(|keys| keys["Name"].as_str()).collect::<Vec<_>>(),
        ["parser", "kubernetes"]
    );
    assert_eq!((filters[0]["Key_Name"].as_str(), filters[0]["Reserve_Data"].as_str()), ("log", "On"));
    for filter in filters.iter().filter(|filter| filter["Name"] == "parser") {
        assert!(
            parsers.iter().any(|(_, keys)| keys["Name"] == filter["Parser"]),
            "no parser {}",
            filter["Parser"]
        );
    }
    let parser = &parsers[0].1;
    assert_eq!(parser["Format"], "json");
    assert_eq!(parser["Time_Format"], "%Y-%m-%dT%H:%M:%S.%L%z");

    // A line as it is on the machine, cut up as the runtime does it.
    let line = line();
    let on_disk = format!(
        "2026-01-01T00:00:00.000000000Z stderr P {}\n2026-01-01T00:00:00.000000000Z stderr F {}\n",
        &line[..20],
        &line[20..]
    );
    // The pattern of fluent-bit's own parser `cri`.
    let cri = regex::Regex::new(r"(?m)^([^ ]+) (stdout|stderr) (F|P) (.*)$").unwrap();
    let joined: String = cri.captures_iter(&on_disk).map(|found| found[4].to_owned()).collect();
    assert_eq!(joined, line);
    let record: Value = serde_json::from_str(&joined).unwrap();
    let time = record[&parser["Time_Key"]].as_str().unwrap();
    let form = regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$").unwrap();
    assert!(form.is_match(time), "{time}");
}

/// A line that a process logs.
fn line() -> String {
    let folder = tempfile::tempdir().unwrap();
    let cookie = folder.path().join("cookie");
    std::fs::write(&cookie, "too short").unwrap();
    let words = [
        "node",
        "--listen=0.0.0.0:0",
        "--http=0.0.0.0:0",
        "--insecure",
        "--log-format=json",
        "--log-level=info",
    ];
    let mut arguments: Vec<String> = words.map(str::to_owned).to_vec();
    arguments.push(format!("--cookie-file={}", cookie.display()));
    arguments.push(format!("--store={}", folder.path().join("store.db").display()));
    let output = program(&arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let line = said.lines().find(|line| line.starts_with('{'));
    line.unwrap_or_else(|| panic!("it logs nothing: {said}")).to_owned()
}

#[test]
fn the_shipper_is_as_restricted_as_it_can_be() {
    let made = kustomized("kubernetes/logging");
    let set = &object(&made, "DaemonSet", "fluent-bit")["spec"];
    let pod = &set["template"]["spec"];
    let container = &pod["containers"][0];
    is_pinned(container["image"].as_str().unwrap());
    assert_eq!(set["selector"]["matchLabels"], set["template"]["metadata"]["labels"]);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    let config = object(&made, "ConfigMap", "fluent-bit");
    let mounts = list(&container["volumeMounts"]);
    let mount = mounts.iter().find(|mount| mount["name"] == "config").unwrap()["mountPath"].as_str().unwrap();
    for file in config["data"].as_object().unwrap().keys() {
        let path = format!("{mount}/{file}");
        let text = serde_json::to_string(&made.values().collect::<Vec<_>>()).unwrap();
        assert!(text.contains(&path), "nobody reads {path}");
    }
    let port = &container["ports"][0];
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], port["name"]);
    }
    let text = config["data"]["fluent-bit.conf"].as_str().unwrap();
    assert!(text.contains(&port["containerPort"].to_string()));
}
