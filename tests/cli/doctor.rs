//! What `evohub doctor` finds, with servers that are there and that are not.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::folder::{Folder, Outcome, films};
use crate::server::Server;
use crate::stable;

/// In all secrets of these tests.
const SECRET: &str = "hunter2";

/// The findings of a check: status, what was found, and what to do.
fn found(document: &Value, check: &str) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().unwrap();
    let of_check = findings.iter().filter(|finding| finding["check"] == check);
    of_check
        .map(|finding| (text(&finding["status"]), text(&finding["found"]), text(&finding["advice"])))
        .collect()
}

/// That a check has a finding of this status which says this, and gives advice that says that.
#[track_caller]
fn finds(outcome: &Outcome, check: &str, status: &str, said: &str, advice: &str) {
    let found = found(&outcome.json(), check);
    let fits = |(is, what, to_do): &(String, String, String)| {
        is == status && what.contains(said) && to_do.contains(advice)
    };
    assert!(found.iter().any(fits), "no {status} {said:?} with {advice:?}: {found:#?}");
}

/// What a user reads, but for what depends on the machine.
fn read(folder: &Folder, text: &str) -> String {
    let of_machine = |line: &&str| {
        !line.contains("  disk  ")
            && !line.contains("  descriptors  ")
            && !line.trim_start().starts_with("→ free some")
    };
    let text: Vec<&str> = text.lines().filter(of_machine).collect();
    let text = stable(folder, &text.join("\n"));
    regex::Regex::new(r"\d+ problems?, \d+ warnings?, \d+ ok")
        .unwrap()
        .replace(&text, "[COUNTS]")
        .into_owned()
}

fn secret(folder: &Folder, name: &str, text: &str) {
    folder.write(name, text);
    std::fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_job_that_can_be_run_is_in_order() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let outcome = folder.run(&["doctor", "job.toml"]).done();
    insta::assert_snapshot!(read(&folder, &outcome.stdout));
    assert!(server.requests().iter().all(|asked| asked.model.is_empty()), "no model is called");
    let before = folder.names();
    let json = folder.run(&["doctor", "job.toml", "--json"]).done().json();
    assert_eq!((&json["version"], &json["problems"]), (&1.into(), &0.into()));
    let mut checks: Vec<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    checks.dedup();
    let all = [
        "configuration",
        "ports",
        "clock",
        "database",
        "migrations",
        "redis",
        "providers",
        "certificates",
        "cluster",
        "scrape",
        "prometheus",
        "export",
        "disk",
        "descriptors",
        "logs",
    ];
    assert_eq!(checks, all, "each check says something, in its order");
    assert_eq!(folder.names(), before);
}

