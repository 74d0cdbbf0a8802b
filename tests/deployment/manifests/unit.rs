//! The systemd unit.

use std::collections::BTreeSet;
use std::path::Path;

use super::node::{DRAIN, is_understood, ports, words};
use crate::tool::{check, deployment};

const UNIT: &str = "systemd/evohub-node.service";
const ENVIRONMENT: &str = "systemd/node.env.example";

fn text(file: &str) -> String {
    std::fs::read_to_string(deployment().join(file)).unwrap()
}

/// The values of a key of the unit.
fn values(unit: &str, key: &str) -> Vec<String> {
    let joined = unit.replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.map(|value| words(value).join(" ")).collect()
}

/// The variables of the example.
fn variables() -> Vec<(String, String)> {
    let text = text(ENVIRONMENT);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The command line with its variables and folders filled in, and what the program reads of the environment added to it.
fn arguments() -> Vec<String> {
    let command = values(&text(UNIT), "ExecStart").remove(0);
    let mut command = command.replace("%d", "/run/credentials/evohub-node.service").replace("%L", "/var/log");
    let mut added = vec![];
    for (name, value) in variables() {
        let reference = format!("${{{name}}}");
        match name.strip_prefix("EVOHUB_") {
            Some(flag) => {
                assert!(!command.contains(&reference), "{name} is given twice");
                let flag = flag.strip_prefix("NODE_").unwrap_or(flag).to_lowercase();
                added.push(format!("--{flag}={value}"));
            }
            None => {
                assert!(command.contains(&reference), "{name} is not used");
                command = command.replace(&reference, &value);
            }
        }
    }
    assert!(!command.contains('$') && !command.contains('%'), "{command}");
    let words = words(&command);
    assert_eq!(words[0], "/usr/local/bin/evohub");
    words.into_iter().skip(1).chain(added).collect()
}

#[test]
fn a_node_is_started_as_the_program_wants_it() {
    let arguments = arguments();
    // Logs go to a file, which could not be opened here.
    let (log, arguments): (Vec<_>, Vec<_>) =
        arguments.into_iter().partition(|argument| argument.starts_with("--log-file="));
    assert_eq!(log, ["--log-file=/var/log/evohub/node.json"]);
    is_understood(&arguments);
    ports(&arguments);
    let seconds: u64 = values(&text(UNIT), "TimeoutStopSec")[0].parse().unwrap();
    assert!(seconds >= DRAIN, "{seconds} s is too short to hand over");
}

#[test]
fn the_environment_is_what_the_program_reads() {
    let mut program = super::node::program(&["node".to_owned(), "--help".to_owned()]);
    let help = String::from_utf8(program.output().unwrap().stdout).unwrap();
    let help = words(&help).join(" ");
    for (name, _) in variables().iter().filter(|(name, _)| name.starts_with("EVOHUB_")) {
        assert!(help.contains(&format!("[env: {name}=")), "the program does not read {name}");
    }
}

#[test]
fn credentials_are_those_that_are_used() {
    let unit = text(UNIT);
    let command = values(&unit, "ExecStart").remove(0);
    let used = command.split_whitespace().filter_map(|word| word.split_once("=%d/"));
    let used: BTreeSet<_> = used.map(|(_, name)| name.to_owned()).collect();
    let mut loaded = BTreeSet::new();
    for credential in values(&unit, "LoadCredential") {
        let (name, path) = credential.split_once(':').unwrap();
        assert_eq!(path, format!("/etc/evohub/secrets/{name}"));
        loaded.insert(name.to_owned());
    }
    assert_eq!(used, loaded);
}

/// The unit with the program where it stands now, and an environment that is there.
fn unit_of_here(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("evohub-node.service");
    std::fs::write(&path, text(UNIT).replace("/usr/local/bin/evohub", env!("CARGO_BIN_EXE_evohub"))).unwrap();
    path
}

#[test]
fn systemd_finds_nothing_to_complain_of() {
    let folder = tempfile::tempdir().unwrap();
    let unit = unit_of_here(folder.path());
    let told = check("systemd-analyze", ["verify".as_ref(), "--man=no".as_ref(), unit.as_os_str()]);
    assert_eq!(told, "");
}

#[test]
fn the_service_is_shut_in() {
    let folder = tempfile::tempdir().unwrap();
    let unit = unit_of_here(folder.path());
    // In tenths, of 100: what systemd calls OK ends at 20, and 16 is what a service that needs the network can reach.
    let flags = ["security", "--offline=yes", "--no-pager", "--threshold=16"].map(std::ffi::OsStr::new);
    check("systemd-analyze", flags.into_iter().chain([unit.as_os_str()]));
}
