//! `evohub incident`: what a report of an incident needs, in one file without secrets.

mod bundle;
mod clean;
mod job;
mod log_end;
mod process;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use evohub::ClusterClient;
use evohub::doctor::{Examined, Settings, Told, examine};
use evohub::monitoring::metrics::Metrics;
use evohub::store::{JobRecord, SchemaState, Store};
use serde_json::json;

use super::doctor::{ExaminationArguments, in_json, in_words, summary};
use super::failure::Failure;
use super::output::Output;
use super::process::Process;
use super::status::Status;
use super::stored::{find, state_word};
use super::{Global, place};
use bundle::Bundle;

/// Most jobs that are listed, the newest.
const MOST_JOBS: usize = 200;

const EXAMPLES: &str = "\
Examples:
  evohub incident films-1a2b3c4d -o incident.zip --store postgres://evohub@db/evohub --cookie-file cookie \\
      --to 10.0.0.1:7301 --target 10.0.0.1:8080,10.0.0.2:8080 --logs /var/log/evohub/evohub.log
  evohub incident node-a -o incident.zip …      about a node instead of a job

The file is a zip archive; manifest.json in it says where each file comes from and what could not be had. Secrets are
taken out of all of it, and prompts, cases and answers are left out unless --with-content asks for them.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct IncidentArguments {
    /// The job's id, or the beginning of it; or the name of a node
    #[arg(value_name = "JOB|NODE")]
    subject: String,
    /// The file to write, a zip archive; it must not be there yet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Log files of which the end is taken, with commas
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    logs: Vec<PathBuf>,
    /// Take the job's prompts and cases as well
    #[arg(long)]
    with_content: bool,
    #[command(flatten)]
    examined: ExaminationArguments,
}

/// What it is about.
enum Subject {
    Job(Box<JobRecord>),
    Node(String),
    /// Not all who may know it could be asked.
    Unknown,
}

pub(crate) async fn incident(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &IncidentArguments,
) -> Result<Status, Failure> {
    let IncidentArguments { subject: name, output: path, logs, with_content, examined } = arguments;
    bundle::check_output(path)?;
    let settings = examined.settings(global, None)?;
    let found = examine(&settings, &process.metrics).await;
    let mut bundle = Bundle::default();
    let store = store(&settings, &found, &process.metrics, &mut bundle).await;
    let jobs = match &store {
        Some(store) => bundle.had("the list of jobs", store.jobs().await),
        None => None,
    };
    let subject = subject(name, store.as_deref(), jobs.as_deref(), &found.nodes).await?;
    bundle.json("build.json", "this program", &process::build());
    bundle.json(
        "configuration.json",
        "the command line and the environment",
        &process::configuration(&settings),
    );
    bundle.json("doctor.json", "evohub doctor", &in_json(&found.diagnosis));
    bundle.text("doctor.txt", "evohub doctor", &in_words(&found.diagnosis));
    if let Some(jobs) = &jobs {
        let listed: Vec<_> = jobs.iter().take(MOST_JOBS).map(listed).collect();
        bundle.json("jobs.json", &format!("the store, the newest {MOST_JOBS} at most"), &listed);
    }
    let about = match (&subject, &store) {
        (Subject::Job(record), Some(store)) => {
            job::collect(&mut bundle, &**store, record, &found.nodes, *with_content).await;
            format!("job {}, {}", record.id, state_word(record))
        }
        (Subject::Node(name), _) => format!("node {name}"),
        _ => {
            bundle.missing(
                &format!("what `{name}` is"),
                "neither the store nor a node could be asked about it",
            );
            format!("`{name}`")
        }
    };
    for told in &found.nodes {
        of_node(&mut bundle, told);
    }
    process::pages(&mut bundle, &settings).await;
    for log in logs {
        log_end::collect(&mut bundle, log).await;
    }
    if logs.is_empty() {
        bundle.missing("logs", "no file is named with --logs");
    }
    if let Some(store) = store {
        store.close().await;
    }
    let content = if *with_content { "with prompts and cases" } else { "without prompts and cases" };
    let header = format!("about   {about}, {content}\ndoctor  {}\n", summary(&found.diagnosis));
    let text = bundle.write(path, name, *with_content, &header)?;
    output.result(&text)?;
    Ok(Status::Done)
}

/// The store, where it can be read without changing it; else that of the cluster.
async fn store(
    settings: &Settings,
    found: &Examined,
    metrics: &Arc<Metrics>,
    bundle: &mut Bundle,
) -> Option<Arc<dyn Store>> {
    let why = match &found.store {
        // To open one with other tables would bring them up to date.
        Ok(examination) => match examination.schema() {
            Some(SchemaState::Current { .. }) => match place::open(&settings.store).await {
                Ok(store) => return Some(store),
                Err(failure) => failure.message,
            },
            Some(SchemaState::Empty) | None => format!("{} has no tables yet", settings.store),
            Some(_) => format!("{} has tables of another version, see doctor.txt", settings.store),
        },
        Err(error) => error.message.clone(),
    };
    let heard = found.nodes.iter().filter(|told| told.status.is_ok()).map(|told| told.address.clone());
    let config = settings.node.as_ref().and_then(|node| node.client_config(heard.collect()));
    if let Some(config) = config
        && let Ok(client) = ClusterClient::connect(config, Arc::clone(metrics)).await
    {
        return Some(Arc::new(client.store()));
    }
    bundle.missing("what the store knows", &why);
    None
}

/// What the user means.
async fn subject(
    name: &str,
    store: Option<&dyn Store>,
    jobs: Option<&[JobRecord]>,
    nodes: &[Told],
) -> Result<Subject, Failure> {
    let is_node = |status: &evohub::ClusterStatus| status.nodes.iter().any(|node| node.name == name);
    if nodes.iter().filter_map(|told| told.status.as_ref().ok()).any(is_node) {
        return Ok(Subject::Node(name.to_owned()));
    }
    let (Some(store), Some(_)) = (store, jobs) else { return Ok(Subject::Unknown) };
    match find(store, name).await {
        Ok(record) => Ok(Subject::Job(Box::new(record))),
        // A node that is gone may be meant, of which those that could be asked know nothing any more.
        Err(_) if nodes.iter().any(|told| told.status.is_err()) => Ok(Subject::Unknown),
        Err(failure) => Err(failure),
    }
}

fn listed(job: &JobRecord) -> serde_json::Value {
    json!({
        "job": job.id,
        "state": state_word(job),
        "algorithm": job.algorithm,
        "owner": job.owner,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "error": job.error,
    })
}

/// The cluster as a node sees it.
fn of_node(bundle: &mut Bundle, told: &Told) {
    match &told.status {
        Ok(status) => {
            let source = format!("node {} at {}", status.by, told.address);
            bundle.json(&format!("cluster/as-seen-by-{}.json", status.by), &source, status);
        }
        Err(unheard) => bundle.missing(&format!("what the node at {} sees", told.address), &unheard.why),
    }
}
