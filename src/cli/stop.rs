//! `evohub stop`: asks the process that runs a job to stop it.

use clap::Args;
use evohub::store::JobState;

use super::failure::Failure;
use super::output::Output;
use super::status::Status;
use super::stored::{find, state_word};
use super::{Global, place};

#[derive(Debug, Args)]
pub(crate) struct StopArguments {
    /// The job's id, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
}

pub(crate) async fn stop(
    global: &Global,
    output: &Output,
    arguments: &StopArguments,
) -> Result<Status, Failure> {
    let store = place::open_existing(global).await?;
    let job = find(&*store, &arguments.job).await?;
    if job.state == JobState::Running && job.owned {
        store.request_stop(&job.id).await?;
        output.note(&format!("{} will stop; `evohub resume {}` goes on with it", job.id, job.id));
    } else {
        output.note(&format!("{} is not running: {}", job.id, state_word(&job)));
    }
    store.close().await;
    Ok(Status::Done)
}
