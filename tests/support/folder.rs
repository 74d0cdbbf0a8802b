//! A folder with a job, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::server::{Asked, Reply, Server};

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Exit status.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Outcome {
    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The same, once it is sure that all went well.
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

/// A folder for one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with `cases.jsonl` and a `job.toml` that asks this server.
    pub(crate) fn with_job(server: &Server) -> Self {
        let folder = Self::new();
        folder.write("cases.jsonl", &cases(0..100));
        folder.write("job.toml", &job(server.url()));
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path().join("store.db")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// What is in it, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program with these arguments, in this folder and with nothing of the machine's own settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evohub"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["_API_KEY", "_BASE_URL"].iter().any(|end| text.ends_with(end)) || text.starts_with("EVOHUB_")
            {
                command.env_remove(&name);
            }
        }
        command.env("EVOHUB_STORE", self.store());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.command(arguments).output().unwrap().into()
    }

    /// Starts it, with both outputs piped.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// Cases whose answer is the last word of the input, in other words.
pub(crate) fn cases(numbers: std::ops::Range<u32>) -> String {
    let case = |number: u32| {
        let (word, label) =
            if number.is_multiple_of(2) { ("fine", "positive") } else { ("poor", "negative") };
        format!("{{\"input\": \"film {number} was {word}\", \"expected\": \"{label}\"}}\n")
    };
    numbers.map(case).collect()
}

/// A job of 150 evaluations with a model that answers and one that rewrites.
pub(crate) fn job(url: &str) -> String {
    format!(
        r#"name = "films"

[seed]
prompts = ["What is the sentiment?"]

[data]
train = "cases.jsonl"

[model]
task = "lab:student"
reflection = "lab:teacher"

[providers.lab]
kind = "openai"
base_url = "{url}"
max_concurrency = 8
max_retries = 4
retry_base_ms = 1

[prices."lab:*"]
input = 1.0
output = 2.0

[score]
metric = "label"

[algorithm]
name = "gepa"

[budget]
evaluations = 150
"#
    )
}

/// A student that answers the better the more examples it sees and the more often it is told to be careful, and a
/// teacher that asks for more care. What they say depends on nothing but what they are asked.
pub(crate) fn films(asked: &Asked) -> Reply {
    if asked.model == "teacher" {
        let care = asked.last().matches("careful").count().min(3);
        let text = format!("Here it is:\n```\nBe {}careful. One word.\n```", "careful, ".repeat(care + 1));
        return Reply::Text(text);
    }
    let care: usize = asked.turns.iter().map(|(_, content)| content.matches("careful").count()).sum();
    let skill = 3 * care + asked.examples();
    let number: usize = asked.last().split(' ').find_map(|word| word.parse().ok()).unwrap_or_default();
    if number * 7 % 10 >= skill {
        return "Well, it depends.".into();
    }
    if asked.last().contains("fine") { "positive".into() } else { "negative".into() }
}
