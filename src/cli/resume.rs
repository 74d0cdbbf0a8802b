//! `evohub resume`: going on with a job.

use clap::Args;
use evohub::store::JobState;
use evohub::{Engine, EngineConfig, JobSpec};

use super::failure::Failure;
use super::follow::{follow, print_result};
use super::output::Output;
use super::run::FormArguments;
use super::status::Status;
use super::stored::{find, refuse_evaluation};
use super::{Global, place, toolbox};

#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// The job's id, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    form: FormArguments,
}

pub(crate) async fn resume(
    global: &Global,
    output: &Output,
    arguments: &ResumeArguments,
) -> Result<Status, Failure> {
    let address = place::address(global, None)?;
    let store = place::open_existing(global).await?;
    let record = find(&*store, &arguments.job).await?;
    refuse_evaluation(&record)?;
    let id = record.id.clone();
    let spec: JobSpec = serde_json::from_value(record.spec.clone()).map_err(|error| {
        Failure::bad_input(format!("`{id}` cannot be resumed: it is no job of this version ({error})"))
    })?;
    if record.state == JobState::Done
        && let Some(result) = record.result.and_then(|result| serde_json::from_value(result).ok())
    {
        output.note(&format!("{id} is done already; nothing was run"));
        print_result(&result, &spec, &address, arguments.form.form(), output)?;
        return Ok(Status::Done);
    }
    output.show_bar();
    let toolbox = toolbox::toolbox(output);
    let engine = Engine::start(EngineConfig { toolbox, ..EngineConfig::new(store) }).await?;
    let handle = engine.resume(&id).await?;
    follow(engine, handle, &spec, &address, arguments.form.form(), output).await
}
