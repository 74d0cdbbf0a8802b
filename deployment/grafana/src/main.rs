//! The command line: writes the dashboards, and draws them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use evohub_dashboards::plot::{self, PlotConfig};
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
    /// Draw the rows of the dashboards from what a Prometheus has seen
    Plot {
        /// Its address
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
        prometheus: String,
        /// When the pictures begin, in seconds since 1970
        #[arg(long, value_name = "SECONDS")]
        start: f64,
        /// When they end, in seconds since 1970
        #[arg(long, value_name = "SECONDS")]
        end: f64,
        /// How often it scrapes, in seconds
        #[arg(long, value_name = "SECONDS", default_value = "15")]
        scrape: u64,
        /// The folder for a file of each row
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Err(error) = run(Arguments::parse().command).await else { return ExitCode::SUCCESS };
    #[expect(clippy::print_stderr, reason = "whoever runs it has to hear of it")]
    {
        eprintln!("error: {error}");
    }
    ExitCode::FAILURE
}

async fn run(command: Command) -> Result<(), String> {
    match command {
        Command::Generate { out } => write(&out, &grafana::files(&boards::all())),
        Command::Plot { prometheus, start, end, scrape, out } => {
            if end - start < 1.0 {
                return Err(format!("--end {end} must be later than --start {start}"));
            }
            let scrape = Duration::from_secs(scrape);
            let config = PlotConfig { prometheus, span: (start, end), scrape };
            for dashboard in boards::all() {
                let pictures = plot::pictures(&dashboard, &config).await;
                write(&out, &pictures.map_err(|error| format!("{}: {error}", dashboard.uid))?)?;
            }
            Ok(())
        }
    }
}

/// Writes files, each with its name and its text.
fn write(folder: &Path, files: &[(String, String)]) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
