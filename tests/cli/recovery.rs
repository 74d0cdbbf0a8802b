//! Jobs that are interrupted, stopped and killed, and go on as if nothing had been.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;
use std::time::{Duration, Instant};

use evohub::store::JobId;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::folder::{Folder, Outcome, films};
use crate::server::{Asked, Reply, Server};

/// Nothing in these tests takes this long.
const LONG: Duration = Duration::from_secs(60);

/// Answers so many requests, and the others when the gate opens.
fn gated(answered: usize) -> impl Fn(&Asked) -> Reply {
    move |asked| match films(asked) {
        Reply::Text(text) if asked.number >= answered => Reply::Wait(text),
        reply => reply,
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The result of a job that nothing disturbed, and how often the server was asked for it.
fn undisturbed() -> (Value, usize) {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let result = folder.run(&["run", "job.toml", "--json"]).done().json();
    (result, server.count())
}

/// That the resumed job came to the same end, and that the server was asked no more often.
fn assert_same_end(folder: &Folder, server: &Server, job: &str, asked_in_vain: usize) {
    let (expected, count) = undisturbed();
    let result = folder.run(&["resume", job, "--json"]).done().json();
    for key in ["best", "seed", "p_value", "evaluations", "candidates_born", "model_calls"] {
        assert_eq!(result[key], expected[key], "{key}");
    }
    assert_eq!(server.count() - asked_in_vain, count, "nothing is paid for twice");
}

/// The next event of a kind, and the job that it is of.
fn wait_for_event(events: &mut impl Iterator<Item = std::io::Result<String>>, kind: &str) -> Value {
    let parsed = events.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut found = parsed.filter(|event| event["kind"] == kind);
    found.next().unwrap_or_else(|| panic!("there was no event `{kind}`"))
}

#[test]
fn an_interrupted_job_says_how_to_go_on_and_goes_on() {
    let server = Server::start(gated(60));
    let folder = Folder::with_job(&server);
    let mut child = folder.start(&["run", "job.toml", "--events"]);
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = wait_for_event(&mut events, "started");
    let job = started["job"].as_str().unwrap();
    server.wait_for(61);
    signal(&child, Signal::INT);
    wait_for_event(&mut events, "stopping");
    server.open_gate();
    let ended = wait_for_event(&mut events, "ended");
    assert_eq!(ended["status"], "stopped");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let command = format!("evohub resume {job} --store sqlite:{}", folder.store().display());
    assert!(stderr.contains(&command), "{stderr}");
    assert_eq!(folder.run(&["jobs", "--json"]).done().json()[0]["status"], "stopped");
    assert_same_end(&folder, &server, job, 0);
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let server = Server::start(gated(60));
    let folder = Folder::with_job(&server);
    let mut child = folder.start(&["run", "job.toml", "--events"]);
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    server.wait_for(61);
    signal(&child, Signal::INT);
    wait_for_event(&mut events, "stopping");
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn another_process_can_stop_a_job() {
    let server = Server::start(gated(60));
    let folder = Folder::with_job(&server);
    let mut child = folder.start(&["run", "job.toml", "--events"]);
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = wait_for_event(&mut events, "started");
    let job = started["job"].as_str().unwrap();
    server.wait_for(61);
    assert_eq!(folder.run(&["jobs", "--json"]).done().json()[0]["status"], "running");
    let resumed = folder.run(&["resume", job]);
    assert_eq!(resumed.code, Some(2), "it is run already: {resumed:?}");
    folder.run(&["stop", "films"]).done();
    wait_for_event(&mut events, "stopping");
    server.open_gate();
    wait_for_event(&mut events, "ended");
    let outcome: Outcome = child.wait_with_output().unwrap().into();
    assert_eq!(outcome.code, Some(130), "{outcome:?}");
    let again = folder.run(&["stop", "films"]).done();
    assert!(again.stderr.contains("is not running: stopped"), "{again:?}");
    assert_same_end(&folder, &server, job, 0);
}

/// Blocks until so many model calls of the job are durable.
fn wait_for_durable(folder: &Folder, job: &str, model_calls: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = evohub::store::open(folder.store().to_str().unwrap()).await.unwrap();
        let start = Instant::now();
        while store.totals(&JobId(job.to_owned())).await.unwrap().model_calls < model_calls {
            assert!(start.elapsed() < LONG, "the results did not become durable");
            tokio::task::yield_now().await;
        }
        store.close().await;
    });
}

#[test]
fn a_killed_job_goes_on_where_it_was() {
    let server = Server::start(gated(60));
    let folder = Folder::with_job(&server);
    let mut child = folder.start(&["run", "job.toml", "--events"]);
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = wait_for_event(&mut events, "started");
    let job = started["job"].as_str().unwrap();
    wait_for_durable(&folder, job, 60);
    child.kill().unwrap();
    child.wait().unwrap();
    // What the killed process had asked beyond those was never answered.
    let in_vain = server.count() - 60;
    server.open_gate();
    let shown = folder.run(&["show", job, "--json"]).done().json();
    assert_eq!(shown["seed"]["prompt"], "What is the sentiment?");
    assert_same_end(&folder, &server, job, in_vain);
}
