//! What `make-secrets` makes, and three nodes that are started with it as `compose.yml` says: by its arguments, with its
//! secrets and probes, against a real PostgreSQL and a real Redis. Names of machines and ports alone are others.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::compose::{compose, nodes, secrets};
use super::node::program;
use super::texts;
use crate::tool::deployment;

/// Nothing here takes this long.
const LONG: Duration = Duration::from_secs(120);

/// A copy of what is needed of the folder, with secrets made in it.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in ["make-secrets", ".env.example"] {
            std::fs::copy(deployment().join(file), folder.path().join(file)).unwrap();
        }
        Self(folder)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Runs the script, which finds the program on the path.
    fn make(&self) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_evohub")).parent().unwrap();
        let path = std::env::join_paths(
            [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        Command::new(self.path("make-secrets")).env("PATH", path.unwrap()).output().unwrap()
    }

    fn made() -> Self {
        let copy = Self::new();
        let output = copy.make();
        assert!(output.status.success(), "{output:?}");
        copy
    }
}

#[test]
fn secrets_are_made_once_and_for_those_who_need_them() {
    let copy = Copy::made();
    let compose = compose();
    let declared = compose["secrets"].as_object().unwrap().values();
    for file in declared.map(|secret| secret["file"].as_str().unwrap()) {
        assert!(copy.path(file).is_file(), "make-secrets makes no {file}");
    }
    let mode = |file: &str| std::fs::metadata(copy.path(file)).unwrap().permissions().mode() & 0o777;
    // The folder keeps out whom the files would let in.
    assert_eq!(mode("secrets"), 0o700);
    for (_, node) in nodes(&compose) {
        for (inside, file) in secrets(&compose, node) {
            let is_public = file.ends_with(".pem");
            assert_eq!(mode(&file), if is_public { 0o644 } else { 0o600 }, "{inside}");
        }
    }
    assert_eq!(mode("secrets/postgres-password"), 0o644, "the image has a user of its own");
    let read = |file: &str| copy.read(&format!("secrets/{file}"));
    assert!(read("nodes/store").contains(&format!(":{}@", read("postgres-evohub-password"))));
    assert!(read("nodes/redis").contains(&format!(":{}@", read("redis-password"))));
    assert_eq!(read("redis.conf"), format!("requirepass {}\n", read("redis-password")));
    assert_eq!(read("nodes/http-token"), read("scrape-token"));
    let passwords: Value = serde_json::from_str(&read("redis-exporter.json")).unwrap();
    let exporter = &compose["services"]["redis-exporter"]["environment"];
    assert_eq!(passwords[exporter["REDIS_ADDR"].as_str().unwrap()], read("redis-password"));
    let settings = copy.read(".env");
    let user = settings.lines().find_map(|line| line.strip_prefix("EVOHUB_UID=")).unwrap();
    assert_ne!(user, "0", "nodes do not run as root");

    let again = copy.make();
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && told.contains("there is a folder secrets/ already"), "{told}");
    assert_eq!(std::fs::read_dir(copy.0.path()).unwrap().count(), 4, "nothing else is left behind");
}

/// A database that nobody else uses.
struct Database {
    server: String,
    name: String,
}

impl Database {
    fn new() -> Self {
        let server = server("EVOHUB_TEST_POSTGRES");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let database = Self { server, name: format!("deployment_{}_{now}", std::process::id()) };
        database.run(&format!("CREATE DATABASE {}", database.name));
        database
    }

    fn url(&self) -> String {
        let (server, rest) = self.server.rsplit_once('/').unwrap();
        let parameters = rest.split_once('?').map_or_else(String::new, |(_, rest)| format!("?{rest}"));
        format!("{server}/{}{parameters}", self.name)
    }

    fn run(&self, statement: &str) {
        crate::tool::check("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, &self.server]);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} names no server: run the tests by scripts/test, or start one by eval \"$(scripts/servers \
             start FOLDER)\""
        )
    })
}

/// A node as a service of the file starts it. Dropped, it is killed.
struct Node {
    name: String,
    child: Child,
    /// What the health check of the file runs.
    probe: Vec<String>,
    at: String,
    errors: PathBuf,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    fn is_well(&mut self) -> bool {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!(
                "{} has ended with {status}: {}",
                self.name,
                std::fs::read_to_string(&self.errors).unwrap()
            );
        }
        program(&self.probe).output().unwrap().status.success()
    }
}

