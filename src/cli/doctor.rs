//! `evohub doctor`: what is wrong, and what to do about it.

use std::path::PathBuf;

use clap::Args;
use evohub::cluster::TlsFiles;
use evohub::doctor::{
    Diagnosis, Finding, HttpSettings, NodeSettings, Settings, TargetSettings, Verdict, examine,
};
use evohub::job_file::{JobFile, JobFileError};
use evohub::target::Address;
use serde_json::json;

use super::failure::Failure;
use super::node::StartArguments;
use super::output::Output;
use super::process::Process;
use super::run::SettingArguments;
use super::status::Status;
use super::table::Table;
use super::{Global, place};

/// Of the document; grows when a field changes its meaning or goes.
const VERSION: u32 = 1;

const EXAMPLES: &str = "\
Examples:
  evohub doctor --store postgres://evohub@db/evohub --cookie-file cookie --http 127.0.0.1:8080
  evohub doctor --join 10.0.0.2:7301 … --prometheus http://127.0.0.1:9090    as `evohub node`, and who scrapes it
  evohub doctor job.toml                        can this job be run here? calls no model
  evohub doctor … --json | jq '.findings[] | select(.status == \"problem\")'

It takes the options of `evohub node` and of logs and traces, and changes nothing: no table, no file, no job.
Exit status: 0 all is well or there are warnings only, 1 there are problems, 2 bad usage.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArguments {
    /// A job file that is to be run here
    #[arg(value_name = "JOB.toml")]
    file: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingArguments,
    #[command(flatten)]
    examined: ExaminationArguments,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What is examined: a node as it is started, and those who watch it.
#[derive(Debug, Args)]
pub(crate) struct ExaminationArguments {
    #[command(flatten)]
    node: StartArguments,
    /// Ask these nodes as well, `host:port` with commas
    #[arg(
        long,
        value_name = "ADDRESS",
        value_delimiter = ',',
        env = "EVOHUB_CLUSTER",
        help_heading = "Examination"
    )]
    to: Vec<String>,
    /// Certificate to ask the nodes with, good for `client`, where that of the node is not, in PEM form
    #[arg(long, value_name = "FILE", requires_all = ["client_key", "tls_authority"], help_heading = "Examination")]
    client_certificate: Option<PathBuf>,
    /// Private key of that certificate, in PEM form
    #[arg(long, value_name = "FILE", requires = "client_certificate", help_heading = "Examination")]
    client_key: Option<PathBuf>,
    /// Where processes are scraped, `host:port`, `http://…` or `https://…` with commas [default: that of --http]
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', help_heading = "Examination")]
    target: Vec<Address>,
    /// The file with the token that they ask for [default: that of --http-token-file, for --http]
    #[arg(long, value_name = "FILE", help_heading = "Examination")]
    target_token_file: Option<PathBuf>,
    /// A file with certificates (PEM) of authorities to trust, beside those of this machine
    #[arg(long, value_name = "FILE", help_heading = "Examination")]
    ca_file: Option<PathBuf>,
    /// The Prometheus that should scrape it, as in `http://127.0.0.1:9090`
    #[arg(long, value_name = "URL", help_heading = "Examination")]
    prometheus: Option<Address>,
}

impl ExaminationArguments {
    /// What is to be examined, and a job that is to be run.
    pub(crate) fn settings(
        &self,
        global: &Global,
        job: Option<Result<JobFile, JobFileError>>,
    ) -> Result<Settings, Failure> {
        let node = &self.node;
        let of_job = job.as_ref().and_then(|job| job.as_ref().ok()?.store.as_deref());
        Ok(Settings {
            store: place::address(global, of_job)?,
            redis: node.redis()?,
            node: node.keys.cookie_file.clone().map(|cookie_file| NodeSettings {
                listen: node.listen,
                cookie_file,
                config: node.cluster().map_err(|failure| failure.message),
                client: self.client(),
                ask: self.to.clone(),
            }),
            workers: node.workers,
            http: node.http.map(|listen| HttpSettings {
                listen,
                token_file: node.http_token_file.clone(),
                tls: node.http_certificate.clone().zip(node.http_key.clone()),
                insecure: node.insecure,
            }),
            targets: TargetSettings {
                addresses: self.target.clone(),
                token_file: self.target_token_file.clone(),
                ca_file: self.ca_file.clone(),
            },
            prometheus: self.prometheus.clone(),
            traces: global.process.traces().map_err(|failure| failure.message),
            log_file: global.process.log_file.clone(),
            job,
        })
    }

    fn client(&self) -> Option<TlsFiles> {
        let (certificate, key) = self.client_certificate.clone().zip(self.client_key.clone())?;
        Some(TlsFiles { certificate, key, authority: self.node.keys.tls()?.authority })
    }
}

pub(crate) async fn doctor(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &DoctorArguments,
) -> Result<Status, Failure> {
    let changes = arguments.settings.settings()?;
    let job = arguments.file.as_deref().map(|path| JobFile::load(path, &changes));
    let settings = arguments.examined.settings(global, job)?;
    let diagnosis = examine(&settings, &process.metrics).await.diagnosis;
    let text = if arguments.json {
        let json = serde_json::to_string_pretty(&in_json(&diagnosis));
        json.map_err(|error| Failure::failed(error.to_string()))?
    } else {
        in_words(&diagnosis)
    };
    output.result(&text)?;
    Ok(match diagnosis.status() {
        Verdict::Problem => Status::Failed,
        _ => Status::Done,
    })
}

/// The document of `--json`.
pub(crate) fn in_json(diagnosis: &Diagnosis) -> serde_json::Value {
    json!({
        "version": VERSION,
        "status": diagnosis.status(),
        "problems": diagnosis.count(Verdict::Problem),
        "warnings": diagnosis.count(Verdict::Warning),
        "findings": diagnosis.findings,
    })
}

/// The findings as a table, with advice under each, and a line that sums them up.
pub(crate) fn in_words(diagnosis: &Diagnosis) -> String {
    let mut table = Table::new(["status", "check", "found"]);
    for Finding { check, status, found, advice } in &diagnosis.findings {
        let word = if *status == Verdict::NotApplicable { "-" } else { status.as_str() };
        table.row([word.to_owned(), check.as_str().to_owned(), found.clone()]);
        if let Some(advice) = advice {
            table.row([String::new(), String::new(), format!("→ {advice}")]);
        }
    }
    format!("{table}\n{}", summary(diagnosis))
}

/// How many findings there are of each kind.
pub(crate) fn summary(diagnosis: &Diagnosis) -> String {
    let count = |status, one: &str, more: &str| match diagnosis.count(status) {
        1 => format!("1 {one}"),
        count => format!("{count} {more}"),
    };
    [
        count(Verdict::Problem, "problem", "problems"),
        count(Verdict::Warning, "warning", "warnings"),
        count(Verdict::Ok, "ok", "ok"),
        count(Verdict::NotApplicable, "does not apply", "do not apply"),
    ]
    .join(", ")
}
