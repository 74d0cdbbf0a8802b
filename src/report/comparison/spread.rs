//! The test scores of all runs, an algorithm a row.

use std::fmt::Write as _;

use evohub_charts::{Escaped, opening};

use crate::comparison::{Comparison, Summary};
use crate::report::courses::class;
use crate::report::text::score;

const WIDTH: f64 = 720.0;
const RIGHT: f64 = 690.0;
const ROW: f64 = 38.0;
const TOP: f64 = 12.0;
/// Room for a character of a name.
const CHARACTER: f64 = 7.5;

/// The picture; `None` when nothing was measured on test cases.
pub(super) fn picture(comparison: &Comparison, summary: &Summary) -> Option<String> {
    let names = summary.algorithms.iter().map(|algorithm| algorithm.algorithm.as_str());
    let left = 24.0 + CHARACTER * names.map(|name| name.chars().count()).max()? as f64;
    let measured = summary.algorithms.iter().filter_map(|algorithm| Some((algorithm, algorithm.test?)));
    let told: Vec<String> = measured
        .map(|(algorithm, test)| format!("{}: median {}.", algorithm.algorithm, score(test.median)))
        .collect();
    if told.is_empty() {
        return None;
    }
    let floor = TOP + summary.algorithms.len() as f64 * ROW;
    let place = |value: f64| left + value.clamp(0.0, 1.0) * (RIGHT - left);
    let mut svg = opening("spread", WIDTH, floor + 40.0, "Test scores of all runs", &told.join(" "));
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        let x = place(value);
        let _ = write!(
            svg,
            r#"<path class="grid" d="M{x:.1} 8V{floor:.1}"/><text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{value:.1}</text>"#,
            floor + 18.0
        );
    }
    if let Some(seed) = summary.seed_test {
        let x = place(seed.median);
        let _ = write!(
            svg,
            r#"<path class="seed-line" d="M{x:.1} 8V{floor:.1}"><title>seed prompt {}</title></path>"#,
            score(seed.median)
        );
    }
    for (row, algorithm) in summary.algorithms.iter().enumerate() {
        let (y, class, name) = (TOP + (row as f64 + 0.5) * ROW, class(row), &algorithm.algorithm);
        let _ = write!(
            svg,
            r#"<text class="name {class}" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            left - 12.0,
            y + 4.0,
            Escaped(name)
        );
        for run in comparison.done(name) {
            let Some(test) = run.test_score() else { continue };
            let _ = write!(
                svg,
                r#"<g class="run"><circle class="dot {class}" cx="{:.1}" cy="{:.1}" r="4"><title>{} with seed {}: {}</title></circle></g>"#,
                place(test),
                y - 9.0,
                Escaped(name),
                run.random_seed,
                score(test)
            );
        }
        let Some(test) = algorithm.test else { continue };
        if let Some([low, high]) = test.interval {
            let (low, high) = (place(low), place(high));
            let _ = write!(
                svg,
                r#"<path class="whisker {class}" d="M{low:.1} {y:.1}H{high:.1}M{low:.1} {:.1}v12M{high:.1} {:.1}v12"/>"#,
                y - 6.0,
                y - 6.0
            );
        }
        let _ =
            write!(svg, r#"<circle class="dot {class}" cx="{:.1}" cy="{y:.1}" r="6"/>"#, place(test.median));
    }
    svg.push_str("</svg>");
    Some(svg)
}
