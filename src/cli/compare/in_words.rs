//! A comparison as text for people.

use std::fmt::Write as _;

use evohub::JobBudget;
use evohub::comparison::{AlgorithmSummary, Comparison, Estimate, Summary};

use crate::cli::table::Table;

/// Tables of scores, costs and differences, and what must be known to read them.
pub(super) fn in_words(comparison: &Comparison, summary: &Summary) -> String {
    let mut text = String::new();
    let seeds = comparison.random_seeds.len();
    let _ = writeln!(
        text,
        "{}: {} with {} each, {}\n",
        comparison.name,
        counted(comparison.algorithms.len(), "algorithm"),
        counted(seeds, "seed"),
        budget(&comparison.budget)
    );
    text.push_str(&scores(summary));
    text.push('\n');
    text.push_str(&costs(summary));
    text.push_str("\nmedians over runs, with 95 % intervals (bootstrap over runs)\n");
    if !summary.differences.is_empty() {
        text.push('\n');
        text.push_str(&differences(summary));
    }
    for remark in &summary.remarks {
        let _ = write!(text, "\nnote: {remark}");
    }
    text.trim_end().to_owned()
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What each run might spend.
fn budget(budget: &JobBudget) -> String {
    let parts = [
        budget.evaluations.map(|most| format!("{most} evaluations")),
        budget.dollars.map(|most| format!("${most}")),
        budget.tokens.map(|most| format!("{most} tokens")),
        budget.minutes.map(|most| format!("{most} min")),
    ];
    format!("{} a run", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn scores(summary: &Summary) -> String {
    let score = |estimate| estimated(estimate, |value| format!("{value:.3}"));
    let mut table = Table::new(["algorithm", "runs", "test (sealed)", "validation"]);
    for row in &summary.algorithms {
        let AlgorithmSummary { algorithm, runs, test, validation, .. } = row;
        table.row([algorithm.clone(), runs.to_string(), score(*test), score(*validation)]);
    }
    if summary.seed_test.is_some() {
        table.row(["seed prompt".to_owned(), String::new(), score(summary.seed_test), String::new()]);
    }
    table.to_string()
}

fn costs(summary: &Summary) -> String {
    let whole = |estimate| estimated(estimate, |value| format!("{value:.0}"));
    let mut table = Table::new(["algorithm", "evaluations", "proposals", "dollars", "minutes"]);
    for row in &summary.algorithms {
        table.row([
            row.algorithm.clone(),
            whole(row.evaluations),
            whole(row.proposals),
            estimated(row.dollars, |value| if value == 0.0 { "0".to_owned() } else { format!("{value:.4}") }),
            estimated(row.minutes, |value| format!("{value:.2}")),
        ]);
    }
    table.to_string()
}

fn differences(summary: &Summary) -> String {
    let mut table = Table::new(["on test cases, paired by seed", "pairs", "difference", "p", "p corrected"]);
    let p = |value: Option<f64>| match value {
        None => "-".to_owned(),
        Some(value) if value < 0.001 => "< 0.001".to_owned(),
        Some(value) => format!("{value:.3}"),
    };
    for row in &summary.differences {
        table.row([
            format!("{} less {}", row.algorithm, row.from),
            row.pairs.to_string(),
            row.difference.map_or_else(|| "-".to_owned(), |difference| format!("{difference:+.3}")),
            p(row.p_value),
            p(row.corrected),
        ]);
    }
    table.to_string()
}

/// The median with its interval, where that says more.
fn estimated(estimate: Option<Estimate>, format: fn(f64) -> String) -> String {
    let Some(Estimate { median, interval, .. }) = estimate else { return "-".to_owned() };
    let median = format(median);
    match interval.map(|ends| ends.map(format)) {
        Some([low, high]) if low != median || high != median => format!("{median} [{low}, {high}]"),
        _ => median,
    }
}

#[cfg(test)]
mod tests {
    use evohub::Measured;
    use evohub::comparison::{COMPARISON_VERSION, ComparedAlgorithm, ComparedRun};

    use super::*;

    fn run(algorithm: &str, random_seed: u64, score: f64) -> ComparedRun {
        let measured = |score, cases| Some(Measured { score, interval: None, cases });
        ComparedRun {
            algorithm: algorithm.into(),
            random_seed,
            job: format!("films-{algorithm}-{random_seed}"),
            store: "sqlite:jobs.db".into(),
            status: "done".into(),
            reason: None,
            error: None,
            prompt: None,
            test: measured(score, 30),
            validation: measured(score + 0.01, 24),
            seed_test: measured(0.1, 30),
            evaluations: 240,
            proposals: Some(random_seed),
            candidates: 9,
            dollars: 0.01 * score,
            seconds: Some(60.0 * score),
            began_at: 0,
            curve: vec![],
        }
    }

    fn comparison(seeds: u64) -> Comparison {
        let names = ["gepa", "promptbreeder", "random"];
        let shift = |name: &str| if name == "random" { 0.3 } else { 0.0 };
        let runs = names.iter().flat_map(|name| {
            let score = |seed: u64| 0.6 + 0.02 * ((seed * 7 + name.len() as u64) % 5) as f64 - shift(name);
            (0..seeds).map(move |seed| run(name, seed, score(seed)))
        });
        Comparison {
            version: COMPARISON_VERSION,
            name: "films".into(),
            program: "evohub".into(),
            algorithms: names
                .iter()
                .map(|name| ComparedAlgorithm { name: (*name).into(), settings: serde_json::Value::Null })
                .collect(),
            random_seeds: (0..seeds).collect(),
            budget: JobBudget { evaluations: Some(240), dollars: Some(0.5), ..JobBudget::default() },
            task: None,
            reflection: None,
            cases: [40, 40, 30],
            shared_cache: false,
            runs_at_once: 1,
            runs: runs.collect(),
        }
    }

    #[test]
    fn many_seeds_make_tests() {
        let comparison = comparison(8);
        insta::assert_snapshot!(in_words(&comparison, &comparison.summary()));
    }

    #[test]
    fn a_single_seed_says_little() {
        let comparison = comparison(1);
        insta::assert_snapshot!(in_words(&comparison, &comparison.summary()));
    }
}
