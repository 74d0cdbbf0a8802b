//! The command line: writes the dashboards.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use evohub_dashboards::{boards, grafana};

/// Makes the Grafana dashboards of evohub.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the dashboards as Grafana reads them
    Generate {
        /// The folder for a file of each dashboard, named after its uid
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    let Command::Generate { out } = Arguments::parse().command;
    match generate(&out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "whoever runs it has to hear of it")]
            {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn generate(folder: &std::path::Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (name, text) in grafana::files(&boards::all()) {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
