//! The page of a comparison of algorithms.

mod curves;
mod spread;
mod table;

use std::fmt::Write as _;

use evohub_actors::JobBudget;
use evohub_charts::Escaped;
use serde_json::Value;

use super::frame::{facts, figure, framed};
use super::picture::{Picture, standalone};
use super::text::{count, counted, dollars};
use crate::comparison::{Comparison, Summary};

pub(super) fn page(comparison: &Comparison) -> String {
    let summary = comparison.summary();
    let mut html = String::new();
    result(&mut html, comparison, &summary);
    search(&mut html, comparison);
    runs(&mut html, comparison);
    settings(&mut html, comparison);
    framed(&comparison.name, "comparison", &head(comparison), &html)
}

/// The pictures of the page, each by itself.
pub(super) fn pictures(comparison: &Comparison) -> Vec<Picture> {
    let spread = spread::picture(comparison, &comparison.summary());
    let spread = spread.map(|svg| Picture { name: "test-scores".into(), svg: standalone(&svg) });
    let curves = curves::curves(comparison)
        .into_iter()
        .map(|curve| Picture { name: format!("score-over-{}", curve.id), svg: standalone(&curve.svg) });
    spread.into_iter().chain(curves).collect()
}

fn head(comparison: &Comparison) -> String {
    let [train, validation, test] = comparison.cases.map(|cases| count(cases as u64));
    let names: Vec<&str> = comparison.algorithms.iter().map(|algorithm| algorithm.name.as_str()).collect();
    let seeds: Vec<String> = comparison.random_seeds.iter().map(ToString::to_string).collect();
    let mut list = vec![
        ("Algorithms", names.join(", ")),
        ("Seeds of all chance", seeds.join(", ")),
        ("Budget of each run", budget(&comparison.budget)),
        ("Train, validation and test cases", format!("{train}, {validation}, {test}")),
    ];
    list.extend(comparison.task.clone().map(|model| ("Task model", model)));
    list.push(("Reflection model", comparison.reflection.clone().unwrap_or_else(|| "none".to_owned())));
    let cache = if comparison.shared_cache { "shared by all runs" } else { "each run its own" };
    list.extend([
        ("Cache of evaluations", cache.to_owned()),
        ("Runs at once", count(comparison.runs_at_once as u64)),
        ("Made by", comparison.program.clone()),
    ]);
    facts(&list)
}

/// A budget in words.
fn budget(budget: &JobBudget) -> String {
    let parts = [
        budget.evaluations.map(|most| counted(most, "evaluation")),
        budget.dollars.map(dollars),
        budget.tokens.map(|most| counted(most, "token")),
        budget.minutes.map(|most| format!("{most} min")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn result(html: &mut String, comparison: &Comparison, summary: &Summary) {
    html.push_str("<section>\n<h2>Result</h2>\n");
    html.push_str(&table::estimates(summary));
    html.push_str(
        "<p>Medians over runs, with 95 % intervals (bootstrap over runs). Test cases are sealed: no search has seen them.</p>\n",
    );
    if let Some(picture) = spread::picture(comparison, summary) {
        let caption = "Score of the chosen prompts on the sealed test cases: a faint dot for each run, the median with its 95 % interval in full colour. The dotted line is the seed prompt.";
        figure(html, &picture, caption);
    }
    if !summary.differences.is_empty() {
        html.push_str("<h3>Differences on test cases</h3>\n");
        html.push_str(&table::differences(summary));
        html.push_str(
            "<p>Runs of one seed are a pair. The test flips the signs of their differences (exact up to 20 pairs); p is corrected by Holm for several comparisons.</p>\n",
        );
    }
    if !summary.remarks.is_empty() {
        html.push_str("<ul>\n");
        for remark in &summary.remarks {
            let _ = writeln!(html, "<li><bdi>{}</bdi></li>", Escaped(remark));
        }
        html.push_str("</ul>\n");
    }
    html.push_str("</section>\n");
}

fn search(html: &mut String, comparison: &Comparison) {
    html.push_str("<section>\n<h2>Search</h2>\n");
    let curves = curves::curves(comparison);
    if curves.is_empty() {
        html.push_str("<p>No generation was completed, so there is no curve to draw.</p>\n");
    } else {
        html.push_str(
            "<p>Best validation score in the population at the end of each generation, on the cases that a search ranks on: mean over runs, with a 95 % band (Student) for the mean. It is what the search believes, and flatters: algorithms rank on different numbers of cases. What was reached is said by the test scores above.</p>\n",
        );
    }
    for curve in &curves {
        figure(html, &curve.svg, curve.caption);
    }
    html.push_str("</section>\n");
}

fn runs(html: &mut String, comparison: &Comparison) {
    let _ = writeln!(html, "<section>\n<h2>Runs</h2>\n{}\n</section>", table::runs(comparison));
}

fn settings(html: &mut String, comparison: &Comparison) {
    html.push_str("<section>\n<h2>Settings</h2>\n");
    for algorithm in &comparison.algorithms {
        let mut lines = vec![];
        lines_of("", &algorithm.settings, &mut lines);
        let _ = writeln!(
            html,
            "<h3>{}</h3><pre class=\"prompt\">{}</pre>",
            Escaped(&algorithm.name),
            Escaped(&lines.join("\n"))
        );
    }
    html.push_str("</section>\n");
}

/// Settings as lines of TOML, with dots between levels; what is not set has none.
fn lines_of(key: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Object(table) => {
            for (name, value) in table {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                lines_of(&key, value, lines);
            }
        }
        value => lines.push(format!("{key} = {value}")),
    }
}
