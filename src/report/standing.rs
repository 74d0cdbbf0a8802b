//! How the chosen prompt did beside the one that the search started from.

use std::fmt::Write as _;

use evohub_actors::{JobResult, Measured, Standing};
use evohub_charts::{Escaped, opening};
use evohub_evolution::Rescoring;

use super::text::{count, counted, p_value, score, signed};

/// The scores on one part of the cases.
type Part = fn(&Standing) -> Option<&Measured>;

/// The table of scores, and a sentence on what it says.
pub(super) fn table(result: &JobResult) -> String {
    let best = result.best.as_ref();
    let mut html = String::from(
        r#"<table class="scores"><thead><tr><th scope="col"></th><th scope="col">Seed</th><th scope="col">Chosen</th><th scope="col">Difference</th></tr></thead><tbody>"#,
    );
    let rows: [(&str, Part); 3] = [
        ("Test (sealed)", |standing| standing.test.as_ref()),
        ("Validation", |standing| standing.validation.as_ref()),
        ("Train", |standing| standing.train.as_ref()),
    ];
    for (name, part) in rows {
        let (seed, chosen) = (part(&result.seed), best.and_then(part));
        if seed.is_none() && chosen.is_none() {
            continue;
        }
        let gain = seed.zip(chosen).map_or_else(|| "–".to_owned(), |(a, b)| signed(b.score - a.score));
        let _ = write!(
            html,
            r#"<tr><th scope="row">{name}</th><td>{}</td><td>{}</td><td>{gain}</td></tr>"#,
            measured(seed),
            measured(chosen)
        );
    }
    let length = |standing: &Standing| standing.candidate.length();
    let (seed, chosen) = (length(&result.seed), best.map(length));
    let _ = write!(
        html,
        r#"<tr><th scope="row">Characters</th><td>{}</td><td>{}</td><td>{}</td></tr></tbody></table>"#,
        count(seed as u64),
        chosen.map_or_else(|| "–".to_owned(), |length| count(length as u64)),
        chosen.map_or_else(
            || "–".to_owned(),
            |length| {
                let sign = if length < seed { '−' } else { '+' };
                format!("{sign}{}", count(length.abs_diff(seed) as u64))
            }
        ),
    );
    html.push_str(&verdict(result));
    if let Some(Rescoring { before, after, repeats, deviation }) = result.rescored {
        let _ = write!(
            html,
            "<p>The model answers by chance, so the leaders were measured again on the same validation cases: the chosen \
             prompt scored {} before and {} with {} (standard deviation of a repeat: {}).</p>",
            score(before),
            score(after),
            counted(u64::from(repeats), "repeat"),
            score(deviation)
        );
    }
    html
}

fn measured(measured: Option<&Measured>) -> String {
    let Some(measured) = measured else { return "–".to_owned() };
    let interval = measured.interval.map_or_else(String::new, |[low, high]| {
        format!(r#" <span class="interval">[{}, {}]</span>"#, score(low), score(high))
    });
    format!(
        r#"<strong>{}</strong>{interval} <span class="cases">{}</span>"#,
        score(measured.score),
        counted(u64::from(measured.cases), "case")
    )
}

/// What can be said of the difference on the test cases.
fn verdict(result: &JobResult) -> String {
    let text = match (&result.best, result.p_value) {
        (None, _) => "No prompt could be measured.".to_owned(),
        (Some(best), _) if best.id == result.seed.id => {
            "The seed was not beaten: it was chosen itself.".to_owned()
        }
        (Some(_), None) => "The chosen prompt was not compared with the seed on the test cases.".to_owned(),
        (Some(_), Some(p)) => format!(
            "Paired test of the chosen prompt against the seed on the test cases: p {}. {}",
            p_value(p),
            match p < 0.05 {
                true => "A difference like this is unlikely to be chance.",
                false => "A difference like this may be chance.",
            }
        ),
    };
    format!("<p>{}</p>", Escaped(&text))
}

/// Test scores with their intervals, side by side. `None` when there are none.
pub(super) fn picture(result: &JobResult) -> Option<String> {
    let rows: Vec<(&str, &Measured)> = [("seed", Some(&result.seed)), ("chosen", result.best.as_ref())]
        .into_iter()
        .filter_map(|(name, standing)| Some((name, standing?.test.as_ref()?)))
        .collect();
    let last = rows.last()?;
    let (left, right, row) = (70.0, 640.0, 38.0);
    let floor = 12.0 + rows.len() as f64 * row;
    let place = |value: f64| left + value.clamp(0.0, 1.0) * (right - left);
    let description = format!("{} scores {} on the test cases.", last.0, score(last.1.score));
    let mut svg = opening("standing", 720.0, floor + 40.0, "Test scores with 95 % intervals", &description);
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        let x = place(value);
        let _ = write!(
            svg,
            r#"<path class="grid" d="M{x:.1} 8V{floor:.1}"/><text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{value:.1}</text>"#,
            floor + 18.0
        );
    }
    for (index, (name, measured)) in rows.iter().enumerate() {
        let (y, x) = (12.0 + (index as f64 + 0.5) * row, place(measured.score));
        let _ = write!(
            svg,
            r#"<text class="name {name}" x="{:.1}" y="{:.1}" text-anchor="end">{name}</text>"#,
            left - 12.0,
            y + 4.0
        );
        if let Some([low, high]) = measured.interval {
            let (low, high) = (place(low), place(high));
            let _ = write!(
                svg,
                r#"<path class="whisker {name}" d="M{low:.1} {y:.1}H{high:.1}M{low:.1} {:.1}v12M{high:.1} {:.1}v12"/>"#,
                y - 6.0,
                y - 6.0
            );
        }
        let _ = write!(svg, r#"<circle class="dot {name}" cx="{x:.1}" cy="{y:.1}" r="6"/>"#);
    }
    svg.push_str("</svg>");
    Some(svg)
}
