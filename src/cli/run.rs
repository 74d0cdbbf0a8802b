//! `evohub run`: a job from its file to its report.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use evohub::job_file::{JobFile, Setting};
use evohub::{Engine, EngineConfig, PreparedJob};

use super::failure::Failure;
use super::follow::{Form, follow};
use super::listen::ListenArguments;
use super::output::Output;
use super::process::Process;
use super::status::Status;
use super::{Global, place, toolbox};

const EXAMPLES: &str = "\
Examples:
  evohub run job.toml
  evohub run job.toml --set algorithm.name=ga --set budget.evaluations=500
  evohub run job.toml --json > result.json
  evohub run job.toml --events | jq -c 'select(.event == \"best_improved\")'

Ctrl-C stops the job so that `evohub resume` goes on with it; a second one ends the program at once.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArguments {
    /// The job file; `evohub init` writes one to start from
    #[arg(value_name = "JOB.toml")]
    file: PathBuf,
    #[command(flatten)]
    settings: SettingArguments,
    #[command(flatten)]
    form: FormArguments,
    #[command(flatten)]
    listen: ListenArguments,
}

/// Values that go before those of a job file.
#[derive(Debug, Args)]
pub(crate) struct SettingArguments {
    /// A value that goes before the file's, as in `budget.evaluations=100`; paths are relative to the job file
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// Seed of all chance: the same as `--set random_seed=N`
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl SettingArguments {
    pub(crate) fn settings(&self) -> Result<Vec<Setting>, Failure> {
        let mut settings = self.settings.clone();
        if let Some(seed) = self.seed {
            settings.push(format!("random_seed={seed}").parse().map_err(Failure::bad_input)?);
        }
        Ok(settings)
    }
}

/// What goes to standard output.
#[derive(Debug, Args)]
pub(crate) struct FormArguments {
    /// Print the result as one JSON document
    #[arg(long, conflicts_with = "events")]
    json: bool,
    /// Print what happens as JSON lines, the last with the result
    #[arg(long)]
    events: bool,
}

impl FormArguments {
    pub(crate) fn form(&self) -> Form {
        match (self.json, self.events) {
            (true, _) => Form::Json,
            (_, true) => Form::Events,
            _ => Form::Report,
        }
    }
}

pub(crate) async fn run(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &RunArguments,
) -> Result<Status, Failure> {
    let file = JobFile::load(&arguments.file, &arguments.settings.settings()?)?;
    file.warnings.iter().for_each(|warning| output.warning(warning));
    let address = place::address(global, file.store.as_deref())?;

    let observation = arguments.listen.start(process, output).await?;
    observation.iter().for_each(|observation| observation.starting("opening the models"));
    // Loading a local model takes a moment, and may still find something wrong: the store comes after it.
    let toolbox = toolbox::toolbox(process, output);
    file.check_operators(&toolbox.operator_names())?;
    let spec = file.spec;
    output.show_bar();
    let prepared = tokio::task::spawn_blocking({
        let toolbox = toolbox.clone();
        move || PreparedJob::new(spec, &toolbox)
    });
    let prepared = prepared.await.map_err(|error| Failure::failed(error.to_string()))??;
    let spec = prepared.spec.clone();

    observation.iter().for_each(|observation| {
        observation.watch_models(&prepared.tools);
        observation.starting("opening the store");
    });
    let store = place::open(&address).await?;
    let engine = Engine::start(EngineConfig { toolbox, ..EngineConfig::new(Arc::clone(&store)) }).await?;
    let handle = engine.submit_prepared(prepared).await?;
    observation.iter().for_each(|observation| observation.serve(store.clone(), &engine));
    let form = arguments.form.form();
    let status = follow(engine, handle, &spec, &address, form, output, observation.as_ref()).await?;
    arguments.listen.end(observation, output).await?;
    Ok(status)
}
