//! The table `[budget]`.

use evohub_actors::JobBudget;
use evohub_evolution::AlgorithmConfig;

use super::document::Document;
use super::error::JobFileError;
use super::raw::RawBudget;

/// Evaluations beside those of the seeds without which nothing can be found.
const LEAST_SEARCH: u64 = 10;

pub(super) fn budget(document: &Document, raw: &RawBudget) -> Result<JobBudget, JobFileError> {
    let count = |key: &str, value: Option<i64>| match value.map(u64::try_from) {
        None => Ok(None),
        Some(Ok(count)) if count > 0 => Ok(Some(count)),
        Some(_) => {
            Err(document.error(&format!("budget.{key}"), "must be above 0; leave it out for no such limit"))
        }
    };
    let amount = |key: &str, value: Option<f64>| match value {
        Some(amount) if !(amount.is_finite() && amount > 0.0) => {
            Err(document.error(&format!("budget.{key}"), "must be above 0; leave it out for no such limit"))
        }
        other => Ok(other),
    };
    let budget = JobBudget {
        evaluations: count("evaluations", raw.evaluations)?,
        dollars: amount("dollars", raw.dollars)?,
        tokens: count("tokens", raw.tokens)?,
        minutes: amount("minutes", raw.minutes)?,
    };
    if budget == JobBudget::default() {
        let message =
            "nothing ends the search; give at least one of `evaluations`, `dollars`, `tokens` and `minutes`";
        return Err(document.error("budget", message));
    }
    Ok(budget)
}

/// Whether the evaluations are enough to measure the seeds and to try something.
pub(super) fn check(
    document: &Document,
    budget: JobBudget,
    algorithm: &AlgorithmConfig,
    seeds: usize,
    validation: usize,
    islands: u32,
) -> Result<(), JobFileError> {
    let Some(whole) = budget.evaluations else { return Ok(()) };
    // Each island has its share.
    let most = whole / u64::from(islands);
    let cases = algorithm.ranking_cases(validation, Some(most));
    let least = (seeds * cases) as u64 + LEAST_SEARCH;
    if most >= least {
        return Ok(());
    }
    let prompts =
        if seeds == 1 { "the seed prompt".to_owned() } else { format!("each of {seeds} seed prompts") };
    let (each, least) = match islands {
        1 => (String::new(), least),
        count => (format!(" on each of {count} islands"), least * u64::from(count)),
    };
    let message = format!(
        "{whole} evaluations are too few: {prompts} takes {cases} to be measured{each}, and a search at least \
         {LEAST_SEARCH} more; write {least} or more, or a smaller `algorithm.ranking_cases`"
    );
    Err(document.error("budget.evaluations", message))
}