#[test]
fn nothing_is_made_where_nothing_is() {
    let folder = Folder::new();
    let outcome = folder.run(&["doctor", "--log-file", "logs/evohub.log", "--json"]).done();
    finds(&outcome, "database", "ok", "is not there yet", "");
    finds(&outcome, "migrations", "ok", "no tables yet", "");
    finds(&outcome, "logs", "ok", "can be written", "");
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

#[test]
fn a_store_is_read_as_it_is_and_another_program_s_is_known() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    folder.run(&["run", "job.toml", "-q"]).done();
    let (before, bytes) = (folder.names(), std::fs::read(folder.store()).unwrap());
    let outcome = folder.run(&["doctor", "--json"]).done();
    finds(&outcome, "migrations", "ok", "in date", "");
    assert!(
        folder.names() == before && std::fs::read(folder.store()).unwrap() == bytes,
        "nothing is changed"
    );
    folder
        .write("store.db", "no database of any kind, and long enough to be read as one".repeat(20).as_str());
    let outcome = folder.run(&["doctor", "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(!found(&outcome.json(), "database").is_empty());
}

#[test]
fn a_key_that_is_missing_is_named() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let setting = "providers.lab.key_env=LAB_KEY";
    let outcome = folder.run(&["doctor", "job.toml", "--set", setting, "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("LAB_KEY"), "{outcome:?}");
    let outcome = folder
        .command(&["doctor", "job.toml", "--set", setting, "--json"])
        .env("LAB_KEY", SECRET)
        .output()
        .unwrap();
    let outcome = Outcome::from(outcome).done();
    finds(&outcome, "providers", "ok", "a key in the environment variable LAB_KEY", "");
    assert!(!outcome.stdout.contains(SECRET));
    assert!(server.requests().iter().all(|asked| asked.key.is_empty()), "the key is not sent");
}

#[test]
fn servers_that_are_away_are_problems_and_no_secret_is_told() {
    let folder = Folder::new();
    secret(&folder, "cookie", &format!("{SECRET}-and-as-long-as-it-must-be"));
    folder.write("token", &format!("{SECRET}-is-a-token-for-all"));
    let output = folder
        .command(&["doctor", "--cookie-file", "cookie", "--join", "127.0.0.1:1", "--json"])
        .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--http-token-file", "token"])
        .args(["--prometheus", "http://127.0.0.1:1", "--otlp-endpoint", "http://127.0.0.1:1"])
        .env("EVOHUB_STORE", format!("postgres://ann:{SECRET}@127.0.0.1:1/evohub"))
        .env("EVOHUB_REDIS", format!("redis://ann:{SECRET}@127.0.0.1:1/"))
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer {SECRET}"))
        .output()
        .unwrap();
    let outcome = Outcome::from(output);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    finds(&outcome, "database", "problem", "@127.0.0.1:1/evohub cannot be reached", "server runs");
    finds(&outcome, "migrations", "not_applicable", "could not be asked", "");
    finds(&outcome, "redis", "problem", "@127.0.0.1:1/ cannot be used", "EVOHUB_REDIS");
    finds(&outcome, "cluster", "warning", "127.0.0.1:1: nobody listens there", "start the nodes");
    finds(&outcome, "prometheus", "problem", "127.0.0.1:1", "whether it runs");
    finds(&outcome, "export", "problem", "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL");
    finds(&outcome, "configuration", "problem", "the token file token can be read by others", "chmod 600");
    assert!(!format!("{outcome:?}").contains(SECRET), "{outcome:?}");
}

#[test]
fn what_cannot_be_is_said_of_a_node() {
    let folder = Folder::new();
    folder.write("cookie", "a secret that is long enough");
    let node = ["doctor", "--cookie-file", "cookie", "--json", "--listen"];
    let outcome = folder.run(&[&node[..], &["0.0.0.0:0"]].concat());
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    finds(&outcome, "configuration", "problem", "can be reached from other machines", "give certificate");
    finds(&outcome, "configuration", "warning", "can be read by others", "chmod 600 cookie");
    finds(&outcome, "database", "problem", "for one process alone", "postgres://");
    folder.write("cookie", "short");
    finds(
        &folder.run(&[&node[..], &["127.0.0.1:0"]].concat()),
        "configuration",
        "problem",
        "5 characters",
        "openssl",
    );
    std::fs::remove_file(folder.path().join("cookie")).unwrap();
    finds(
        &folder.run(&[&node[..], &["127.0.0.1:0"]].concat()),
        "configuration",
        "problem",
        "cookie",
        "openssl",
    );
}

#[test]
fn a_port_that_another_program_holds_is_a_problem() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    std::thread::spawn(move || held.incoming().for_each(drop));
    let folder = Folder::new();
    secret(&folder, "cookie", "a secret that is long enough");
    let outcome = folder.run(&[
        "doctor",
        "--cookie-file",
        "cookie",
        "--listen",
        &address,
        "--http",
        &address,
        "--json",
    ]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    finds(&outcome, "ports", "problem", &format!("{address}, for nodes, is taken"), "--listen");
    finds(&outcome, "ports", "problem", &format!("{address}, for metrics and health, is taken"), "--http");
    finds(&outcome, "cluster", "problem", &address, "");
}

#[test]
fn certificates_are_good_for_their_name_and_time() {
    let folder = Folder::new();
    secret(&folder, "cookie", "a secret that is long enough");
    folder.run(&["cluster", "certs", "made", "a", "client"]).done();
    let node = ["doctor", "--cookie-file", "cookie", "--listen", "127.0.0.1:0", "--json"];
    let tls = |name: &str, of: &str| {
        let files = [format!("{of}.pem"), format!("{of}.key")];
        let [certificate, key] = files.each_ref().map(String::as_str);
        let authority = of.split_once('/').map_or("made", |(folder, _)| folder).to_owned() + "/authority.pem";
        let arguments =
            ["--name", name, "--tls-certificate", certificate, "--tls-key", key, "--tls-authority"];
        folder.run(&[&node[..], &arguments, &[&authority]].concat())
    };
    let outcome = tls("a", "made/a");
    finds(&outcome, "certificates", "ok", "that of node `a` comes from made/authority.pem", "");
    finds(&outcome, "certificates", "ok", "that of node `a` is good for 364 days", "");
    finds(&outcome, "cluster", "not_applicable", "is not good for `client`", "");
    finds(&tls("b", "made/a"), "certificates", "problem", "is not good for `b`", "cluster certs");
    expired(&folder);
    let outcome = tls("a", "expired/a");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    finds(&outcome, "certificates", "problem", "expired 5 days ago", "replace it");
    finds(&outcome, "certificates", "problem", "it has expired", "authority");
    std::fs::copy(folder.path().join("made/client.key"), folder.path().join("expired/a.key")).unwrap();
    finds(&tls("a", "expired/a"), "certificates", "problem", "expired/a.pem cannot be used", "");
}

/// Certificates of an authority of their own whose time is over, in a folder `expired`.
fn expired(folder: &Folder) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let days = |days: u64| Duration::from_secs(days * 24 * 3600 + 60);
    let parameters = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.not_before = (SystemTime::now() - days(100)).into();
        parameters.not_after = (SystemTime::now() - days(5)).into();
        parameters
    };
    let mut authority = parameters(&[]);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = parameters(&["a"]).signed_by(&key, &authority).unwrap();
    std::fs::create_dir(folder.path().join("expired")).unwrap();
    folder.write("expired/authority.pem", &authority.pem());
    folder.write("expired/a.pem", &certificate.pem());
    secret(folder, "expired/a.key", &key.serialize_pem());
}

#[test]
fn bad_usage_is_told_from_problems() {
    let folder = Folder::new();
    for arguments in [
        &["doctor", "--prometheus", "ftp://127.0.0.1"][..],
        &["doctor", "--store", "redis://127.0.0.1"],
        &["doctor", "--client-certificate", "a.pem"],
        &["doctor", "--no-such-option"],
    ] {
        let outcome = folder.run(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
    }
}
