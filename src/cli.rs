//! The command line.

mod best;
mod check;
mod closing_report;
mod cluster;
mod compare;
mod completions;
mod display;
mod doctor;
mod eval;
mod failure;
mod follow;
mod health;
mod incident;
mod init;
mod jobs;
mod listen;
mod metrics;
mod node;
mod nodes;
mod output;
mod place;
mod process;
mod remote;
mod report;
mod resume;
mod run;
mod secret_file;
mod show;
mod status;
mod stop;
mod stored;
mod submit;
mod table;
mod toolbox;
mod top;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};

use failure::Failure;
use output::Output;
use process::{Process, ProcessArguments};
use status::Status;

const EXAMPLES: &str = "\
Examples:
  evohub run examples/movie-sentiment.toml      evolve a prompt with the local model
  evohub init job.toml                          write a job file to start from
  evohub check job.toml                         what would it cost? calls no model
  evohub run job.toml --set budget.dollars=2    a value that goes before the file's
  evohub compare job.toml --algorithms gepa,ga  which algorithm does better? with curves and tests
  evohub best job | my-program                  the prompt alone
  evohub cluster up --nodes 3 --store postgres://…    a local cluster; `evohub submit` hands it jobs

Exit status: 0 done, 1 failed, 2 bad input, 3 a budget ended before any result, 130 interrupted.";

/// Evolves prompts against test cases with real language models.
#[derive(Debug, Parser)]
#[command(name = "evohub", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where jobs are kept: `sqlite:PATH`, a path, or `postgres://…` [default: evohub/evohub.db in the user's data folder]
    #[arg(long, global = true, env = "EVOHUB_STORE", value_name = "URL", hide_env_values = true)]
    store: Option<String>,
    /// Read that address from this file, where nobody sees the password that it may hold
    #[arg(long, global = true, env = "EVOHUB_STORE_FILE", value_name = "FILE", conflicts_with = "store")]
    store_file: Option<PathBuf>,
    /// Log more; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Say nothing but errors and results
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    #[command(flatten)]
    process: ProcessArguments,
}

impl Global {
    /// The level of logs that flags and command ask for.
    fn level(&self, command: &Command) -> Option<&str> {
        match (self.quiet, self.verbose) {
            (true, _) => Some("error"),
            // It draws where logs are written to.
            (false, 0) if matches!(command, Command::Top(_)) => Some("off"),
            (false, 0) => None,
            (false, 1) => Some("info"),
            (false, _) => Some("debug"),
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Evolve a prompt as a job file says, and report what came of it
    Run(run::RunArguments),
    /// Write a commented job file to start from
    Init(init::InitArguments),
    /// Check a job file and say how many calls and dollars it can cost, calling no model and writing nothing
    Check(check::CheckArguments),
    /// Run a job with several algorithms and seeds under equal budgets, and tell whether they differ
    Compare(compare::CompareArguments),
    /// List the jobs in the store, newest first
    Jobs(jobs::JobsArguments),
    /// Show a job: its result and its candidates
    Show(show::ShowArguments),
    /// Print the best prompt of a job and nothing else
    Best(best::BestArguments),
    /// Go on with a job that was stopped, interrupted or killed
    Resume(resume::ResumeArguments),
    /// Ask the process that runs a job to stop it, so that it can be resumed
    Stop(stop::StopArguments),
    /// Write a page about a job: curves, cost, Pareto front, family tree, prompt differences
    Report(report::ReportArguments),
    /// Watch a process that works, live: fitness, evaluations, models, actors
    Top(top::TopArguments),
    /// Ask a process whether it is ready or lives, for probes that run a program: the exit status is 0 or 1
    Health(health::HealthArguments),
    /// Run a node of a cluster, or drain one
    Node(Box<node::NodeArguments>),
    /// Start a local cluster to try out, or make certificates for one
    Cluster(cluster::ClusterArguments),
    /// Hand a job to a cluster, and follow it
    Submit(submit::SubmitArguments),
    /// Show the nodes of a cluster and what they do
    Status(nodes::StatusArguments),
    /// Find out what is wrong: settings, machine, servers, cluster; changes nothing
    Doctor(Box<doctor::DoctorArguments>),
    /// Collect what a report of an incident needs in one file, without secrets
    Incident(Box<incident::IncidentArguments>),
    /// Score one prompt on a file of cases
    Eval(eval::EvalArguments),
    /// Print the catalogue of all metrics, in Markdown form
    Metrics,
    /// Print completions for a shell
    Completions(completions::CompletionsArguments),
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    let output = Output::new(global.quiet);
    let outcome = run_in_process(global, &output, command);
    let status = outcome.unwrap_or_else(|failure| {
        output.error(&failure.message);
        failure.status
    });
    status.into()
}

fn run_in_process(mut global: Global, output: &Output, command: Command) -> Result<Status, Failure> {
    if let Some(file) = &global.store_file {
        global.store = Some(secret_file::read("store", file)?);
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::failed(error.to_string()))?;
    // The export of traces may need the runtime.
    let process = {
        let _entered = runtime.enter();
        let level = global.level(&command);
        match command {
            Command::Doctor(_) | Command::Incident(_) => Process::that_looks(&global.process, level)?,
            _ => Process::start(&global.process, level)?,
        }
    };
    let outcome = runtime.block_on(dispatch(&global, &process, output, command));
    process.end();
    // A model that is being loaded is not waited for.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(
    global: &Global,
    process: &Process,
    output: &Output,
    command: Command,
) -> Result<Status, Failure> {
    match command {
        Command::Run(arguments) => run::run(global, process, output, &arguments).await,
        Command::Init(arguments) => init::init(output, &arguments),
        Command::Check(arguments) => check::check(global, output, &arguments),
        Command::Compare(arguments) => compare::compare(global, process, output, &arguments).await,
        Command::Jobs(arguments) => jobs::jobs(global, process, output, &arguments).await,
        Command::Show(arguments) => show::show(global, process, output, &arguments).await,
        Command::Best(arguments) => best::best(global, process, output, &arguments).await,
        Command::Resume(arguments) => resume::resume(global, process, output, &arguments).await,
        Command::Stop(arguments) => stop::stop(global, process, output, &arguments).await,
        Command::Node(arguments) => node::node(global, process, output, *arguments).await,
        Command::Cluster(arguments) => cluster::cluster(global, output, &arguments).await,
        Command::Submit(arguments) => submit::submit(process, output, &arguments).await,
        Command::Status(arguments) => nodes::status(process, output, &arguments).await,
        Command::Report(arguments) => report::report(global, process, output, &arguments).await,
        Command::Top(arguments) => top::top(output, &arguments).await,
        Command::Health(arguments) => health::health(output, &arguments).await,
        Command::Doctor(arguments) => doctor::doctor(global, process, output, &arguments).await,
        Command::Incident(arguments) => incident::incident(global, process, output, &arguments).await,
        Command::Eval(arguments) => eval::eval(global, process, output, &arguments).await,
        Command::Metrics => metrics::metrics(output),
        Command::Completions(arguments) => completions::completions(output, &arguments),
    }
}
