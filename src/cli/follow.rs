//! Follows a running job to its end.

use std::time::Duration;

use evohub::evolution::{FinishReason, RunEvent};
use evohub::store::Address;
use evohub::{Engine, JobEvent, JobHandle, JobResult, JobSpec, Observation};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::closing_report::closing_report;
use super::display::Display;
use super::failure::Failure;
use super::output::Output;
use super::place::Whereabouts;
use super::status::Status;

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The closing report, for people.
    Report,
    /// The result as one JSON document.
    Json,
    /// Events as JSON lines.
    Events,
}

/// How often the display is drawn anew.
pub(super) const FRAME: Duration = Duration::from_millis(125);

/// Shows what happens until the job ends, stops it when the user interrupts, and prints what came of it.
pub(crate) async fn follow(
    engine: Engine,
    handle: JobHandle,
    spec: &JobSpec,
    address: &Address,
    form: Form,
    output: &Output,
    observation: Option<&Observation>,
) -> Result<Status, Failure> {
    let mut events = handle.events();
    let mut interrupts = interrupts()?;
    let mut interrupted = false;
    let mut display = Display::new(spec, output, handle.progress());
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    output.note(&format!("job {}", handle.id()));
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => {
                    if form == Form::Events {
                        let line = serde_json::to_string(&event).map_err(|error| Failure::failed(error.to_string()))?;
                        output.result(&line)?;
                    }
                    display.note(&event);
                    if matches!(event, JobEvent::Ended(_)) {
                        break;
                    }
                }
                Err(RecvError::Lagged(missed)) => output.warning(&format!("{missed} events went by too fast to be shown")),
                Err(RecvError::Closed) => break,
            },
            _ = frames.tick(), if output.is_live() => display.draw(),
            Some(()) = interrupts.recv() => {
                if interrupted {
                    output.error(&format!("ended at once; go on with: {}", resume_command(&handle, address)));
                    std::process::exit(Status::Interrupted.code().into());
                }
                interrupted = true;
                observation.into_iter().for_each(Observation::draining);
                output.note("interrupted; once more ends at once");
                handle.stop();
            }
        }
    }
    display.end();
    let result = handle.result().await?;
    observation.into_iter().for_each(Observation::finished);
    engine.shutdown().await;
    if form != Form::Events {
        print_result(&result, spec, &Whereabouts::of_store(address), form, output)?;
    }
    let status = status_of(&result);
    match status {
        Status::Interrupted => {
            output.note(&format!("stopped; go on with: {}", resume_command(&handle, address)))
        }
        Status::Failed | Status::NoResult => {
            output.error(result.error.as_deref().unwrap_or("the job failed"));
        }
        Status::Done | Status::BadInput => {}
    }
    Ok(status)
}

/// Prints a result in the form asked for.
pub(crate) fn print_result(
    result: &JobResult,
    spec: &JobSpec,
    whereabouts: &Whereabouts,
    form: Form,
    output: &Output,
) -> Result<(), Failure> {
    match form {
        Form::Report => output.result(&closing_report(result, spec, whereabouts)),
        Form::Json | Form::Events => {
            let json =
                serde_json::to_string_pretty(result).map_err(|error| Failure::failed(error.to_string()))?;
            output.result(&json)
        }
    }
}

pub(super) fn status_of(result: &JobResult) -> Status {
    match result.status.as_str() {
        "done" => Status::Done,
        "stopped" => Status::Interrupted,
        // A search that its minutes ended was stopped by them.
        _ => match (&result.best, result.reason) {
            (None, Some(FinishReason::Budget | FinishReason::Stopped)) => Status::NoResult,
            _ => Status::Failed,
        },
    }
}

fn resume_command(handle: &JobHandle, address: &Address) -> String {
    format!("evohub resume {} --store {address}", handle.id())
}

/// Tells each time that the user wants the program to end.
pub(super) fn interrupts() -> Result<mpsc::Receiver<()>, Failure> {
    let (sender, receiver) = mpsc::channel(2);
    let failed = |error: std::io::Error| Failure::failed(format!("signals cannot be listened to: {error}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if sender.send(()).await.is_err() {
                    return;
                }
            }
        });
    }
    #[cfg(windows)]
    {
        let mut interrupt = tokio::signal::windows::ctrl_c().map_err(failed)?;
        tokio::spawn(
            async move { while interrupt.recv().await.is_some() && sender.send(()).await.is_ok() {} },
        );
    }
    Ok(receiver)
}

/// The score of a new best, if the event is one.
pub(super) fn improvement(event: &JobEvent) -> Option<f64> {
    match event {
        JobEvent::Island { event: RunEvent::BestImproved { score, .. }, .. } => Some(*score),
        _ => None,
    }
}
