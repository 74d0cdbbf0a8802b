//! `evohub resume`: going on with a job.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use evohub::store::{JobId, JobState, Store};
use evohub::{Engine, EngineConfig, JobSpec};

use super::failure::Failure;
use super::follow::{follow, print_result};
use super::listen::ListenArguments;
use super::output::Output;
use super::place::Whereabouts;
use super::process::Process;
use super::remote::RemoteArguments;
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
    #[command(flatten)]
    listen: ListenArguments,
    #[command(flatten)]
    remote: RemoteArguments,
}

pub(crate) async fn resume(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &ResumeArguments,
) -> Result<Status, Failure> {
    if !arguments.remote.to.is_empty() {
        return on_cluster(process, output, arguments).await;
    }
    let address = place::address(global, None)?;
    let observation = arguments.listen.start(process, output).await?;
    observation.iter().for_each(|observation| observation.starting("opening the store"));
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
        print_result(&result, &spec, &Whereabouts::of_store(&address), arguments.form.form(), output)?;
        return Ok(Status::Done);
    }
    wait_for_lease(&*store, &id, output).await?;
    output.show_bar();
    let toolbox = toolbox::toolbox(process, output);
    let engine = Engine::start(EngineConfig { toolbox, ..EngineConfig::new(Arc::clone(&store)) }).await?;
    let prepared = engine.prepare(spec).await?;
    let spec = Arc::clone(&prepared.spec);
    observation.iter().for_each(|observation| observation.watch_models(&prepared.tools));
    let handle = engine.resume_prepared(&id, prepared).await?;
    observation.iter().for_each(|observation| observation.serve(store.clone(), &engine));
    let form = arguments.form.form();
    let status = follow(engine, handle, &spec, &address, form, output, observation.as_ref()).await?;
    arguments.listen.end(observation, output).await?;
    Ok(status)
}

/// Has a cluster go on with a job.
async fn on_cluster(
    process: &Process,
    output: &Output,
    arguments: &ResumeArguments,
) -> Result<Status, Failure> {
    let client = arguments.remote.connect(process.metrics.clone()).await?;
    let record = find(&client.store(), &arguments.job).await?;
    refuse_evaluation(&record)?;
    client.job(record.id.clone()).resume().await?;
    output.note(&format!("{} goes on; `evohub show {}` shows it", record.id, record.id));
    Ok(Status::Done)
}

/// Longer than the lease of a process that was killed can outlive it.
const LEASE: Duration = Duration::from_secs(11);
const PAUSE: Duration = Duration::from_millis(250);

/// Waits for the lease of a process that may have been killed. One that lives prolongs its lease: whether the job can
/// be claimed is said when that is tried.
pub(super) async fn wait_for_lease(store: &dyn Store, id: &JobId, output: &Output) -> Result<(), Failure> {
    if store.job(id).await?.owner.is_none() {
        return Ok(());
    }
    output.note("another process runs the job, or was killed: waiting up to 11 s for its lease to end");
    let free = async {
        while store.job(id).await?.owner.is_some() {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    };
    tokio::time::timeout(LEASE, free).await.unwrap_or(Ok(()))
}
