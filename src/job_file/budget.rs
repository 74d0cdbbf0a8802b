//! The table `[budget]`.

use evohub_actors::{JobBudget, JobSpec};

use super::document::Document;
use super::error::JobFileError;
use super::islands;
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

/// Whether the evaluations are enough to measure the seeds and to try something, on every island.
pub(super) fn check(document: &Document, spec: &JobSpec) -> Result<(), JobFileError> {
    let Some(whole) = spec.budget.evaluations else { return Ok(()) };
    let count = spec.islands.count;
    // Of each seed, and of the best of them.
    let cases_on = |island: u32| {
        let all = spec.ranking_cases_on(island);
        (spec.algorithm_on(island).seed_cases(all), all)
    };
    let needed = |island: &u32| {
        let (each, best) = cases_on(*island);
        ((spec.seeds_on(*island).len().saturating_sub(1)) * each + best) as u64 + LEAST_SEARCH
    };
    let Some(neediest) = (0..count).rev().max_by_key(needed) else { return Ok(()) };
    let least = needed(&neediest);
    // Each island has its share.
    if whole / u64::from(count) >= least {
        return Ok(());
    }
    let prompts = match (spec.seeds_on(neediest).len(), cases_on(neediest)) {
        (1, (_, best)) => format!("the seed prompt takes {best} to be measured"),
        (seeds, (each, best)) if each == best => {
            format!("each of {seeds} seed prompts takes {each} to be measured")
        }
        (seeds, (each, best)) => {
            format!("each of {seeds} seed prompts takes {each} to be measured, and the best {best}")
        }
    };
    let each = match count {
        1 => String::new(),
        count if spec.islands.each.is_empty() => format!(" on each of {count} islands"),
        count => format!(" on island {neediest}, which has one of {count} shares"),
    };
    let own = spec.islands.each.get(neediest as usize).filter(|own| own.algorithm.is_some());
    let table = own.map_or_else(String::new, |_| format!("{}.", islands::key(neediest as usize)));
    let least = least * u64::from(count);
    let message = format!(
        "{whole} evaluations are too few: {prompts}{each}, and a search at least \
         {LEAST_SEARCH} more; write {least} or more, or a smaller `{table}algorithm.ranking_cases`"
    );
    Err(document.error("budget.evaluations", message))
}
