//! `evohub report`: a page about a job.

use std::path::PathBuf;

use clap::Args;
use evohub::report::{ReportInput, page};

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::process::Process;
use super::remote::RemoteArguments;
use super::status::Status;
use super::stored::StoredJob;

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The job's id, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    /// Where to write the page; `-` for standard output
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    #[command(flatten)]
    remote: RemoteArguments,
}

pub(crate) async fn report(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &ReportArguments,
) -> Result<Status, Failure> {
    let store = arguments.remote.store(global, &process.metrics).await?;
    let job = StoredJob::load(&*store, &arguments.job).await?;
    store.close().await;
    let html = page(&ReportInput {
        job: &job.record,
        result: Some(&job.result),
        candidates: &job.candidates,
        history: &job.history,
    });
    let path = &arguments.output;
    if path.as_os_str() == "-" {
        output.result(&html)?;
        return Ok(Status::Done);
    }
    std::fs::write(path, html)
        .map_err(|error| Failure::bad_input(format!("{}: cannot be written: {error}", path.display())))?;
    output.note(&format!("wrote {}", path.display()));
    Ok(Status::Done)
}
