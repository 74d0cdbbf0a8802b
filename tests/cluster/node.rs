//! A node in a process of its own.

use std::fmt;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::process::{Answer, exchange, until};

/// Nothing here takes this long.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A process of a node. Dropped, it is killed.
pub(crate) struct Node {
    pub(crate) name: String,
    http: SocketAddr,
    log: PathBuf,
    errors: PathBuf,
    child: Child,
}

impl Node {
    /// Starts one by a command that says all but where it logs.
    pub(crate) fn start(mut command: Command, folder: &Path, name: &str, http: SocketAddr) -> Self {
        let log = folder.join(format!("{name}.log"));
        let errors = folder.join(format!("{name}.err"));
        command.args([
            "--log-format",
            "json",
            "--log-level",
            "info,ractor=warn,ractor_cluster=warn",
            "--log-file",
        ]);
        command
            .arg(&log)
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&errors).unwrap());
        let child = command.spawn().unwrap();
        Self { name: name.to_owned(), http, log, errors, child }
    }

    /// Blocks until it does what it is for.
    pub(crate) fn until_ready(&mut self) {
        until(&format!("{} is ready", self.name), || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} has ended with {status}: {}", self.name, self.said());
            }
            self.try_get("/health/ready").filter(|answer| answer.status == 200)
        });
    }

    pub(crate) fn try_get(&self, path: &str) -> Option<Answer> {
        let stream = TcpStream::connect_timeout(&self.http, Duration::from_secs(2)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        exchange(stream, ("GET", path), &[], "").ok()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|| panic!("{} does not answer: {}", self.name, self.said()))
    }

    /// Of the metrics, the value of one series; 0 where there is none.
    pub(crate) fn value(&self, series: &str) -> f64 {
        let page = self.get("/metrics").body;
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |line| line.split(' ').next().unwrap().parse().unwrap())
    }

    /// What the detailed health says of the cluster.
    pub(crate) fn cluster_check(&self) -> Value {
        self.get("/health/detailed").json()["checks"]["cluster"].take()
    }

    /// What it said to people.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// The lines that it has logged with this message, oldest first, since a moment.
    pub(crate) fn logged(&self, message: &str, since: Moment) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"] == message && Moment::of(line) >= since).collect()
    }

    /// The lines that it has logged last, for people.
    pub(crate) fn last_words(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<Value> = lines.filter(|line| line["message"] != "a generation is complete").collect();
        let newest = lines.len().saturating_sub(40);
        let known = ["level", "logger", "module", "function", "line", "timestamp", "message", "algorithm"];
        let tell = |line: &Value| {
            let fields = line.as_object().unwrap().iter().filter(|(name, _)| !known.contains(&name.as_str()));
            let fields: String = fields.map(|(name, value)| format!(" {name}={value}")).collect();
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {} {}{fields}", text("timestamp"), self.name, text("level"), text("message"))
        };
        lines[newest..].iter().map(tell).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Has it do nothing, with all its connections open.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it at once, wherever it is.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end and gives its exit status.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < LONG, "{} does not end: {}", self.name, self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // One that has ended needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A moment on the clock of all processes of this machine, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u128);

impl Moment {
    /// Before everything.
    pub(crate) const FIRST: Self = Self(0);

    pub(crate) fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis())
    }

    pub(crate) fn from_millis(milliseconds: u128) -> Self {
        Self(milliseconds)
    }

    /// Whether it is later than another, by more than a time.
    pub(crate) fn is_later(self, other: Self, by: Duration) -> bool {
        self.0 > other.0 + by.as_millis()
    }

    /// When a line was logged.
    pub(crate) fn of(line: &Value) -> Self {
        let text = line["timestamp"].as_str().unwrap();
        let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap();
        let time = (number(11..13) * 60 + number(14..16)) * 60 + number(17..19);
        Self(
            1_000 * (86_400 * days(number(0..4), number(5..7), number(8..10)) + u128::from(time))
                + u128::from(number(20..23)),
        )
    }

    /// The time from an earlier moment to this one.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis((self.0 - earlier.0) as u64)
    }
}

impl fmt::Display for Moment {
    /// The time of the day, as logs have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (milliseconds, seconds) = (self.0 % 1_000, self.0 / 1_000 % 86_400);
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}")
    }
}

/// Days from the Unix epoch to a date.
fn days(year: u32, month: u32, day: u32) -> u128 {
    // Years that begin in March end with the leap day.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let of_years = year * 365 + year / 4 - year / 100 + year / 400;
    u128::from(of_years + (month * 153 + 2) / 5 + day - 1) - 719_468
}

#[test]
fn moments_are_read_from_logs() {
    let line = serde_json::json!({"timestamp": "2026-11-22T20:58:51.127288Z"});
    assert_eq!(Moment::of(&line), Moment(1_795_381_131_127));
}
