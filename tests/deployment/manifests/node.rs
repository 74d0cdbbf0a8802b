//! The command line of a node, as files give it.

use std::process::{Command, Stdio};

use evohub::monitoring::listener::Routes;

use super::{flag, port};

/// How long a node may take to hand over its work: 90 s for jobs and islands, 60 for evaluations of others, 90 for the
/// actors, 6 for the last logs and spans.
pub(crate) const DRAIN: u64 = 246;

/// The program by itself, with nothing of this machine's settings.
pub(crate) fn program(arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evohub"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("EVOHUB_") || name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Whether the program understands a command line: it does when all that it says against it is that the first of the
/// secrets is not there.
pub(crate) fn is_understood(arguments: &[String]) {
    let missing = flag(arguments, "store-file").expect("the store is in a file, for its password");
    let output = program(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
    assert!(told.contains(&format!("the store file {missing} cannot be read")), "{arguments:?}: {told}");
}

/// What all nodes have in common, however they are started: the ports for nodes and for Prometheus.
pub(crate) fn ports(arguments: &[String]) -> (u64, u64) {
    assert_eq!(arguments[0], "node");
    let (listen, http) = (flag(arguments, "listen").unwrap(), flag(arguments, "http").unwrap());
    for address in flag(arguments, "join").unwrap().split(',') {
        assert_eq!(port(address), port(listen), "{address} is no port of a node");
    }
    (port(listen), port(http))
}

/// The words of a command line that a shell would make of it; there are no quotes in it.
pub(crate) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Fails for a path that the listener does not serve.
pub(crate) fn is_served(path: &str) {
    assert!(Routes::knows(path), "nothing is served at {path}");
}
