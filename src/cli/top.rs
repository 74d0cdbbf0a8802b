//! `evohub top`: a process that works, live in the terminal.

#[cfg(test)]
mod canned;
mod counts;
mod curve;
mod figures;
mod health;
mod histogram;
mod history;
mod keys;
mod live;
mod look;
mod numbers;
mod plain;
mod reading;
mod screen;
mod session;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use evohub::target::{Address, Target, TargetError};

use super::failure::Failure;
use super::output::Output;
use super::status::Status;
use keys::INTERVALS;
use look::Look;

const EXAMPLES: &str = "\
Examples:
  evohub top                                       the process of `evohub run job.toml --listen 127.0.0.1:8080`
  evohub top https://node1:8080 --token-file token --ca-file ca.pem
  evohub top --once                                the figures since its start, as text
  evohub top --json | jq .evaluations.by_outcome";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TopArguments {
    /// The address that the process listens at: `host:port`, `http://…` or `https://…`
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    address: Address,
    /// Seconds between two looks at the process, 0.1 to 60
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// A file with the token that the process asks for
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with certificates (PEM) of authorities to trust, beside those of this machine
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Print the figures since the start of the process and end; so it is, too, when standard output is no terminal
    #[arg(long)]
    once: bool,
    /// The same as one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn top(output: &Output, arguments: &TopArguments) -> Result<Status, Failure> {
    let TopArguments { address, interval, token_file, ca_file, once, json } = arguments;
    let target = Target::new(address.clone(), token_file.as_deref(), ca_file.as_deref())?;
    if target.tells_token() {
        output.warning("the token goes over the network for all to read; https:// keeps it secret");
    }
    if *once || *json || !io::stdout().is_terminal() {
        output.result(&snapshot(&target, *json).await?)?;
        return Ok(Status::Done);
    }
    live::watch(target, *interval).await
}

async fn snapshot(target: &Target, as_json: bool) -> Result<String, Failure> {
    let Look { reading, health } = Look::at(target).await?;
    let figures = history::figures_since_start(&reading, live::clock());
    if as_json {
        let json = plain::json(target.address(), &figures, &health);
        json.map_err(|error| Failure::failed(error.to_string()))
    } else {
        Ok(plain::text(target.address(), &figures, &health))
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let within = seconds.filter(|interval| (INTERVALS.0..=INTERVALS.1).contains(interval));
    within.ok_or_else(|| "a number of seconds from 0.1 to 60 is expected".to_owned())
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        if error.is_bad_input() {
            Self::bad_input(error.to_string())
        } else {
            Self::failed(error.to_string())
        }
    }
}
