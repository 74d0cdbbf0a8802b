//! `evohub show`: a job's result and its candidates.

use std::collections::BTreeMap;

use clap::Args;
use evohub::store::CandidateRecord;
use evohub::{JobResult, prompt_text};
use serde::Serialize;

use super::Global;
use super::closing_report::closing_report;
use super::failure::Failure;
use super::output::Output;
use super::process::Process;
use super::remote::RemoteArguments;
use super::status::Status;
use super::stored::StoredJob;
use super::table::Table;

/// Characters of a prompt that stand in the table.
const SHOWN: usize = 60;

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The job's id, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    /// Print one JSON document: the result, and all candidates with parents, operator, generation and scores
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

pub(crate) async fn show(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &ShowArguments,
) -> Result<Status, Failure> {
    let place = arguments.remote.whereabouts(global)?;
    let store = arguments.remote.store(global, &process.metrics).await?;
    let job = StoredJob::load(&*store, &arguments.job).await?;
    store.close().await;
    if arguments.json {
        let document =
            Document { result: &job.result, candidates: job.candidates.iter().map(Entry::new).collect() };
        let json =
            serde_json::to_string_pretty(&document).map_err(|error| Failure::failed(error.to_string()))?;
        output.result(&json)?;
    } else {
        let report = closing_report(&job.result, &job.spec, &place);
        output.result(&format!("{report}\n\n{}", table(&job.candidates)))?;
    }
    Ok(Status::Done)
}

/// The document of `--json`: that of `run --json`, and the candidates.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    result: &'a JobResult,
    candidates: Vec<Entry<'a>>,
}

/// A candidate in the document of `--json`.
#[derive(Serialize)]
struct Entry<'a> {
    id: String,
    island: u32,
    ordinal: u64,
    parents: Vec<String>,
    operator: &'a str,
    generation: u32,
    outcome: &'a str,
    validation_score: Option<f64>,
    validation_cases: u32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    objectives: &'a BTreeMap<String, f64>,
    prompt: String,
    candidate: &'a evohub::evolution::Candidate,
}

impl<'a> Entry<'a> {
    fn new(record: &'a CandidateRecord) -> Self {
        Self {
            id: record.candidate.id().to_string(),
            island: record.island,
            ordinal: record.ordinal,
            parents: record.parents.iter().map(ToString::to_string).collect(),
            operator: &record.operator,
            generation: record.generation,
            outcome: &record.outcome,
            validation_score: record.validation_score,
            validation_cases: record.validation_cases,
            objectives: &record.objectives,
            prompt: prompt_text(&record.candidate),
            candidate: &record.candidate,
        }
    }
}

fn table(candidates: &[CandidateRecord]) -> String {
    let mut table =
        Table::new(["candidate", "generation", "operator", "parents", "score", "cases", "outcome", "prompt"]);
    for record in candidates {
        let parents: Vec<String> = record.parents.iter().map(|id| id.short()).collect();
        let prompt = prompt_text(&record.candidate).replace('\n', " ");
        let end = prompt.char_indices().nth(SHOWN).map(|(end, _)| end);
        table.row([
            record.candidate.id().short(),
            record.generation.to_string(),
            record.operator.clone(),
            parents.join(" "),
            record.validation_score.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}")),
            record.validation_cases.to_string(),
            record.outcome.clone(),
            end.map_or_else(|| prompt.clone(), |end| format!("{}…", &prompt[..end])),
        ]);
    }
    table.to_string()
}
