//! `evohub health`: what a process says of itself, as an exit status.

use std::path::PathBuf;

use clap::Args;
use evohub::target::{Address, Target};

use super::failure::Failure;
use super::output::Output;
use super::status::Status;

const EXAMPLES: &str = "\
Examples:
  evohub health                                     may work come to the process at 127.0.0.1:8080?
  evohub health --live node1:8080                   does it live, whatever it can reach?
  evohub health https://node1:8080 --ca-file ca.pem

Exit status: 0 yes, 1 no or no answer, 2 bad input.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HealthArguments {
    /// The address that the process listens at: `host:port`, `http://…` or `https://…`
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    address: Address,
    /// Ask whether the process lives, instead of whether it is ready
    #[arg(long)]
    live: bool,
    /// A file with certificates (PEM) of authorities to trust, beside those of this machine
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

pub(crate) async fn health(output: &Output, arguments: &HealthArguments) -> Result<Status, Failure> {
    let HealthArguments { address, live, ca_file } = arguments;
    let path = if *live { "/health/live" } else { "/health/ready" };
    let target = Target::new(address.clone(), None, ca_file.as_deref())?;
    let (is_well, verdict) = target.verdict(path).await?;
    let text = |name: &str| verdict[name].as_str().map(str::to_owned);
    let word = text("status").unwrap_or_default();
    if is_well {
        output.result(&word)?;
        return Ok(Status::Done);
    }
    let reason = text("reason").map(|reason| format!(": {reason}")).unwrap_or_default();
    Err(Failure::failed(format!("{} is {}{reason}", target.address(), word.replace('_', " "))))
}