/// Starts the nodes of the file.
fn start(copy: &Copy, compose: &Value) -> Vec<Node> {
    // All are held until all are known.
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let held: Vec<_> = nodes(compose).into_iter().map(|(name, node)| (name, node, free(), free())).collect();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port().to_string();
    let names: BTreeMap<_, _> = held
        .iter()
        .map(|(name, _, peers, _)| (format!("{name}:7301"), format!("127.0.0.1:{}", port(peers))))
        .collect();
    let services: Vec<_> = held
        .iter()
        .map(|(name, service, peers, http)| ((*name).clone(), *service, port(peers), port(http)))
        .collect();
    drop(held);

    let mut started = vec![];
    for (name, service, peers, http) in services {
        let files = secrets(compose, service);
        let here = |word: &String| {
            let mut word = word.clone();
            for (inside, file) in &files {
                word = match word.strip_suffix(inside.as_str()) {
                    Some(before) => format!("{before}{}", copy.path(file).display()),
                    None => word,
                };
            }
            for (there, here) in &names {
                word = word.replace(there, here);
            }
            word.replace("0.0.0.0:7301", &format!("127.0.0.1:{peers}"))
                .replace("0.0.0.0:8080", &format!("127.0.0.1:{http}"))
                .replace("localhost:8080", &format!("localhost:{http}"))
        };
        let arguments: Vec<String> = texts(&service["command"]).iter().map(here).collect();
        let probe: Vec<String> = texts(&service["healthcheck"]["test"])[2..].iter().map(here).collect();
        let advertised = here(&service["environment"]["EVOHUB_ADVERTISE"].as_str().unwrap().to_owned());
        let errors = copy.path(&format!("{name}.log"));
        let child = program(&arguments)
            .env("EVOHUB_NODE_NAME", &name)
            .env("EVOHUB_ADVERTISE", &advertised)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        started.push(Node { name, child, probe, at: advertised, errors });
    }
    started
}

#[test]
fn nodes_run_as_the_compose_file_has_them() {
    let copy = Copy::made();
    let database = Database::new();
    // The addresses of this run; all else stays as it was made.
    for (file, address) in [("store", database.url()), ("redis", server("EVOHUB_TEST_REDIS"))] {
        std::fs::write(copy.path(&format!("secrets/nodes/{file}")), format!("{address}\n")).unwrap();
    }
    let compose = compose();
    let mut nodes = start(&copy, &compose);
    let began = Instant::now();
    let until = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        while !is_so() {
            assert!(began.elapsed() < LONG, "never: {what}");
        }
    };
    for node in &mut nodes {
        until("the probe finds the node well", &mut || node.is_well());
    }

    // A client from outside, with its own certificate, by way of one of them.
    let file = |name: &str| copy.path(&format!("secrets/{name}")).display().to_string();
    let mut arguments =
        vec!["status".to_owned(), "--json".to_owned(), "--to".to_owned(), nodes[1].at.clone()];
    for (flag, name) in [
        ("--cookie-file", "nodes/cookie"),
        ("--tls-certificate", "certificates/client.pem"),
        ("--tls-key", "certificates/client.key"),
        ("--tls-authority", "certificates/authority.pem"),
    ] {
        arguments.extend([flag.to_owned(), file(name)]);
    }
    until("all see each other", &mut || {
        let output = program(&arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let alive = super::list(&status["nodes"]).iter().filter(|node| node["state"] == "alive");
        alive.count() == nodes.len()
    });

    // Prometheus, with its copy of the token; nobody without.
    for node in &nodes {
        let (address, authority) = (node.probe[1].clone(), file("certificates/authority.pem"));
        let look = |more: &[String]| {
            let words = ["top", "--json", &address, "--ca-file", &authority].map(str::to_owned);
            program(&[&words[..], more].concat()).output().unwrap()
        };
        // The program is stricter with its own files than Prometheus is: it may be read by all.
        let seen = look(&["--token-file".to_owned(), file("scrape-token")]);
        assert!(seen.status.success(), "{seen:?}");
        let figures: Value = serde_json::from_slice(&seen.stdout).unwrap();
        assert_eq!(figures["health"]["status"], "healthy", "{figures:#}");
        assert!(!look(&[]).status.success(), "metrics are for those with the token");
    }

    // As `docker stop` ends them: one after the other they hand over and end well.
    for node in &mut nodes {
        let id = Pid::from_raw(i32::try_from(node.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        let status = node.child.wait().unwrap();
        assert!(status.success(), "{}: {status}", node.name);
        let log = std::fs::read_to_string(&node.errors).unwrap();
        assert!(log.lines().any(|line| serde_json::from_str::<Value>(line).is_ok()), "logs are JSON: {log}");
        for secret in ["nodes/cookie", "nodes/http-token"] {
            assert!(!log.contains(copy.read(&format!("secrets/{secret}")).trim()), "{secret} is in the log");
        }
    }
}
