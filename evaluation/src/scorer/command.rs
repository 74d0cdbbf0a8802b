//! An external command that scores answers.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use evohub_evolution::optimizers::Property;
use evohub_evolution::{Case, Digest, Failure, FailureKind};
use evohub_monitoring::redaction::redact;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::excerpt::excerpt;
use super::{Scored, Scorer};

/// A command may print no more than this; it says a number and a few words.
const LONGEST_REPLY: u64 = 64 * 1024;
/// So much of what it writes to standard error is quoted.
const LONGEST_COMPLAINT: u64 = 4 * 1024;
/// Larger files that a command names are no part of its fingerprint.
const LARGEST_SCRIPT: u64 = 4 * 1024 * 1024;

/// How a command is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// A program and its arguments, with no shell between. A program with a slash in it is looked for in the
    /// folder, another one on the search path.
    Program(Vec<String>),
    /// A line for `sh -c`.
    Shell(String),
}

/// Runs a command for every answer. It gets `{"input", "expected", "output", "columns"}` as JSON on standard
/// input and prints a number from 0 to 1, or `{"score", "feedback", "objectives"}` as JSON, where `objectives` are further
/// numbers by name. One that cannot be started, ends with a status other than 0, prints anything else or takes too long
/// is a failure and no score.
#[derive(Debug, Clone)]
pub struct CommandScorer {
    invocation: Invocation,
    folder: PathBuf,
    timeout: Duration,
    fingerprint: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reply {
    Number(f64),
    Object {
        score: f64,
        #[serde(default)]
        feedback: String,
        #[serde(default)]
        objectives: BTreeMap<String, f64>,
    },
}

impl CommandScorer {
    /// A scorer that runs a command in `folder` and gives it `timeout` for each answer. Files of up to 4 MiB that
    /// the command names are part of its fingerprint, so that results of an edited script are not mixed with
    /// older ones; what else it reads is not, so change `version` when that changes.
    pub fn new(invocation: Invocation, folder: impl Into<PathBuf>, timeout: Duration, version: &str) -> Self {
        let folder = folder.into();
        let words: Vec<&str> = match &invocation {
            Invocation::Program(words) => words.iter().map(String::as_str).collect(),
            Invocation::Shell(line) => line.split_whitespace().collect(),
        };
        let files = words.iter().filter_map(|word| script(&folder.join(word))).collect::<Vec<_>>();
        let fields = [version].into_iter().chain(words.iter().copied()).map(str::as_bytes);
        let digest = Digest::of_fields(fields.chain(files.iter().map(Vec::as_slice)));
        let form = if matches!(invocation, Invocation::Shell(_)) { "shell" } else { "program" };
        Self { fingerprint: format!("command/2 {form} {digest}"), invocation, folder, timeout }
    }

    fn command(&self) -> Result<Command, Failure> {
        let mut command = match &self.invocation {
            Invocation::Shell(line) => {
                let mut command = Command::new("sh");
                command.args(["-c", line]);
                command
            }
            Invocation::Program(words) => {
                let [program, arguments @ ..] = &words[..] else {
                    return Err(failure(FailureKind::Systemic, "start", "the command is empty".into()));
                };
                // Whether a relative program is looked for before or after the folder changes is not defined.
                let mut command = match program.contains('/') {
                    true => Command::new(self.folder.join(program)),
                    false => Command::new(program),
                };
                command.args(arguments);
                command
            }
        };
        command.current_dir(&self.folder).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Its own group, so that what it started ends with it.
        #[cfg(unix)]
        command.process_group(0);
        Ok(command)
    }

