//! The shape of the project: who may know whom, and how its files are named and cut.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates of the workspace that each may use, itself and its own tests set aside.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("evohub-charts", &[]),
    ("evohub-evolution", &[]),
    ("evohub-monitoring", &[]),
    ("evohub-cluster", &["evohub-monitoring"]),
    ("evohub-dashboards", &["evohub-charts", "evohub-monitoring"]),
    ("evohub-llm", &["evohub-monitoring"]),
    ("evohub-store", &["evohub-evolution", "evohub-monitoring"]),
    ("evohub-evaluation", &["evohub-evolution", "evohub-llm", "evohub-monitoring"]),
    (
        "evohub-actors",
        &[
            "evohub-cluster",
            "evohub-evaluation",
            "evohub-evolution",
            "evohub-llm",
            "evohub-monitoring",
            "evohub-store",
        ],
    ),
    (
        "evohub",
        &[
            "evohub-actors",
            "evohub-charts",
            "evohub-cluster",
            "evohub-dashboards",
            "evohub-evaluation",
            "evohub-evolution",
            "evohub-llm",
            "evohub-monitoring",
            "evohub-store",
        ],
    ),
];

/// Crates that do what the pure core must not: wait, talk and remember.
const IMPURE: [&str; 10] =
    ["async-std", "hyper", "mio", "ractor", "redis", "reqwest", "rusqlite", "socket2", "sqlx", "tokio"];

/// Where each technology lives.
const HOMES: [(&str, &[&str]); 12] = [
    ("sqlx", &["evohub-store"]),
    ("redis", &["evohub-store"]),
    ("ractor", &["evohub-actors", "evohub-cluster"]),
    ("ractor_cluster", &["evohub-cluster"]),
    ("prost", &["evohub-cluster"]),
    ("socket2", &["evohub-cluster"]),
    ("genai", &["evohub-llm"]),
    ("tracing-subscriber", &["evohub-monitoring"]),
    ("prometheus-client", &["evohub-monitoring"]),
    ("opentelemetry", &["evohub-monitoring"]),
    ("opentelemetry-otlp", &["evohub-monitoring"]),
    ("hyper", &["evohub-monitoring"]),
];

/// Most lines of a file before its tests.
const MOST_LINES: usize = 500;

/// Names of files that say nothing about what is in them.
const EMPTY_NAMES: [&str; 7] = ["mod", "utils", "util", "common", "helpers", "helper", "misc"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cargo(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

/// The crates of the workspace, each with its dependencies; those for tests and builds only on the right.
fn packages() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: Value = serde_json::from_str(&text).expect("metadata is JSON");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let (normal, other): (Vec<_>, Vec<_>) =
                dependencies.iter().partition(|dependency| dependency["kind"].is_null());
            let names = |dependencies: Vec<&Value>| dependencies.into_iter().map(name).collect();
            (name(package), (names(normal), names(other)))
        })
        .collect()
}

#[test]
fn crates_know_only_whom_they_may() {
    let packages = packages();
    let listed: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let members: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    assert_eq!(members, listed, "every member says here whom it may use");
    for (name, allowed) in MAY_USE {
        let (normal, other) = &packages[name];
        for used in normal.iter().filter(|used| members.contains(used.as_str())) {
            assert!(allowed.contains(&used.as_str()), "{name} may not use {used}");
        }
        // A crate may use itself in its tests, to turn a feature on; so may it use those that it may use anyway.
        for used in other.iter().filter(|used| members.contains(used.as_str())) {
            assert!(used == name || allowed.contains(&used.as_str()), "{name} may not use {used} in tests");
        }
    }
}

#[test]
fn each_technology_has_one_home() {
    for (name, (normal, _)) in packages() {
        for (technology, homes) in HOMES {
            if normal.contains(technology) {
                assert!(
                    homes.contains(&name.as_str()),
                    "{technology} is at home in {homes:?}, not in {name}"
                );
            }
        }
    }
}

#[test]
fn the_core_is_pure() {
    let tree = cargo(&[
        "tree",
        "--package",
        "evohub-evolution",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--offline",
    ]);
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("serde"), "{tree}");
    for impure in IMPURE {
        assert!(!names.contains(impure), "the core depends on {impure}:\n{tree}");
    }
}

/// All source files of the project.
fn sources() -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 100, "only {} files were found", found.len());
    found.sort();
    found
}

#[test]
fn files_are_short() {
    let mut too_long = vec![];
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source can be read");
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        if lines > MOST_LINES {
            too_long.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert!(too_long.is_empty(), "cut these where two nouns meet:\n{}", too_long.join("\n"));
}

#[test]
fn files_have_names_that_say_something() {
    for path in sources() {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        assert!(!EMPTY_NAMES.contains(&name), "{} says nothing about what is in it", path.display());
    }
}
