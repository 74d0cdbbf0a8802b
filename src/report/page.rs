//! The page from its parts.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use evohub_actors::JobResult;
use evohub_charts::Escaped;
use evohub_evolution::FinishReason;

use super::difference::{Shown, difference};
use super::frame::{self, figure, framed};
use super::roster::{Fate, Roster};
use super::text::{count, counted, dollars, score_or_dash, seconds, time};
use super::{ReportInput, curves, family, lineage, models, objectives, pareto, standing, table};

pub(super) fn page(input: &ReportInput<'_>) -> String {
    let roster = Roster::new(input.candidates);
    let best = input.result.and_then(|result| result.best.as_ref());
    let chosen = best.and_then(|best| roster.find(&best.id));
    let line = chosen.map(|chosen| lineage::lineage(&roster, chosen)).unwrap_or_default();
    let mut html = String::new();
    result(&mut html, input.result);
    progress(&mut html, input);
    html.push_str(&models::table(input.result));
    front(&mut html, input.result, &roster, chosen);
    tree(&mut html, &roster, &line);
    differences(&mut html, input.result, &roster, &line);
    candidates(&mut html, &roster, chosen);
    framed(&input.job.name, "report", &head(input), &html)
}

/// What kind of job it was, and what it cost.
fn head(input: &ReportInput<'_>) -> String {
    let job = input.job;
    let status = input.result.map_or(job.state.as_str(), |result| result.status.as_str());
    let mut facts = vec![
        ("Job", job.id.to_string()),
        ("Status", status.to_owned()),
        ("Algorithm", job.algorithm.clone()),
        ("Started", time(job.created_at)),
    ];
    if let Some(result) = input.result {
        facts.extend([
            ("Ran for", seconds(result.seconds)),
            ("Cost", dollars(result.dollars)),
            ("Evaluations", count(result.evaluations)),
            ("Model calls", count(result.model_calls)),
            ("Tokens", count(result.tokens)),
            ("Candidates", count(result.candidates)),
            ("Saved by the cache", counted(result.saved.cache, "evaluation")),
            ("Saved by early rejection", counted(result.saved.early_rejection, "evaluation")),
        ]);
        facts.extend(result.reason.and_then(ended).map(|reason| ("Ended because", reason.to_owned())));
    }
    let mut html = frame::facts(&facts);
    let error = input.result.and_then(|result| result.error.as_ref()).or(job.error.as_ref());
    if let Some(error) = error {
        let _ =
            writeln!(html, "<p class=\"error\"><strong>Error:</strong> <bdi>{}</bdi></p>", Escaped(error));
    }
    html
}

fn result(html: &mut String, result: Option<&JobResult>) {
    html.push_str("<section>\n<h2>Result</h2>\n");
    match result {
        None => html.push_str("<p>The job has no result yet.</p>\n"),
        Some(result) => {
            html.push_str(&standing::table(result));
            if let Some(picture) = standing::picture(result) {
                figure(
                    html,
                    &picture,
                    "Mean score on the sealed test cases, with 95 % confidence intervals.",
                );
            }
        }
    }
    html.push_str("</section>\n");
}

fn progress(html: &mut String, input: &ReportInput<'_>) {
    html.push_str("<section>\n<h2>Search</h2>\n");
    let curves = curves::curves(input.history);
    if curves.is_empty() {
        html.push_str("<p>No generation was completed, so there is no curve to draw.</p>\n");
    }
    for (caption, svg) in &curves {
        figure(html, svg, caption);
    }
    if !curves.is_empty() && input.history.iter().all(|point| point.dollars <= 0.0) {
        html.push_str(
            "<p>No dollars were counted: the models cost nothing, or their prices are not known.</p>\n",
        );
    }
    html.push_str("</section>\n");
}

fn front(html: &mut String, result: Option<&JobResult>, roster: &Roster<'_>, chosen: Option<usize>) {
    html.push_str("<section>\n<h2>Pareto front</h2>\n");
    let objectives = result.map_or(&[][..], |result| result.objectives.as_slice());
    html.push_str(&objectives::table(objectives, roster, chosen).unwrap_or_default());
    match pareto::picture(roster, chosen) {
        None => html.push_str("<p>No candidate was measured, so there is no front to draw.</p>\n"),
        Some(picture) => {
            let caption = "Validation score by length of the prompt. Prompts on the line are not beaten: no other is both better and shorter. Only those measured on all validation cases are shown.";
            figure(html, &picture, caption);
            let places = (0..roster.len()).filter(|place| roster.is_measured(*place));
            legend(html, places.map(|place| Fate::of(roster.record(place))).collect(), chosen.is_some());
        }
    }
    html.push_str("</section>\n");
}

