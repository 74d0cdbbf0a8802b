//! The closing report, for people.

use std::fmt::Write as _;

use super::place::Whereabouts;

use evohub::evolution::optimizers::Property;
use evohub::evolution::{FinishReason, Rescoring};
use evohub::llm::registry::LOCAL;
use evohub::report::four_digits;
use evohub::{EvaluatorSpec, JobResult, JobSpec, Measured, ReflectionResult, Standing};

use super::display::clock;

/// What came of a job, what it cost, and where to look further.
pub(crate) fn closing_report(result: &JobResult, spec: &JobSpec, whereabouts: &Whereabouts) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}  {}", result.job, headline(result));
    let _ = writeln!(text, "\nseed prompt\n{}", indented(&result.seed.prompt));
    match &result.best {
        Some(best) if best.id != result.seed.id => {
            let _ = writeln!(text, "\nchosen prompt\n{}", indented(&best.prompt));
            scores(&mut text, &result.seed, Some(best));
            comparison(&mut text, result, best);
        }
        Some(_) => {
            let _ = writeln!(text, "\nno prompt was found to be better than the seed");
            scores(&mut text, &result.seed, None);
        }
        None => {
            let _ = writeln!(text, "\nno prompt was measured");
        }
    }
    models(&mut text, &result.models);
    costs(&mut text, result, spec);
    let (job, Whereabouts { place, options }) = (&result.job, whereabouts);
    let _ = writeln!(text, "where   {place}");
    let _ = write!(
        text,
        "next    evohub best {job}{options} | evohub show {job}{options} | evohub report {job}{options} -o report.html"
    );
    text
}

fn headline(result: &JobResult) -> String {
    let reason = match result.reason {
        Some(FinishReason::Budget) => ", the budget is used up",
        Some(FinishReason::Exhausted) => ", nothing was left to try",
        Some(FinishReason::Stopped) => ", the time was up",
        _ => "",
    };
    format!("{} in {} ({}{reason})", result.status, clock(result.seconds), result.algorithm)
}

fn indented(prompt: &str) -> String {
    let lines: Vec<String> = prompt.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
    lines.join("\n")
}

/// One line for each part of the cases, sealed ones first.
fn scores(text: &mut String, seed: &Standing, best: Option<&Standing>) {
    let _ = writeln!(text, "\n{:<14}{:<28}{}", "score", "seed", if best.is_some() { "chosen" } else { "" });
    let parts =
        |standing: &Standing| [&standing.test, &standing.validation, &standing.train].map(Clone::clone);
    let (of_seed, of_best) = (parts(seed), best.map(parts).unwrap_or_default());
    for ((name, seed), best) in
        ["test (sealed)", "validation", "train"].into_iter().zip(&of_seed).zip(&of_best)
    {
        let (seed, best) = (seed.as_ref(), best.as_ref());
        if seed.is_some() || best.is_some() {
            let line = format!(
                "{name:<14}{:<28}{}",
                measured(seed),
                best.map_or_else(String::new, |_| measured(best))
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    for (name, seed) in &seed.objectives {
        // The score stands above.
        if name != Property::Score.as_str() {
            let best = best.and_then(|best| best.objectives.get(name));
            let best = best.map(|value| four_digits(*value)).unwrap_or_default();
            let _ = writeln!(text, "{}", format!("{name:<14}{:<28}{best}", four_digits(*seed)).trim_end());
        }
    }
}

fn measured(measured: Option<&Measured>) -> String {
    let Some(measured) = measured else { return "-".to_owned() };
    let cases = measured.cases;
    match measured.interval {
        Some([low, high]) => format!("{:.3} [{low:.3}, {high:.3}] ({cases})", measured.score),
        None => format!("{:.3} ({cases})", measured.score),
    }
}

fn comparison(text: &mut String, result: &JobResult, best: &Standing) {
    let score = |measured: &Option<Measured>| measured.as_ref().map(|measured| measured.score);
    if let (Some(seed), Some(chosen)) = (score(&result.seed.test), score(&best.test)) {
        let difference = chosen - seed;
        let p_value = result.p_value.map_or_else(String::new, |p| match p {
            p if p < 0.001 => ", p < 0.001".to_owned(),
            p => format!(", p = {p:.3}"),
        });
        let _ = writeln!(
            text,
            "difference    {difference:+.3} on test cases{p_value} (paired); intervals are of 95 %"
        );
    }
    if let Some(Rescoring { before, after, repeats, deviation }) = result.rescored {
        let _ = writeln!(
            text,
            "re-scored     {before:.3} on validation before {repeats} repeats, {after:.3} with them; a repeat strays by \
             {deviation:.3}"
        );
    }
    if let (Some(validation), Some(test)) = (score(&best.validation), score(&best.test)) {
        let gap = validation - test;
        let _ =
            writeln!(text, "gap           {gap:+.3} from test to validation, on which the choice was made");
    }
}

/// What each of several reflection models brought.
fn models(text: &mut String, models: &[ReflectionResult]) {
    if models.len() < 2 {
        return;
    }
    let width = models.iter().map(|model| model.model.chars().count()).max().unwrap_or(0).max(16);
    let _ = writeln!(text, "\n{:<width$}  proposals  used  improvement  dollars", "reflection model");
    for ReflectionResult { model, proposals, used, improvement, dollars } in models {
        let _ = writeln!(
            text,
            "{model:<width$}  {proposals:>9}  {used:>4}  {:>11}  ${dollars:.4}",
            format!("{improvement:+.3}")
        );
    }
}

fn costs(text: &mut String, result: &JobResult, spec: &JobSpec) {
    let dollars = match &spec.evaluator {
        EvaluatorSpec::Prompt(prompt) if result.dollars == 0.0 && prompt.model.provider() == LOCAL => {
            "$0".to_owned()
        }
        EvaluatorSpec::Prompt(_) if result.dollars == 0.0 => "$0 as far as prices are known".to_owned(),
        _ => format!("${:.4}", result.dollars),
    };
    let _ = writeln!(
        text,
        "\ncost    {} evaluations, {} candidates, {} model calls, {} tokens, {dollars}",
        result.evaluations, result.candidates, result.model_calls, result.tokens
    );
    let _ = writeln!(
        text,
        "saved   {} evaluations known from before, {} by early rejection",
        result.saved.cache, result.saved.early_rejection
    );
}

#[cfg(test)]
mod tests;
