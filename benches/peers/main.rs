//! evohub's searches beside those of the peers' own programs: the same endpoint on loopback, the same data, the same
//! number of task calls.
//!
//! Three parts. `stub`: an endpoint of 32 slots with lognormal latency, and landscapes on which the true accuracy of a
//! prompt is known. `model`: the local model behind one server, on data sets, judged on sealed cases. `defective`: the
//! same model, from prompts with a defect.
//!
//! `scripts/bench peers` installs the programs and starts it. What is run can be said in the environment:
//!
//! | variable | |
//! | --- | --- |
//! | `PART` | `stub`, `model` or `defective`; all unless said |
//! | `SYSTEMS` | words with spaces between, see `system.rs` |
//! | `SEEDS` | runs of each system, 10; 0 for none, and what all prompts to start from are worth |
//! | `FIRST` | the first seed, 1 |
//! | `CALLS` | task calls of a search; unless said 2,000, and 240 of the local model |
//! | `PARALLEL` | runs at once, 5 |
//! | `LANDSCAPES` | `all`, or the first alone |
//! | `DATA` | a folder of data sets, `examples/data` and `benches/peers/data` unless said |
//! | `SETS` | names of data sets, all there are unless said |

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

mod defective;
#[path = "../../tests/support/http.rs"]
mod http;
#[path = "../endpoint/job.rs"]
mod job;
#[path = "../endpoint/landscape.rs"]
mod landscape;
mod local_server;
mod program;
mod real;
#[path = "../endpoint/server.rs"]
mod server;
#[path = "../endpoint/stub.rs"]
mod stub;
mod sweep;
mod synthetic;
mod system;
mod table;

use std::path::PathBuf;

use sweep::Plan;
use system::System;

/// Names the folder with the Python that has the peers' programs; results are kept there.
const FOLDER: &str = "EVOHUB_BENCH_PEERS";
/// What is compared unless something else is said.
const ON_STUB: &str = "peer:gepa peer:gepa-4x4 peer:capo peer:evoprompt-ga gepa";
const ON_MODEL: &str = "peer:gepa peer:gepa-user peer:capo bandit";
const FROM_DEFECTS: &str = "bandit";
/// Task calls of a search with the local model.
const ON_MODEL_CALLS: u64 = 240;

fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, otherwise: u64) -> Result<u64, String> {
    said(name).map_or(Ok(otherwise), |value| value.parse().map_err(|error| format!("{name}: {error}")))
}

fn plan(systems: &str, evaluations: u64) -> Result<Plan, String> {
    let systems = said("SYSTEMS").unwrap_or_else(|| systems.to_owned());
    Ok(Plan {
        systems: systems.split_whitespace().map(System::parse).collect::<Result<_, _>>()?,
        seeds: number("SEEDS", 10)?,
        first: number("FIRST", 1)?,
        evaluations: number("CALLS", evaluations)?,
        parallel: number("PARALLEL", 5)?.max(1) as usize,
    })
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let Some(folder) = said(FOLDER) else {
        println!("skipped: started by `scripts/bench peers`, which installs the programs to compare with");
        return Ok(());
    };
    let part = said("PART");
    let is_wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    if is_wanted("stub") {
        let all = said("LANDSCAPES").as_deref() == Some("all");
        synthetic::measure(&plan(ON_STUB, 2_000)?, all).await;
    }
    let here = env!("CARGO_MANIFEST_DIR");
    let examples = PathBuf::from(format!("{here}/examples/data"));
    if is_wanted("model") {
        let folders = match said("DATA") {
            Some(folder) => vec![PathBuf::from(folder)],
            None => vec![examples.clone(), PathBuf::from(format!("{here}/benches/peers/data"))],
        };
        let sets: Vec<String> =
            said("SETS").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        real::measure(&plan(ON_MODEL, ON_MODEL_CALLS)?, &folders, &sets).await?;
    }
    if is_wanted("defective") {
        defective::measure(&plan(FROM_DEFECTS, ON_MODEL_CALLS)?, &examples).await?;
    }
    println!("\nall runs: stub.json, model.json and defective.json in {folder}");
    Ok(())
}
