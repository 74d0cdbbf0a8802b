//! All candidates, one row each.

use std::fmt::Write as _;

use evohub_actors::prompt_text;
use evohub_charts::Escaped;
use evohub_evolution::Candidate;

use super::roster::Roster;
use super::text::{count, score_or_dash};

/// Characters of a prompt that stand in its row; the rest unfolds.
const GLIMPSE: usize = 70;

/// The table. Its columns can be sorted where scripts run, and read where they do not.
pub(super) fn table(roster: &Roster<'_>, chosen: Option<usize>) -> String {
    let mut html = String::from(r#"<div class="wide"><table class="sortable"><thead><tr>"#);
    for name in [
        "Candidate",
        "Generation",
        "Operator",
        "Parents",
        "Outcome",
        "Validation",
        "Cases",
        "Characters",
        "Prompt",
    ] {
        let _ = write!(html, r#"<th scope="col">{name}</th>"#);
    }
    html.push_str("</tr></thead><tbody>");
    for (place, record) in roster.records() {
        let (class, mark) = match chosen == Some(place) {
            true => (r#" class="chosen""#, " ★"),
            false => ("", ""),
        };
        let parents: Vec<String> = roster
            .parents(place)
            .iter()
            .map(|parent| format!(r##"<a href="#c{parent}">{}</a>"##, Escaped(&roster.label(*parent))))
            .collect();
        let _ = write!(
            html,
            r#"<tr id="c{place}"{class}><th scope="row" data-value="{place}">{}{mark}</th><td class="number">{}</td><td>{}</td><td>{}</td><td>{}</td><td class="number" data-value="{}">{}</td><td class="number">{}</td><td class="number" data-value="{}">{}</td><td>{}</td></tr>"#,
            Escaped(&roster.label(place)),
            record.generation,
            Escaped(&record.operator),
            parents.join(", "),
            Escaped(&record.outcome),
            record.validation_score.unwrap_or(-1.0),
            score_or_dash(record.validation_score),
            record.validation_cases,
            record.candidate.length(),
            count(record.candidate.length() as u64),
            prompt(&record.candidate),
        );
    }
    html.push_str("</tbody></table></div>");
    html
}

/// A prompt that unfolds from the beginning of its first text, unless that is all of it and short.
fn prompt(candidate: &Candidate) -> String {
    let text = prompt_text(candidate);
    if text.chars().count() <= GLIMPSE && !text.contains('\n') {
        return format!(r#"<bdi class="short">{}</bdi>"#, Escaped(&text));
    }
    let first = candidate.components().values().find(|text| !text.trim().is_empty());
    let words: Vec<&str> = first.map_or(text.as_str(), String::as_str).split_whitespace().collect();
    let glimpse: String = words.join(" ").chars().take(GLIMPSE).collect();
    format!(
        r#"<details><summary><bdi>{} …</bdi></summary><pre class="prompt" dir="auto">{}</pre></details>"#,
        Escaped(&glimpse),
        Escaped(&text)
    )
}