fn tree(html: &mut String, roster: &Roster<'_>, line: &[usize]) {
    html.push_str("<section>\n<h2>Family tree</h2>\n");
    match family::family(roster, line) {
        None => html.push_str("<p>No candidate was born.</p>\n"),
        Some(family) => {
            let mut caption = String::from(
                "Generations from left to right. Thin lines lead from parents to children, the thick line to the chosen prompt, dotted ones from further parents.",
            );
            if family.left_out > 0 {
                let _ =
                    write!(caption, " Not drawn: {} of the less important.", count(family.left_out as u64));
            }
            let _ = writeln!(
                html,
                "<figure class=\"tree\" style=\"--natural:{:.0}px\"><div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Family tree\">{}</div><figcaption>{}</figcaption></figure>",
                family.width,
                family.svg,
                Escaped(&caption)
            );
            legend(html, roster.records().map(|(_, record)| Fate::of(record)).collect(), !line.is_empty());
        }
    }
    html.push_str("</section>\n");
}

fn differences(html: &mut String, result: Option<&JobResult>, roster: &Roster<'_>, line: &[usize]) {
    let Some(result) = result else { return };
    let Some(best) = &result.best else { return };
    html.push_str("<section>\n<h2>Prompts</h2>\n");
    if best.id == result.seed.id {
        let _ = writeln!(
            html,
            "<h3>Seed and chosen</h3><pre class=\"prompt\" dir=\"auto\">{}</pre>",
            Escaped(&best.prompt)
        );
    } else {
        let _ = writeln!(
            html,
            "<h3>Chosen</h3><pre class=\"prompt\" dir=\"auto\">{}</pre>\n<h3>Seed</h3><pre class=\"prompt\" dir=\"auto\">{}</pre>\n<h3>From the seed to the chosen prompt</h3><p class=\"key\"><ins>inserted</ins> <del>deleted</del></p>{}",
            Escaped(&best.prompt),
            Escaped(&result.seed.prompt),
            difference(&result.seed.candidate, &best.candidate, Shown::All)
        );
    }
    if line.len() > 1 {
        let steps = counted(line.len() as u64 - 1, "step");
        let _ = writeln!(html, "<h3>How it came to be, in {steps}</h3>\n<ol class=\"steps\">");
        for pair in line.windows(2) {
            step(html, roster, pair[0], pair[1]);
        }
        html.push_str("</ol>\n");
    }
    html.push_str("</section>\n");
}

/// One step of the line that leads to the chosen prompt.
fn step(html: &mut String, roster: &Roster<'_>, parent: usize, child: usize) {
    let (old, new) = (roster.record(parent), roster.record(child));
    let others: Vec<String> = roster.parents(child)[1..].iter().map(|place| roster.label(*place)).collect();
    let others = if others.is_empty() { String::new() } else { format!(" with {}", others.join(", ")) };
    let _ = writeln!(
        html,
        "<li><p><strong>{}</strong> from {}{}, generation {}: validation {} → {}</p>{}</li>",
        Escaped(&new.operator),
        Escaped(&roster.label(parent)),
        Escaped(&others),
        new.generation,
        score_or_dash(old.validation_score),
        score_or_dash(new.validation_score),
        difference(&old.candidate, &new.candidate, Shown::Around)
    );
}

fn candidates(html: &mut String, roster: &Roster<'_>, chosen: Option<usize>) {
    let _ = write!(
        html,
        "<section>\n<h2>Candidates</h2>\n<p>{} in the order of birth.",
        counted(roster.len() as u64, "candidate")
    );
    if chosen.is_some() {
        html.push_str(" The chosen one has a star.");
    }
    let _ = writeln!(html, "</p>\n{}\n</section>", table::table(roster, chosen));
}

/// What the marks that are there mean.
fn legend(html: &mut String, fates: BTreeSet<Fate>, chosen: bool) {
    html.push_str("<ul class=\"legend\">");
    for fate in fates {
        let _ = write!(
            html,
            r#"<li><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" aria-hidden="true">{}</svg> {}</li>"#,
            fate.mark(8.0, 8.0),
            fate.meaning()
        );
    }
    if chosen {
        html.push_str(r#"<li><svg xmlns="http://www.w3.org/2000/svg" viewBox="-5 -5 26 26" aria-hidden="true"><circle class="ring" cx="8" cy="8" r="11"/></svg> chosen</li>"#);
    }
    html.push_str("</ul>\n");
}

/// Why the search ended, in words.
fn ended(reason: FinishReason) -> Option<&'static str> {
    match reason {
        FinishReason::Budget => Some("the budget was spent"),
        FinishReason::Exhausted => Some("nothing was left to try"),
        FinishReason::Stopped => Some("it was asked to stop"),
        _ => None,
    }
}
