//! What the runs of a comparison say together.

use serde::Serialize;

use super::{ComparedRun, Comparison, Difference, Estimate, LEAST_PAIRS};

/// P-values below this are called significant by custom.
const LEVEL: f64 = 0.05;
/// Who uses less than this part of its evaluations has left some of them unused.
const USED: f64 = 0.8;

/// What the runs of a comparison say together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The algorithms, in the order of the comparison.
    pub algorithms: Vec<AlgorithmSummary>,
    /// The first seed prompt on the sealed test cases.
    pub seed_test: Option<Estimate>,
    /// Each further algorithm beside the first.
    pub differences: Vec<Difference>,
    /// What must be known to read the numbers, in sentences.
    pub remarks: Vec<String>,
}

/// The runs of one algorithm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlgorithmSummary {
    /// The algorithm.
    pub algorithm: String,
    /// Runs that came to an end.
    pub runs: usize,
    /// Score of the chosen prompt on the sealed test cases.
    pub test: Option<Estimate>,
    /// Score of the chosen prompt on the validation cases that it was measured on.
    pub validation: Option<Estimate>,
    /// Evaluations of the search, cached ones included.
    pub evaluations: Option<Estimate>,
    /// Answers of the reflection model that were paid for.
    pub proposals: Option<Estimate>,
    /// US dollars paid, the report included.
    pub dollars: Option<Estimate>,
    /// Minutes of running, the report included, of runs that were not interrupted.
    pub minutes: Option<Estimate>,
}

impl Summary {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let done = comparison.runs.iter().filter(|run| run.is_done());
        let differences = Difference::of(comparison);
        let algorithms: Vec<AlgorithmSummary> = comparison
            .algorithms
            .iter()
            .map(|algorithm| AlgorithmSummary::of(&algorithm.name, comparison))
            .collect();
        Self {
            seed_test: Estimate::of(done.filter_map(|run| Some(run.seed_test.as_ref()?.score))),
            remarks: remarks(comparison, &algorithms, &differences),
            algorithms,
            differences,
        }
    }
}

impl AlgorithmSummary {
    fn of(algorithm: &str, comparison: &Comparison) -> Self {
        let runs = comparison.done(algorithm);
        let estimate = |value: fn(&ComparedRun) -> Option<f64>| Estimate::of(runs.clone().filter_map(value));
        Self {
            algorithm: algorithm.to_owned(),
            runs: runs.clone().count(),
            test: estimate(ComparedRun::test_score),
            validation: estimate(|run| Some(run.validation.as_ref()?.score)),
            evaluations: estimate(|run| Some(run.evaluations as f64)),
            proposals: estimate(|run| Some(run.proposals? as f64)),
            dollars: estimate(|run| Some(run.dollars)),
            minutes: estimate(|run| Some(run.seconds? / 60.0)),
        }
    }
}

fn remarks(
    comparison: &Comparison,
    algorithms: &[AlgorithmSummary],
    differences: &[Difference],
) -> Vec<String> {
    let mut remarks = vec![];
    remarks.extend(power(differences));
    remarks.extend(algorithms.iter().filter_map(|algorithm| unused(algorithm, comparison)));
    if comparison.shared_cache {
        remarks.push(
            "The runs shared a cache: dollars, minutes and proposals are what each had to pay for after the others, \
             and do not compare the algorithms. Scores and evaluations do."
                .to_owned(),
        );
    }
    if comparison.runs_at_once > 1 {
        let count = comparison.runs_at_once;
        remarks.push(format!(
            "{count} runs at a time shared machine and models: minutes are not those of a run alone."
        ));
    }
    let interrupted = comparison.runs.iter().filter(|run| run.is_done() && run.seconds.is_none()).count();
    if interrupted > 0 {
        remarks.push(format!("{} interrupted: what they took in time is not counted.", were(interrupted)));
    }
    if comparison.runs.iter().any(ComparedRun::is_done)
        && comparison.runs.iter().all(|run| run.dollars == 0.0)
    {
        remarks.push(
            "No dollars were counted: the models cost nothing, or their prices are not known.".to_owned(),
        );
    }
    for run in comparison.runs.iter().filter(|run| !run.is_done()) {
        let (algorithm, seed) = (&run.algorithm, run.random_seed);
        let why = run.error.as_deref().unwrap_or("it says not why");
        remarks.push(format!("{algorithm} with seed {seed} failed and is left out: {why}."));
    }
    remarks
}

/// An algorithm that left a good part of its evaluations unused, so that budgets were equal and what was spent was not.
fn unused(algorithm: &AlgorithmSummary, comparison: &Comparison) -> Option<String> {
    let (used, most) = (algorithm.evaluations?.median, comparison.budget.evaluations?);
    let name = &algorithm.algorithm;
    (used < USED * most as f64).then(|| {
        format!(
            "{name} used {used:.0} of {most} evaluations (median): its searches ended before the budget did."
        )
    })
}

/// What the tests cannot show, however great a difference is.
fn power(differences: &[Difference]) -> Option<String> {
    let fewest = differences.iter().map(|difference| difference.pairs).min()?;
    if fewest < LEAST_PAIRS {
        let seeds = if fewest == 1 { "1 seed is".to_owned() } else { format!("{fewest} seeds are") };
        return Some(format!(
            "{seeds} too few for a test: take {LEAST_PAIRS} or more to hear whether algorithms differ."
        ));
    }
    let count = differences.len() as f64;
    let least = |pairs: usize| count * 0.5_f64.powi(pairs as i32 - 1);
    if least(fewest) < LEVEL {
        return None;
    }
    let enough = (fewest..).find(|pairs| least(*pairs) < LEVEL)?;
    Some(format!(
        "With {fewest} seeds no corrected p-value can be below {:.4}: take {enough} or more for one below {LEVEL}.",
        least(fewest).min(1.0)
    ))
}

/// `1 run was`, `2 runs were`.
fn were(count: usize) -> String {
    if count == 1 { "1 run was".to_owned() } else { format!("{count} runs were") }
}