    async fn run(&self, question: &[u8]) -> Result<Vec<u8>, Failure> {
        let child = self.command()?.spawn().map_err(|error| self.not_started(&error))?;
        let mut group = Group(child);
        let talk = converse(&mut group.0, question);
        let (status, reply, complaint) = match tokio::time::timeout(self.timeout, talk).await {
            Err(_) => {
                let message = format!("no score after {} seconds", self.timeout.as_secs_f64());
                return Err(failure(FailureKind::Transient, "timeout", message));
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
                let message =
                    format!("it printed more than {LONGEST_REPLY} bytes; it must print a score alone");
                return Err(failure(FailureKind::Piece, "reply", message));
            }
            Ok(Err(error)) => return Err(failure(FailureKind::Transient, "pipe", error.to_string())),
            Ok(Ok(result)) => result,
        };
        if status.success() {
            return Ok(reply);
        }
        let complaint = told(&complaint);
        Err(failure(FailureKind::Piece, "status", format!("{status}; standard error: {complaint}")))
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        let name = match &self.invocation {
            Invocation::Program(words) => words.first().map_or("", String::as_str),
            Invocation::Shell(_) => "sh",
        };
        // Too many processes or too little memory may pass; a program that is not there stays away.
        let kind = match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory | io::ErrorKind::ExecutableFileBusy => {
                FailureKind::Transient
            }
            _ => FailureKind::Systemic,
        };
        failure(kind, "start", format!("`{name}` cannot be started in {}: {error}", self.folder.display()))
    }
}

/// The content of a file that may be a script: devices and pipes have no end, and what is large is none.
fn script(path: &Path) -> Option<Vec<u8>> {
    let about = std::fs::metadata(path).ok()?;
    if about.is_file() && about.len() <= LARGEST_SCRIPT { std::fs::read(path).ok() } else { None }
}

/// Writes the question and reads the reply at once, for either may fill its pipe. An error of the kind
/// `FileTooLarge` when the reply has no end in sight.
async fn converse(child: &mut Child, question: &[u8]) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut reply, mut complaint) = (Vec::new(), Vec::new());
    let write = async {
        let Some(mut stdin) = stdin else { return Ok(()) };
        match stdin.write_all(question).await {
            // It need not read what it does not use.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    };
    let read = async {
        let Some(stdout) = stdout else { return Ok(()) };
        match stdout.take(LONGEST_REPLY + 1).read_to_end(&mut reply).await? as u64 {
            length if length > LONGEST_REPLY => Err(io::ErrorKind::FileTooLarge.into()),
            _ => Ok(()),
        }
    };
    tokio::try_join!(write, read, read_head(stderr, &mut complaint))?;
    Ok((child.wait().await?, reply, complaint))
}

/// Keeps the beginning and reads the rest away, so that the writer is not held up.
async fn read_head(from: Option<impl AsyncRead + Unpin>, head: &mut Vec<u8>) -> io::Result<()> {
    let Some(mut from) = from else { return Ok(()) };
    (&mut from).take(LONGEST_COMPLAINT).read_to_end(head).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await.map(|_| ())
}

/// A child whose whole process group is killed when this is dropped before the child has ended.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // An id is there as long as the child has not been waited for, so it is no other process's.
        #[cfg(unix)]
        if let Some(group) =
            self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        {
            // It fails only when the group is gone already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

fn failure(kind: FailureKind, cause: &str, message: String) -> Failure {
    Failure { kind, cause: format!("command_{cause}"), message: format!("the scoring command: {message}") }
}

fn parse(reply: &[u8]) -> Option<Scored> {
    let (score, feedback, objectives) = match serde_json::from_slice(reply).ok()? {
        Reply::Number(score) => (score, String::new(), BTreeMap::new()),
        Reply::Object { score, feedback, objectives } => (score, feedback, objectives),
    };
    (0.0..=1.0).contains(&score).then(|| Scored { objectives, ..Scored::new(score, feedback) })
}

#[async_trait]
impl Scorer for CommandScorer {
    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        let question = json!({
            "input": case.input,
            "expected": case.expected,
            "output": output,
            "columns": case.columns,
        });
        let reply = self.run(question.to_string().as_bytes()).await?;
        let scored = parse(&reply).ok_or_else(|| {
            let reply = told(&reply);
            let message = format!(
                "it printed {reply}; it must print a number from 0 to 1, or {{\"score\": …, \"feedback\": \"…\", \
                 \"objectives\": {{\"NAME\": …}}}}"
            );
            failure(FailureKind::Piece, "reply", message)
        })?;
        match Property::built_in_names().find(|name| scored.objectives.contains_key(*name)) {
            None => Ok(scored),
            Some(name) => {
                let message =
                    format!("it printed an objective `{name}`, which is built in; give it another name");
                Err(failure(FailureKind::Systemic, "objective", message))
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
/// What a program said, without secrets: looked for in the whole, because the excerpt may lose what tells them.
fn told(said: &[u8]) -> String {
    excerpt(&redact(&String::from_utf8_lossy(said)))
}
