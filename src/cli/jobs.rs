//! `evohub jobs`: what is in the store.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use evohub::JobResult;
use evohub::store::JobRecord;
use serde_json::json;

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::process::Process;
use super::remote::RemoteArguments;
use super::status::Status;
use super::stored::state_word;
use super::table::Table;

#[derive(Debug, Args)]
pub(crate) struct JobsArguments {
    /// Print a JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

pub(crate) async fn jobs(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &JobsArguments,
) -> Result<Status, Failure> {
    let store = arguments.remote.store(global, &process.metrics).await?;
    let jobs = store.jobs().await?;
    store.close().await;
    if arguments.json {
        let list: Vec<_> = jobs.iter().map(in_json).collect();
        let json = serde_json::to_string_pretty(&list).map_err(|error| Failure::failed(error.to_string()))?;
        output.result(&json)?;
    } else if jobs.is_empty() {
        output.note("there is no job yet; `evohub run JOB.toml` makes one");
    } else {
        output.result(&in_words(&jobs))?;
    }
    Ok(Status::Done)
}

fn in_words(jobs: &[JobRecord]) -> String {
    let mut table = Table::new(["job", "state", "algorithm", "seed", "best", "begun"]);
    for job in jobs {
        let result = result_of(job);
        let test =
            |measured: Option<f64>| measured.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}"));
        let seed = result.as_ref().and_then(|result| Some(result.seed.test.as_ref()?.score));
        let best = result.as_ref().and_then(|result| Some(result.best.as_ref()?.test.as_ref()?.score));
        table.row([
            job.id.to_string(),
            state_word(job).to_owned(),
            job.algorithm.clone(),
            test(seed),
            test(best),
            ago(job.created_at),
        ]);
    }
    table.to_string()
}

fn in_json(job: &JobRecord) -> serde_json::Value {
    let result = result_of(job);
    json!({
        "job": job.id,
        "name": job.name,
        "status": state_word(job),
        "algorithm": job.algorithm,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "error": job.error,
        "seed_test_score": result.as_ref().and_then(|result| Some(result.seed.test.as_ref()?.score)),
        "best_test_score": result.as_ref().and_then(|result| Some(result.best.as_ref()?.test.as_ref()?.score)),
    })
}

fn result_of(job: &JobRecord) -> Option<JobResult> {
    serde_json::from_value(job.result.clone()?).ok()
}

/// How long ago a moment was, in milliseconds since the Unix epoch.
fn ago(at: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = Duration::from_millis(u64::try_from(at).unwrap_or(0));
    let minutes = now.saturating_sub(at).as_secs() / 60;
    match minutes {
        0 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..2_880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1_440),
    }
}
