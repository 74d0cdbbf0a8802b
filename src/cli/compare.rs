//! `evohub compare`: algorithms side by side, under equal budgets.

mod board;
mod course;
mod in_words;
mod plan;

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use evohub::comparison::{Comparison, Summary};
use evohub::evolution::AlgorithmConfig;
use evohub::job_file::JobFile;
use evohub::report::{comparison_page, comparison_pictures};
use serde::Serialize;

use super::failure::Failure;
use super::output::Output;
use super::process::Process;
use super::run::SettingArguments;
use super::status::Status;
use super::{Global, place, toolbox};

use course::{Course, Outcome};
use plan::{Cache, Plan};

const EXAMPLES: &str = "\
Examples:
  evohub compare job.toml --algorithms gepa,ga --seeds 10
  evohub compare job.toml --algorithms gepa,ga --set budget.evaluations=500 --json > comparison.json

Ctrl-C stops it; the same command goes on where it was, and runs that have ended are not run again.";

/// The baseline that every comparison should have.
const BASELINE: &str = "random";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArguments {
    /// The job file; what it sets in `[algorithm]` holds for the algorithm that it names
    #[arg(value_name = "JOB.toml")]
    file: PathBuf,
    /// What is compared, with commas between; differences are from the first [default: the file's own, and `random`]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(AlgorithmConfig::NAMES.iter().copied()))]
    algorithms: Vec<String>,
    /// How many seeds each runs with: the file's `random_seed` and those after it
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    #[command(flatten)]
    settings: SettingArguments,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value = "comparison.html")]
    output: PathBuf,
    /// Also write the page's pictures into this folder, an SVG file each
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// How many runs go on at once; with more than one, times say little
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Keep all runs in the store, where they find evaluations that others have paid for: cheaper, but dollars and time
    /// cannot be compared then
    #[arg(long)]
    share_cache: bool,
    /// Run all of it anew, and forget the runs of an earlier comparison
    #[arg(long)]
    fresh: bool,
}

pub(crate) async fn compare(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &CompareArguments,
) -> Result<Status, Failure> {
    let file = JobFile::load(&arguments.file, &arguments.settings.settings()?)?;
    file.warnings.iter().for_each(|warning| output.warning(warning));
    check_folder(&arguments.output)?;
    if let Some(folder) = arguments.pictures.as_deref().filter(|folder| !folder.is_dir()) {
        return Err(Failure::bad_input(format!("--pictures: there is no folder {}", folder.display())));
    }
    let address = place::address(global, file.store.as_deref())?;
    let cache = if arguments.share_cache { Cache::Shared } else { Cache::Separate };
    let plan = Plan::new(&file, arguments.algorithms(&file), arguments.seeds, &address, cache)?;
    let toolbox = toolbox::toolbox(process, output);
    file.check_operators(&toolbox.operator_names())?;

    output.note(&plan.announcement());
    let at_once = usize::from(arguments.jobs);
    let course = Course::new(&plan, toolbox, output, arguments.fresh)?;
    let outcomes = course.run(at_once).await;
    course.end();
    let outcomes = outcomes?;
    let mut runs = vec![];
    for outcome in outcomes {
        if let Outcome::Ended(run) = outcome {
            runs.push(*run);
        }
    }
    if runs.len() < plan.runs.len() {
        let (done, all) = (runs.len(), plan.runs.len());
        output.note(&format!("stopped; {done} of {all} runs have ended; the same command goes on"));
        return Ok(Status::Interrupted);
    }
    let comparison = plan.comparison(runs, at_once);
    let summary = comparison.summary();
    if arguments.json {
        let document = Document { comparison: &comparison, summary: &summary };
        let json =
            serde_json::to_string_pretty(&document).map_err(|error| Failure::failed(error.to_string()))?;
        output.result(&json)?;
    } else {
        output.result(&in_words::in_words(&comparison, &summary))?;
    }
    write(&arguments.output, &comparison_page(&comparison), output)?;
    if let Some(folder) = &arguments.pictures {
        for picture in comparison_pictures(&comparison) {
            write(&folder.join(format!("{}.svg", picture.name)), &picture.svg, output)?;
        }
    }
    let failed = comparison.runs.iter().filter(|run| !run.is_done()).count();
    if failed > 0 {
        let all = comparison.runs.len();
        output.error(&format!("{failed} of {all} runs failed; the same command tries them again"));
        return Ok(Status::Failed);
    }
    Ok(Status::Done)
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    comparison: &'a Comparison,
    summary: &'a Summary,
}

impl CompareArguments {
    /// What is compared, each once.
    fn algorithms(&self, file: &JobFile) -> Vec<String> {
        let mut wanted = self.algorithms.clone();
        if wanted.is_empty() {
            wanted.push(file.spec.algorithm.name().to_owned());
            wanted.extend(AlgorithmConfig::NAMES.contains(&BASELINE).then(|| BASELINE.to_owned()));
        }
        let mut algorithms: Vec<String> = vec![];
        for name in wanted {
            if !algorithms.contains(&name) {
                algorithms.push(name);
            }
        }
        algorithms
    }
}

fn write(path: &Path, text: &str, output: &Output) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::bad_input(format!("{}: cannot be written: {error}", path.display())))?;
    output.note(&format!("wrote {}", path.display()));
    Ok(())
}

/// Hours of running should not be followed by a page that cannot be written.
fn check_folder(page: &Path) -> Result<(), Failure> {
    let folder = page.parent().filter(|folder| !folder.as_os_str().is_empty());
    let message = match folder {
        Some(folder) if !folder.is_dir() => format!("there is no folder {}", folder.display()),
        _ if page.is_dir() => "is a folder; name a file in it".to_owned(),
        _ => return Ok(()),
    };
    Err(Failure::bad_input(format!("{}: cannot be written: {message}", page.display())))
}
