//! `evohub submit`: hands a job to a cluster, and follows it.

use std::path::PathBuf;

use clap::Args;
use evohub::job_file::JobFile;
use evohub::{JobProgress, RemoteJob};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use super::display::Display;
use super::failure::Failure;
use super::follow::{FRAME, Form, interrupts, print_result, status_of};
use super::output::Output;
use super::process::Process;
use super::remote::RemoteArguments;
use super::run::{FormArguments, SettingArguments};
use super::status::Status;

const EXAMPLES: &str = "\
Examples:
  evohub submit job.toml --to 127.0.0.1:7301 --cookie-file cookie
  id=$(evohub submit job.toml --to 127.0.0.1:7301 --cookie-file cookie --detach)
  evohub best $id --to 127.0.0.1:7302 --cookie-file cookie

Data files are read here and travel with the job. Keys do not: each node looks them up under the names that the job
file gives. Ctrl-C stops to follow; the job goes on.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SubmitArguments {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    file: PathBuf,
    #[command(flatten)]
    settings: SettingArguments,
    #[command(flatten)]
    form: FormArguments,
    #[command(flatten)]
    remote: RemoteArguments,
    /// Print the job's id and do not follow it
    #[arg(long, conflicts_with_all = ["json", "events"])]
    detach: bool,
}

pub(crate) async fn submit(
    process: &Process,
    output: &Output,
    arguments: &SubmitArguments,
) -> Result<Status, Failure> {
    let file = JobFile::load(&arguments.file, &arguments.settings.settings()?)?;
    file.warnings.iter().for_each(|warning| output.warning(warning));
    let client = arguments.remote.connect(process.metrics.clone()).await?;
    let spec = file.spec;
    let job = client.submit(spec.clone()).await?;
    if arguments.detach {
        output.result(job.id().0.as_str())?;
        return Ok(Status::Done);
    }
    output.note(&format!("job {}", job.id()));
    let place = arguments.remote.of_cluster();
    let (progress, display) = watch::channel(JobProgress::default());
    output.show_bar();
    let display = Display::new(&spec, output, display);
    let form = arguments.form.form();
    let Some(result) = follow(job, progress, display, form, output, interrupts()?).await? else {
        return Ok(Status::Interrupted);
    };
    if form != Form::Events {
        print_result(&result, &spec, &place, form, output)?;
    }
    let status = status_of(&result);
    if matches!(status, Status::Failed | Status::NoResult) {
        output.error(result.error.as_deref().unwrap_or("the job failed"));
    }
    Ok(status)
}

/// Shows what happens until the job ends. `None`: the user has seen enough.
async fn follow(
    mut job: RemoteJob,
    progress: watch::Sender<JobProgress>,
    mut display: Display,
    form: Form,
    output: &Output,
    mut interrupts: mpsc::Receiver<()>,
) -> Result<Option<evohub::JobResult>, Failure> {
    let id = job.id().clone();
    let (sender, mut watched) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let next = job.next().await;
            let is_last = next.as_ref().map_or(true, |watched| watched.result.is_some());
            if sender.send(next).await.is_err() || is_last {
                return;
            }
        }
    });
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            next = watched.recv() => {
                let Some(next) = next else { return Ok(None) };
                let next = next?;
                if let Some(newest) = next.progress {
                    progress.send_replace(newest);
                }
                for event in next.events {
                    if form == Form::Events {
                        let line = serde_json::to_string(&event).map_err(|error| Failure::failed(error.to_string()))?;
                        output.result(&line)?;
                    }
                    display.note(&event);
                }
                if let Some(result) = next.result {
                    display.end();
                    return Ok(Some(*result));
                }
            }
            _ = frames.tick(), if output.is_live() => display.draw(),
            Some(()) = interrupts.recv() => {
                display.end();
                output.note(&format!("the job goes on; `evohub stop {id}` stops it, `evohub show {id}` shows it"));
                return Ok(None);
            }
        }
    }
}
