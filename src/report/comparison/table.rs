//! The tables of a comparison.

use std::fmt::Write as _;

use evohub_charts::Escaped;

use crate::comparison::{ComparedRun, Comparison, Estimate, Summary};
use crate::report::text::{count, dollars, p_value, score, score_or_dash, signed, time};

/// One row an algorithm, and one for the seed prompt.
pub(super) fn estimates(summary: &Summary) -> String {
    let mut html = opening(&[
        "Algorithm",
        "Runs",
        "Test (sealed)",
        "Validation",
        "Evaluations",
        "Proposals",
        "Dollars",
        "Minutes",
    ]);
    let whole = |value: f64| count(value.max(0.0).round() as u64);
    for row in &summary.algorithms {
        let cells = [
            cell(row.test, score),
            cell(row.validation, score),
            cell(row.evaluations, whole),
            cell(row.proposals, whole),
            cell(row.dollars, dollars),
            cell(row.minutes, |value| format!("{value:.1}")),
        ];
        let _ = write!(
            html,
            r#"<tr><th scope="row">{}</th><td>{}</td>{}</tr>"#,
            Escaped(&row.algorithm),
            row.runs,
            cells.join("")
        );
    }
    if let Some(seed) = summary.seed_test {
        let _ = write!(
            html,
            r#"<tr><th scope="row">seed prompt</th><td></td>{}<td></td><td></td><td></td><td></td><td></td></tr>"#,
            cell(Some(seed), score)
        );
    }
    html.push_str("</tbody></table></div>\n");
    html
}

/// One row an algorithm but the first.
pub(super) fn differences(summary: &Summary) -> String {
    let mut html = opening(&["Algorithm", "Pairs", "Difference", "p", "p corrected"]);
    for row in &summary.differences {
        let p = |value: Option<f64>| {
            value.map_or_else(|| "–".to_owned(), |value| p_value(value).trim_start_matches("= ").to_owned())
        };
        let _ = write!(
            html,
            r#"<tr><th scope="row">{} less {}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"#,
            Escaped(&row.algorithm),
            Escaped(&row.from),
            row.pairs,
            row.difference.map_or_else(|| "–".to_owned(), signed),
            Escaped(&p(row.p_value)),
            Escaped(&p(row.corrected))
        );
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn opening(names: &[&str]) -> String {
    let heads: Vec<String> = names.iter().map(|name| format!(r#"<th scope="col">{name}</th>"#)).collect();
    format!(r#"<div class="wide"><table class="scores"><thead><tr>{}</tr></thead><tbody>"#, heads.join(""))
}

fn cell(estimate: Option<Estimate>, format: fn(f64) -> String) -> String {
    let Some(Estimate { median, interval, .. }) = estimate else { return "<td>–</td>".to_owned() };
    let interval = interval.map_or_else(String::new, |[low, high]| {
        format!(r#" <span class="interval">[{}, {}]</span>"#, format(low), format(high))
    });
    format!("<td><strong>{}</strong>{interval}</td>", format(median))
}

/// All runs, one row each. Columns can be sorted where scripts run.
pub(super) fn runs(comparison: &Comparison) -> String {
    let mut html = String::from(r#"<div class="wide"><table class="sortable"><thead><tr>"#);
    for name in [
        "Algorithm",
        "Seed",
        "Status",
        "Test",
        "Validation",
        "Evaluations",
        "Proposals",
        "Candidates",
        "Dollars",
        "Minutes",
        "Began",
        "Job",
        "Prompt",
    ] {
        let _ = write!(html, r#"<th scope="col">{name}</th>"#);
    }
    html.push_str("</tr></thead><tbody>");
    comparison.runs.iter().for_each(|run| row(&mut html, run));
    html.push_str("</tbody></table></div>");
    html
}

fn row(html: &mut String, run: &ComparedRun) {
    let (test, validation) = (run.test_score(), run.validation.as_ref().map(|measured| measured.score));
    let minutes = run.seconds.map(|seconds| seconds / 60.0);
    let proposals = run.proposals.map_or_else(|| "–".to_owned(), count);
    let prompt = run.prompt.as_ref().map_or_else(String::new, |prompt| {
        format!(
            r#"<details><summary>prompt</summary><pre class="prompt" dir="auto">{}</pre></details>"#,
            Escaped(prompt)
        )
    });
    let _ = write!(
        html,
        r#"<tr><th scope="row">{}</th><td class="number">{}</td><td>{}</td><td class="number" data-value="{}">{}</td><td class="number" data-value="{}">{}</td><td class="number" data-value="{}">{}</td><td class="number">{proposals}</td><td class="number">{}</td><td class="number" data-value="{}">{}</td><td class="number" data-value="{}">{}</td><td data-value="{}">{}</td><td><bdi>{}</bdi></td><td>{prompt}</td></tr>"#,
        Escaped(&run.algorithm),
        run.random_seed,
        Escaped(&run.status),
        test.unwrap_or(-1.0),
        score_or_dash(test),
        validation.unwrap_or(-1.0),
        score_or_dash(validation),
        run.evaluations,
        count(run.evaluations),
        count(run.candidates),
        run.dollars,
        dollars(run.dollars),
        minutes.unwrap_or(-1.0),
        minutes.map_or_else(|| "–".to_owned(), |minutes| format!("{minutes:.1}")),
        run.began_at,
        time(run.began_at),
        Escaped(&run.job),
    );
}
