//! The program at work in a process of its own, with a listener that the test asks.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::folder::{Folder, Outcome};

/// Nothing here takes this long.
const LONG: Duration = Duration::from_secs(60);
/// Between two looks at a process.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until there is something to see.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(LONG, PAUSE, look).unwrap_or_else(|| panic!("never: {what}"))
}

/// Looks until there is something to see, or a time has passed.
pub(crate) fn until_within<T>(
    limit: Duration,
    pause: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Option<T> {
    let start = Instant::now();
    loop {
        let seen = look();
        if seen.is_some() || start.elapsed() > limit {
            return seen;
        }
        std::thread::sleep(pause);
    }
}

/// An answer of the listener.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// From the first byte of the request to the last of the answer.
    pub(crate) took: Duration,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends one request on a connection of its own; headers are whole lines.
pub(crate) fn exchange(
    mut stream: impl Read + Write,
    (method, path): (&str, &str),
    headers: &[&str],
    body: &str,
) -> io::Result<Answer> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
         {headers}\r\n{body}"
    );
    let start = Instant::now();
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let took = start.elapsed();
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.expect("a status"), body: body.to_owned(), took })
}

/// The program at work. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    scheme: String,
    /// Where it listens, from here.
    pub(crate) address: SocketAddr,
    stderr: Option<JoinHandle<String>>,
}

impl Process {
    /// Runs `job.toml` of the folder, with these arguments more.
    pub(crate) fn run(folder: &Folder, arguments: &[&str]) -> Self {
        Self::start(command(folder, &[&["run", "job.toml", "--listen", "127.0.0.1:0"], arguments].concat()))
    }

    /// Starts a command that listens, and returns once it does.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        let place = loop {
            let mut line = String::new();
            if stderr.read_line(&mut line).unwrap() == 0 {
                panic!("it never listened: {told}");
            }
            told.push_str(&line);
            if let Some(place) = line.trim_end().strip_prefix("listening at ") {
                break place.to_owned();
            }
        };
        let (scheme, address) = place.split_once("://").unwrap();
        let port = address.parse::<SocketAddr>().unwrap().port();
        let stderr = std::thread::spawn(move || {
            stderr.read_to_string(&mut told).unwrap();
            told
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { child, scheme: scheme.to_owned(), address, stderr: Some(stderr) }
    }

    pub(crate) fn scheme(&self) -> &str {
        &self.scheme
    }

    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(LONG))?;
        Ok(stream)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        exchange(self.connect().unwrap(), ("GET", path), &[], "").unwrap()
    }

    pub(crate) fn status(&self, path: &str) -> u16 {
        self.get(path).status
    }

    /// Looks until a path answers with a status.
    pub(crate) fn until_status(&self, path: &str, status: u16) -> Answer {
        until(&format!("{path} answers {status}"), || Some(self.get(path)).filter(|a| a.status == status))
    }

    /// Looks until the detailed health says this of a check, which may be one of a group; gives all that it says.
    pub(crate) fn until_check(&self, check: &[&str], status: &str) -> Answer {
        until(&format!("{check:?} is {status}"), || {
            let answer = self.get("/health/detailed");
            let health = answer.json();
            let check = check.iter().fold(&health["checks"], |value, name| &value[*name]);
            (check["status"] == status).then_some(answer)
        })
    }

    /// Of the metrics, the value of one series.
    pub(crate) fn value(&self, series: &str) -> f64 {
        let page = self.get("/metrics").body;
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series}: {page}")).split(' ').next().unwrap().parse().unwrap()
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Standard output, for who reads it as it comes.
    pub(crate) fn stdout(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.child.stdout.take().unwrap())
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Outcome {
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).unwrap();
        }
        let code = self.child.wait().unwrap().code();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Outcome { code, stdout, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with these arguments, and without this machine's settings of traces.
pub(crate) fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.command(arguments);
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.to_string_lossy().starts_with("OTEL_")).for_each(|name| {
        command.env_remove(name);
    });
    command
}
