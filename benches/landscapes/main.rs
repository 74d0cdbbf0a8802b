//! What each algorithm reaches with one budget or another, on simulated landscapes where the true accuracy of a prompt
//! is known.
//!
//! Simulated time: an endpoint of 32 slots with lognormal latencies, 0.2 s in the median for a task call and 0.8 s for
//! a proposal, sigma 0.8; 100 validation cases. Prints a table for each landscape. In the environment:
//!
//! | variable | |
//! | --- | --- |
//! | `ALGORITHMS` | names, or settings as JSON without spaces, with spaces between; seven unless said |
//! | `BUDGETS` | task calls of a search, with spaces between; 250 to 4,000 unless said |
//! | `SEEDS` | runs of each algorithm with each budget, 20 |
//! | `FIRST` | the first seed, 1 |
//! | `PROPOSAL_SECONDS` | what a proposal takes in the median, 0.8 |
//! | `PICTURES` | a folder for a picture of each landscape, `landscape-….svg` |

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

use std::ops::Range;
use std::path::Path;

use evohub::comparison::student_interval;
use evohub::evolution::AlgorithmConfig;
use evohub::evolution::optimizers::suite::{Landscape, Outcome, Setup, simulate};
use evohub::report::{Course, CoursePoint, budgets_picture};
use serde_json::json;

const ALGORITHMS: &str = "bandit gepa ga capo de best-of-n random";
/// Task calls of a search.
const BUDGETS: &str = "250 500 1000 2000 4000";
const SLOTS: usize = 32;
const CASES: u32 = 100;

/// How runs go, but for the algorithm, the budget and the seed.
#[derive(Clone, Copy)]
struct Endpoint {
    landscape: Landscape,
    proposal_seconds: f64,
}

fn outcome(endpoint: Endpoint, algorithm: &AlgorithmConfig, budget: u64, seed: u64) -> Outcome {
    let Endpoint { landscape, proposal_seconds } = endpoint;
    simulate(&Setup {
        landscape,
        proposal_seconds,
        seed,
        latencies: seed,
        slots: SLOTS,
        cases: CASES,
        ..Setup::new(algorithm.clone(), budget)
    })
}

/// Runs an algorithm with a budget and every seed, and says what came of it.
fn point(endpoint: Endpoint, word: &str, budget: u64, seeds: Range<u64>) -> Result<CoursePoint, String> {
    let config = if word.starts_with('{') { serde_json::from_str(word) } else { Ok(json!({ "name": word })) };
    let algorithm = config.and_then(serde_json::from_value::<AlgorithmConfig>);
    let algorithm = algorithm.map_err(|error| format!("{word}: {error}"))?;
    let outcomes: Vec<Outcome> = seeds.map(|seed| outcome(endpoint, &algorithm, budget, seed)).collect();
    let mean = |value: fn(&Outcome) -> f64| outcomes.iter().map(value).sum::<f64>() / outcomes.len() as f64;
    let chosen = outcomes.iter().filter_map(|outcome| outcome.chosen.as_ref());
    let mut accuracies: Vec<f64> = chosen.map(|candidate| endpoint.landscape.truth(candidate)).collect();
    let accuracy = accuracies.iter().sum::<f64>() / accuracies.len().max(1) as f64;
    let interval = student_interval(&accuracies).map(|band| band.map(|end| end.clamp(0.0, 1.0)));
    let [low, high] = interval.unwrap_or([f64::NAN; 2]);
    accuracies.sort_by(f64::total_cmp);
    let median = accuracies.get(accuracies.len() / 2).copied().unwrap_or(f64::NAN);
    println!(
        "  {word:10} {budget:6} {:5.0} {:8.1} {:10.1}   {median:.3}   {accuracy:.3} [{low:.3}, {high:.3}]",
        100.0 * mean(|outcome| outcome.busy),
        mean(|outcome| outcome.seconds),
        mean(|outcome| outcome.proposals as f64),
    );
    Ok(CoursePoint { spent: budget as f64, mean: accuracy, interval })
}

fn said(name: &str, otherwise: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| otherwise.to_owned())
}

fn number(name: &str, otherwise: &str) -> Result<u64, String> {
    said(name, otherwise).parse().map_err(|error| format!("{name}: {error}"))
}

fn main() -> Result<(), String> {
    let (first, count) = (number("FIRST", "1")?, number("SEEDS", "20")?);
    let (algorithms, budgets) = (said("ALGORITHMS", ALGORITHMS), said("BUDGETS", BUDGETS));
    let budgets = budgets.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>();
    let budgets = budgets.map_err(|error| format!("BUDGETS: {error}"))?;
    let proposal_seconds = said("PROPOSAL_SECONDS", "0.8");
    let proposal_seconds = proposal_seconds.parse().map_err(|error| format!("PROPOSAL_SECONDS: {error}"))?;
    let pictures = std::env::var("PICTURES").ok();
    for (title, landscape) in Landscape::ALL {
        println!(
            "{title}: prompts start at {:.3}; {count} seeds; accuracy on fresh cases: median, mean and its 95 % interval",
            landscape.truth(&landscape.seed())
        );
        println!("  {:10} {:>6} {:>5} {:>8} {:>10}", "", "calls", "busy%", "seconds", "proposals");
        let endpoint = Endpoint { landscape, proposal_seconds };
        let mut courses = vec![];
        for (place, word) in algorithms.split_whitespace().enumerate() {
            let point = |budget: &u64| point(endpoint, word, *budget, first..first + count);
            let points = budgets.iter().map(point).collect::<Result<_, _>>()?;
            courses.push(Course { name: word.to_owned(), place, points });
        }
        if let Some(folder) = &pictures {
            let title = format!("Landscape: {title}");
            let path = Path::new(folder).join(format!("{}.svg", file_name(&title)));
            std::fs::write(&path, budgets_picture(&title, "true accuracy", &courses))
                .map_err(|error| format!("{}: {error}", path.display()))?;
            println!("  wrote {}", path.display());
        }
    }
    Ok(())
}

/// A title in small letters, with hyphens between its words.
fn file_name(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}
