//! `evohub init`: a job file to start from.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::output::Output;
use super::status::Status;

/// The job file to start from.
const TEMPLATE: &str = include_str!("init/job.toml");

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Where to write it; `-` for standard output
    #[arg(value_name = "JOB.toml", default_value = "job.toml")]
    file: PathBuf,
}

pub(crate) fn init(output: &Output, arguments: &InitArguments) -> Result<Status, Failure> {
    let path = &arguments.file;
    if path.as_os_str() == "-" {
        output.result(TEMPLATE)?;
        return Ok(Status::Done);
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(TEMPLATE.as_bytes()));
    written.map_err(|error| {
        Failure::bad_input(match error.kind() {
            ErrorKind::AlreadyExists => {
                format!("{}: is there already; name another file, or take it away first", path.display())
            }
            _ => format!("{}: cannot be written: {error}", path.display()),
        })
    })?;
    output.note(&format!(
        "wrote {0}; put your cases into the file that it names, then: evohub check {0}",
        path.display()
    ));
    Ok(Status::Done)
}
