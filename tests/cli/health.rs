//! What a process says of itself, as the exit status that probes look at.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::folder::Folder;

/// Nothing here takes this long.
const LONG: Duration = Duration::from_secs(60);

/// A node of its own that serves its health over TLS, with all secrets in files. Dropped, it is killed.
struct Node {
    process: std::process::Child,
    address: String,
}

impl Node {
    fn start(folder: &Folder) -> Self {
        folder.write("cookie", "a-cookie-of-some-length\n");
        folder.write("store", &format!("{}\n", folder.store().display()));
        folder.run(&["cluster", "certs", "certificates", "a,localhost"]).done();
        let mut command = folder.command(&["node", "--name", "a", "--listen", "127.0.0.1:0"]);
        command
            .env_remove("EVOHUB_STORE")
            .args(["--store-file", "store", "--cookie-file", "cookie", "--http", "127.0.0.1:0"])
            .args(["--http-certificate", "certificates/a.pem", "--http-key", "certificates/a.key"])
            .stderr(std::process::Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut text = String::new();
        let address = loop {
            assert!(said.read_line(&mut text).unwrap() > 0, "it has ended: {text}");
            if let Some(port) = text.trim_end().rsplit_once("listening at https://127.0.0.1:") {
                break format!("https://localhost:{}", port.1);
            }
        };
        // Nobody waits for who listens no more.
        std::thread::spawn(move || said.read_to_end(&mut vec![]));
        Self { process, address }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_node_lives_and_becomes_ready() {
    let folder = Folder::new();
    let node = Node::start(&folder);
    let ask = |more: &[&str]| {
        let trusted = ["health", &node.address, "--ca-file", "certificates/authority.pem"];
        folder.run(&[&trusted, more].concat())
    };
    assert_eq!(ask(&["--live"]).done().stdout, "alive\n");
    let start = Instant::now();
    while ask(&[]).code != Some(0) {
        assert!(start.elapsed() < LONG, "it never becomes ready: {:?}", ask(&[]));
    }
    assert_eq!(ask(&[]).done().stdout, "ready\n");
    assert!(folder.store().exists(), "the store is that of the file");

    let stranger = folder.run(&["health", &node.address]);
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    assert!(stranger.stderr.contains("--ca-file"), "{stranger:?}");
}

/// Answers one request, and tells its first line.
fn answered(status: u16, body: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let asked = lines.next().unwrap().unwrap();
        for line in lines {
            if line.unwrap().is_empty() {
                break;
            }
        }
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        asked
    });
    (address, server)
}

#[test]
fn a_process_that_is_not_ready_fails_the_probe() {
    let folder = Folder::new();
    let (address, server) = answered(503, r#"{"status": "not_ready", "reason": "the service drains"}"#);
    let told = folder.run(&["health", &address]);
    assert_eq!(server.join().unwrap(), "GET /health/ready HTTP/1.1");
    assert_eq!((told.code, &*told.stdout), (Some(1), ""), "{told:?}");
    assert_eq!(told.stderr, format!("error: {address} is not ready: the service drains\n"));

    let (address, server) = answered(503, r#"{"status": "stuck"}"#);
    let told = folder.run(&["health", "--live", &address]);
    assert_eq!(server.join().unwrap(), "GET /health/live HTTP/1.1");
    assert_eq!((told.code, told.stderr), (Some(1), format!("error: {address} is stuck\n")));
}

#[test]
fn who_says_nothing_of_health_fails_the_probe() {
    let folder = Folder::new();
    for (status, body) in [(404, "not found"), (200, "<html></html>")] {
        let (address, server) = answered(status, body);
        let told = folder.run(&["health", &address]);
        server.join().unwrap();
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(told.stderr.contains("is an evohub process at this address?"), "{told:?}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let told = folder.run(&["health", &gone]);
    assert_eq!(
        (told.code, told.stderr),
        (Some(1), format!("error: no answer from {gone}: connection refused\n"))
    );
}

#[test]
fn a_file_without_an_address_is_bad_input() {
    let folder = Folder::new();
    folder.write("empty", " \n");
    folder.write("cookie", "a-cookie-of-some-length");
    for (arguments, problem) in [
        (&["jobs", "--store-file", "none"][..], "the store file none cannot be read"),
        (&["jobs", "--store-file", "empty"], "the store file empty is empty"),
        (
            &["node", "--cookie-file", "cookie", "--listen", "127.0.0.1:0", "--redis-file", "empty"],
            "the Redis file empty is empty",
        ),
    ] {
        let mut command = folder.command(arguments);
        if arguments.contains(&"--store-file") {
            command.env_remove("EVOHUB_STORE");
        }
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(problem), "{told}");
    }
    // Which of the two is meant?
    let both = folder.run(&["jobs", "--store-file", "empty"]);
    assert_eq!(both.code, Some(2), "{both:?}");
    assert!(both.stderr.contains("cannot be used with"), "{both:?}");
}
