//! Files that start evohub: they are valid, agree with each other, and say what the program understands.

mod chart;
mod compose;
mod image;
mod kubernetes;
mod node;
mod rules;
mod shipping;
mod stack;
mod unit;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::tool::{check, deployment, yaml};

/// The address of a port of this machine, in a command line.
fn port(address: &str) -> u64 {
    address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or_else(|| panic!("{address}"))
}

/// The entries of a list; a missing list is empty.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The texts of a list.
fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(|text| text.as_str().unwrap_or_else(|| panic!("{text}")).to_owned()).collect()
}

/// The value of `--NAME=VALUE` among arguments.
fn flag<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    arguments.iter().find_map(|argument| argument.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
}

/// Objects of Kubernetes by kind and name.
type Objects = BTreeMap<(String, String), Value>;

fn objects(what: &str, text: &str) -> Objects {
    let mut objects = Objects::new();
    for object in yaml::<Value>(what, text).into_iter().filter(|object| !object.is_null()) {
        let text = |pointer: &str| {
            let text = object.pointer(pointer).and_then(Value::as_str);
            text.unwrap_or_else(|| panic!("{what}: no {pointer} in {object:#}")).to_owned()
        };
        let key = (text("/kind"), text("/metadata/name"));
        assert!(objects.insert(key.clone(), object).is_none(), "{what}: two of {key:?}");
    }
    objects
}

fn object<'a>(objects: &'a Objects, kind: &str, name: &str) -> &'a Value {
    let key = (kind.to_owned(), name.to_owned());
    objects.get(&key).unwrap_or_else(|| panic!("no {kind} {name} among {:?}", objects.keys()))
}

/// What a folder of kustomize makes.
fn kustomized(folder: &str) -> Objects {
    objects(folder, &check("kubectl", ["kustomize".as_ref(), deployment().join(folder).as_os_str()]))
}

/// Checks renderings strictly against the schema of Kubernetes. Kinds of others, which it does not know, are left out.
fn are_valid(renderings: &[&Objects]) {
    let objects = renderings.iter().flat_map(|objects| objects.values());
    let of_kubernetes = objects.filter(|object| object["apiVersion"] != "monitoring.coreos.com/v1");
    let folder = tempfile::tempdir().unwrap();
    for (number, object) in of_kubernetes.enumerate() {
        // JSON is YAML, too.
        let path = folder.path().join(format!("{number}.yaml"));
        std::fs::write(&path, serde_json::to_string(object).unwrap()).unwrap();
    }
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let told = check(
        "kubernetes-validate",
        ["--strict".as_ref()].into_iter().chain(files.iter().map(|file| file.as_os_str())),
    );
    assert!(!told.contains("WARN"), "{told}");
}

/// Fails for an image that is not of one version.
fn is_pinned(image: &str) {
    let (name, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no version"));
    assert!(!name.is_empty() && tag.chars().any(|c| c.is_ascii_digit()), "{image} has no version");
}

/// All files of the folder that operators get, with their text.
fn files() -> Vec<(std::path::PathBuf, String)> {
    fn walk(folder: &Path, files: &mut Vec<(std::path::PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // What make-secrets makes is no part of it.
            if path.is_dir() && !path.ends_with("secrets") {
                walk(&path, files);
            } else if path.is_file() && !path.ends_with(".env") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    let mut files = vec![];
    walk(&deployment(), &mut files);
    files
}

#[test]
fn no_file_holds_a_secret() {
    let shapes = [
        r"-----BEGIN [A-Z ]*PRIVATE KEY",
        r"\bsk-[A-Za-z0-9_-]{16}",
        r"hooks\.slack\.com/services/T",
        r"\bAKIA[0-9A-Z]{16}\b",
        r"\b[0-9a-f]{40,}\b",
        // A password in an address, but for those that a script puts in and those that show where one goes.
        r"://[a-z_]*:[^%\s/@:$]+@",
    ];
    for (path, text) in files() {
        for shape in shapes {
            let found = regex::Regex::new(shape).unwrap().find(&text).map(|found| found.as_str().to_owned());
            let found = found.filter(|found| !found.contains("PASSWORD"));
            assert_eq!(found, None, "{} holds what looks like a secret", path.display());
        }
    }
}
