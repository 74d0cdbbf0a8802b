//! `evohub best`: the best prompt alone, for a pipe.

use clap::Args;

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::process::Process;
use super::remote::RemoteArguments;
use super::status::Status;
use super::stored::StoredJob;

const EXAMPLES: &str = "\
Examples:
  evohub best movie-sentiment > prompt.txt
  evohub best movie-sentiment --json > candidate.json   with examples and placement, for `evohub eval --prompt`";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BestArguments {
    /// The job's id, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    /// Print the whole candidate as JSON: components, placement, examples, parameters
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

pub(crate) async fn best(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &BestArguments,
) -> Result<Status, Failure> {
    let store = arguments.remote.store(global, &process.metrics).await?;
    let job = StoredJob::load(&*store, &arguments.job).await?;
    store.close().await;
    let Some(best) = &job.result.best else {
        return Err(Failure::failed(format!("no prompt of `{}` was measured yet", job.record.id)));
    };
    if arguments.json {
        let json = serde_json::to_string_pretty(&best.candidate)
            .map_err(|error| Failure::failed(error.to_string()))?;
        output.result(&json)?;
    } else {
        output.result(&best.prompt)?;
    }
    Ok(Status::Done)
}
