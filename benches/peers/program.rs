//! The programs of others, each run in a process of its own.

use std::process::Stdio;

use evohub::evolution::{CaseSet, Placement};
use evohub::llm::ChatMessage;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::FOLDER;

/// A program and how it is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// What a user of this benchmark calls it.
    pub(crate) word: &'static str,
    /// What the table calls it.
    pub(crate) label: &'static str,
    script: &'static str,
    variant: &'static str,
}

pub(crate) const PROGRAMS: [Program; 5] = [
    Program { word: "peer:gepa", label: "GEPA's own", script: "gepa_run.py", variant: "default" },
    Program { word: "peer:gepa-4x4", label: "GEPA's own, 4x4", script: "gepa_run.py", variant: "4x4" },
    Program {
        word: "peer:gepa-user",
        label: "GEPA's own, user turn",
        script: "gepa_run.py",
        variant: "user-turn",
    },
    Program {
        word: "peer:capo",
        label: "promptolution CAPO",
        script: "promptolution_run.py",
        variant: "capo",
    },
    Program {
        word: "peer:evoprompt-ga",
        label: "promptolution EvoPromptGA",
        script: "promptolution_run.py",
        variant: "evoprompt-ga",
    },
];

/// What it is told; texts and numbers only, so that all are told the same.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Assignment<'a> {
    pub(crate) url: &'a str,
    pub(crate) student: &'a str,
    pub(crate) teacher: &'a str,
    pub(crate) slots: usize,
    pub(crate) seed: u64,
    /// Prompts to start from. Who takes one only takes the first.
    pub(crate) prompts: &'a [String],
    /// Where evohub's searches find it. Where programs put theirs is their own affair.
    #[serde(skip)]
    pub(crate) placement: Placement,
    /// What the task is, for those who ask the reflection model with it.
    pub(crate) description: &'a str,
    /// The right answers there are; none when they are no labels.
    pub(crate) labels: &'a [String],
    #[serde(flatten)]
    pub(crate) search: &'a CaseSet,
    pub(crate) evaluations: u64,
    pub(crate) answer_tokens: u32,
    pub(crate) proposal_tokens: u32,
}

/// What it chose.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Said {
    /// The conversation in which it asks; the input comes at the end of its last turn.
    pub(crate) before_input: Vec<ChatMessage>,
    pub(crate) prompt: String,
    pub(crate) cpu_seconds: f64,
}

impl Program {
    /// Runs it to its end.
    pub(crate) async fn run(&self, assignment: &Assignment<'_>) -> Result<Said, String> {
        let folder = std::env::var(FOLDER).map_err(|_| format!("{FOLDER} is not set"))?;
        let mut told = serde_json::to_value(assignment).map_err(|error| error.to_string())?;
        told["variant"] = self.variant.into();
        let mut command = Command::new(format!("{folder}/bin/python3"));
        command.arg(format!("{}/benches/peers/{}", env!("CARGO_MANIFEST_DIR"), self.script));
        // What they compile and keep is no part of the sources.
        command.env("PYTHONDONTWRITEBYTECODE", "1").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{folder}/bin/python3: {error}"))?;
        let mut input = child.stdin.take().ok_or("the program has no standard input")?;
        input.write_all(told.to_string().as_bytes()).await.map_err(|error| error.to_string())?;
        drop(input);
        let output = child.wait_with_output().await.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout);
        said.lines().last().and_then(|line| serde_json::from_str(line).ok()).ok_or_else(|| {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = errors.lines().rev().take(5).collect();
            format!("{} ({}): {}", self.script, output.status, last.join(" / "))
        })
    }
}
