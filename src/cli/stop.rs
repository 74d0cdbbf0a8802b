//! `evohub stop`: asks the process that runs a job to stop it.

use clap::Args;
use evohub::store::JobState;

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::process::Process;
use super::remote::RemoteArguments;
use super::status::Status;
use super::stored::{find, state_word};

#[derive(Debug, Args)]
pub(crate) struct StopArguments {
    /// The job's id, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    remote: RemoteArguments,
}

pub(crate) async fn stop(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &StopArguments,
) -> Result<Status, Failure> {
    let store = arguments.remote.store(global, &process.metrics).await?;
    let job = find(&*store, &arguments.job).await?;
    if job.state == JobState::Running && job.owner.is_some() {
        store.request_stop(&job.id).await?;
        output.note(&format!("{} will stop; `evohub resume {}` goes on with it", job.id, job.id));
    } else {
        output.note(&format!("{} is not running: {}", job.id, state_word(&job)));
    }
    store.close().await;
    Ok(Status::Done)
}
