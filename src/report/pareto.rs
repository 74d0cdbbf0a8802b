//! Which prompts are not beaten: no other is both better and shorter.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use evohub_charts::{Axis, Chart, Escaped};

use super::roster::{Fate, Roster};
use super::text::{count, score};

/// The places of the candidates that no other beats in score and length at once, shortest first. Only those that
/// were measured on all the cases take part.
pub(super) fn front(roster: &Roster<'_>) -> Vec<usize> {
    let mut measured: Vec<(usize, usize, f64)> = roster
        .records()
        .filter(|(place, _)| roster.is_measured(*place))
        .filter_map(|(place, record)| Some((place, record.candidate.length(), record.validation_score?)))
        .collect();
    measured.sort_by(|a, b| a.1.cmp(&b.1).then(b.2.total_cmp(&a.2)).then(a.0.cmp(&b.0)));
    let mut best = f64::NEG_INFINITY;
    measured.retain(|(_, _, score)| {
        let ahead = *score > best;
        best = best.max(*score);
        ahead
    });
    measured.into_iter().map(|(place, ..)| place).collect()
}

/// Score by length, with the front. `None` when nothing was measured in full.
pub(super) fn picture(roster: &Roster<'_>, chosen: Option<usize>) -> Option<String> {
    let front = front(roster);
    let first = *front.first()?;
    let on_front: BTreeSet<usize> = front.iter().copied().collect();
    let measured: Vec<(usize, f64, f64)> = roster
        .records()
        .filter(|(place, _)| roster.is_measured(*place))
        .filter_map(|(place, record)| {
            Some((place, record.candidate.length() as f64, record.validation_score?))
        })
        .collect();
    let x = Axis::logarithmic("characters of the prompt", measured.iter().map(|point| point.1), |tick| {
        count(tick as u64)
    });
    let y = Axis::over("validation score", measured.iter().map(|point| point.2), 0.2, |tick| {
        format!("{tick:.2}")
    })
    .within(0.0, 1.0);
    let mut chart = Chart::new(x, y);
    let mut steps = String::new();
    for (index, &place) in front.iter().enumerate() {
        let record = roster.record(place);
        let (x, y) =
            chart.place(record.candidate.length() as f64, record.validation_score.unwrap_or_default());
        let _ = if index == 0 { write!(steps, "M{x:.1} {y:.1}") } else { write!(steps, "H{x:.1}V{y:.1}") };
    }
    chart.add(&format!(r#"<path class="line front" d="{steps}"/>"#));
    for (place, length, value) in &measured {
        let (x, y) = chart.place(*length, *value);
        let ring = match () {
            () if chosen == Some(*place) => {
                format!(r#"<circle class="ring" cx="{x:.1}" cy="{y:.1}" r="11"/>"#)
            }
            () if on_front.contains(place) => {
                format!(r#"<circle class="halo" cx="{x:.1}" cy="{y:.1}" r="9"/>"#)
            }
            () => String::new(),
        };
        chart.add(&format!(
            r##"<a href="#c{place}"><g><title>{}</title>{ring}{}</g></a>"##,
            Escaped(&roster.title(*place)),
            Fate::of(roster.record(*place)).mark(x, y)
        ));
    }
    let last = *front.last().unwrap_or(&first);
    let told = |place: usize| {
        let record = roster.record(place);
        let value = record.validation_score.map(score).unwrap_or_default();
        format!("{} characters with {value}", count(record.candidate.length() as u64))
    };
    let description = format!(
        "{} of {} prompts are on the front, from {} to {}.",
        front.len(),
        measured.len(),
        told(first),
        told(last)
    );
    Some(chart.svg("pareto", "Pareto front of score and length", &description))
}
