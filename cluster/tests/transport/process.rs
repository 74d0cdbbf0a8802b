//! Nodes that are processes of their own: this program, run once more.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use evohub_cluster::{Cluster, SendError, Topic, View};
use evohub_monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub_monitoring::traces::TraceContext;

use crate::echo::{ECHO, SOON, TestNode, config, name, sample};

/// Says which node the process is to be, and whom it asks: `NAME LISTEN [SEED…]`.
const NODE: &str = "EVOHUB_TEST_NODE";

/// Set, it has the processes write their logs to where this one writes errors.
const LOGS: &str = "EVOHUB_TEST_LOGS";

/// What a line begins with that is for the test: the test harness writes lines of its own.
const MARK: &str = "@@ ";

/// Is a node where the environment says so, and no test at all.
#[test]
fn node() {
    let Ok(words) = std::env::var(NODE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(words.split(' ').map(str::to_owned).collect()));
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    // A test that is over reads nothing.
    let _ = writeln!(output, "\n{MARK}{line}");
    let _ = output.flush();
}

fn show(view: &View) -> String {
    let members = view.members.values().map(|member| {
        let reach = if view.is_reachable(member.name()) { "+" } else { "-" };
        format!("{}={}{reach}", member.name(), member.state)
    });
    members.collect::<Vec<_>>().join(" ")
}

async fn run(words: Vec<String>) {
    let _telemetry = Telemetry::init(&TelemetryConfig::default(), None).unwrap();
    let listen = words[1].parse().unwrap();
    let config = evohub_cluster::ClusterConfig { listen, ..config(&words[0], words[2..].to_vec()) };
    let node = TestNode::start(config).await;
    say(&format!("listens {}", node.cluster.address()));
    let mut changes = node.cluster.changes();
    let mut view = node.cluster.view();
    tokio::spawn(async move {
        while let Ok(change) = changes.recv().await {
            say(&format!("change {change:?}"));
        }
    });
    let (lines, mut orders) = tokio::sync::mpsc::unbounded_channel();
    let stops = lines.clone();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    tokio::spawn(async move {
        let mut shown = String::new();
        loop {
            let now = show(&view.borrow_and_update());
            if now != shown {
                say(&format!("view {now}"));
                shown = now;
            }
            if view.changed().await.is_err() {
                // The node has stopped by itself.
                break drop(stops.send("leave".to_owned()));
            }
        }
    });
    while let Some(order) = orders.recv().await {
        let words: Vec<&str> = order.split(' ').collect();
        match words[..] {
            ["call", to] => {
                let (called, context) = (Instant::now(), TraceContext::default());
                let answer = node.cluster.call(&name(to), ECHO, &context, Bytes::new(), SOON).await;
                let answer = answer.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
                say(&format!("call {answer} after {} ms", called.elapsed().as_millis()));
            }
            ["flood", to] => say(&flood(&node.cluster, to).await),
            ["bytes"] => {
                let sent = sample(&node.metrics, "cluster_link_bytes_total{direction=\"sent\"}");
                say(&format!("bytes {sent}"));
            }
            ["drain"] => node.cluster.drain(),
            _ => break,
        }
    }
    node.cluster.leave().await;
    say("left");
}

/// Casts messages of a kilobyte until the link to a peer is gone, without a pause but for the runtime.
async fn flood(cluster: &Cluster, to: &str) -> String {
    let (to, context, body) = (name(to), TraceContext::default(), Bytes::from(vec![7; 1024]));
    let before = resident();
    let (mut sent, mut full, mut most) = (0_u64, 0_u64, 0);
    loop {
        match cluster.cast(&to, Topic(9), &context, body.clone()) {
            Ok(()) => sent += 1,
            Err(SendError::Full { .. }) => {
                full += 1;
                if full % 1000 == 1 {
                    most = most.max(resident());
                }
                tokio::task::yield_now().await;
            }
            Err(_) => break,
        }
    }
    format!("flood sent {sent} full {full} grew {}", most.saturating_sub(before))
}

/// The memory of this process, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// A node in a process of its own. It is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    lines: Receiver<(Instant, String)>,
    /// What it said while something else was waited for.
    unread: RefCell<Vec<(Instant, String)>>,
    pub(crate) address: String,
}

impl Process {
    pub(crate) fn start(called: &str, listen: &str, seeds: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::node", "--nocapture", "--test-threads", "1"])
            .env(NODE, [&[called, listen], seeds].concat().join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if std::env::var_os(LOGS).is_some() { Stdio::inherit() } else { Stdio::null() })
            .spawn()
            .unwrap();
        let (line, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for read in output.lines().map_while(Result::ok) {
                if let Some(text) = read.strip_prefix(MARK)
                    && line.send((Instant::now(), text.to_owned())).is_err()
                {
                    break;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        let mut process = Self { child, input, lines, unread: RefCell::default(), address: String::new() };
        process.address = process.says("listens ", |_| true).1;
        process
    }

    /// Waits for a line that begins so, and whose rest is so. Says when it came, and the rest. Lines that begin so and
    /// came before are forgotten, others are kept.
    pub(crate) fn says(&self, begins: &str, is_so: impl Fn(&str) -> bool) -> (Instant, String) {
        let deadline = Instant::now() + SOON;
        let mut unread = self.unread.borrow_mut();
        let mut waiting: VecDeque<_> = unread.drain(..).collect();
        let mut passed = vec![];
        loop {
            let next = match waiting.pop_front() {
                Some(line) => Ok(line),
                None => self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok((when, line)) => match line.strip_prefix(begins) {
                    Some(rest) if is_so(rest) => {
                        unread.extend(waiting);
                        return (when, rest.to_owned());
                    }
                    Some(_) => passed.push(line),
                    None => unread.push((when, line)),
                },
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no such `{begins}` among {passed:#?}, beside {unread:#?}")
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended, and said {passed:#?} and {unread:#?}")
                }
            }
        }
    }

    /// Waits until its view holds all these words, such as `b=alive+`.
    pub(crate) fn sees(&self, words: &[&str]) -> Instant {
        self.says("view ", |view| words.iter().all(|word| view.split(' ').any(|shown| shown == *word))).0
    }

    pub(crate) fn order(&mut self, order: &str) {
        writeln!(self.input, "{order}").unwrap();
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, signal: &str) -> Instant {
        let sent = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        sent
    }

    pub(crate) fn is_over_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
