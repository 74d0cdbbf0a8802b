//! A row as a picture: its panels side by side, each with its lines named at their ends.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use evohub_charts::{Axis, Chart, Escaped, Series, opening};

use super::prometheus::Course;
use super::{Answer, scale};
use crate::model::{Color, Form, Panel, Style};

const COLUMNS: usize = 2;
const CELL: (f64, f64) = (460.0, 220.0);
/// Room for the title above a panel, and for the row's own.
const TITLE: f64 = 26.0;
const HEAD: f64 = 44.0;
const MARGIN: f64 = 16.0;

/// Classes of series, by their place in a panel. What comes on top is not drawn, and said.
const CLASSES: [&str; 8] = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"];

/// An event: its name, its colour, when it was.
type Event = (&'static str, Color, f64);

/// Draws a row.
pub(super) fn row(title: &str, answers: &[Answer<'_>], events: &[Event], span: (f64, f64)) -> String {
    let lines = answers.len().div_ceil(COLUMNS);
    let width = MARGIN + COLUMNS as f64 * (CELL.0 + MARGIN);
    let height = HEAD + lines as f64 * (TITLE + CELL.1 + MARGIN) + TITLE;
    let told: Vec<&str> = answers.iter().map(|answer| answer.panel.title).collect();
    let mut svg = opening("row", width, height, title, &format!("{}.", told.join(", ")));
    let _ = write!(svg, "<style>{}</style>", style());
    let _ = write!(svg, r#"<rect class="paper" width="{width}" height="{height}"/>"#);
    let _ = write!(svg, r#"<text class="head" x="{MARGIN}" y="30">{}</text>"#, Escaped(title));
    for (index, answer) in answers.iter().enumerate() {
        let x = MARGIN + (index % COLUMNS) as f64 * (CELL.0 + MARGIN);
        let y = HEAD + (index / COLUMNS) as f64 * (TITLE + CELL.1 + MARGIN);
        let title = Escaped(answer.panel.title);
        let _ = write!(svg, r#"<text class="title" x="{x}" y="{:.0}">{title}</text>"#, y + 16.0);
        let chart = panel(index, answer, events, span);
        let place = format!(r#"<svg x="{x}" y="{:.0}" width="{}" height="{}" "#, y + TITLE, CELL.0, CELL.1);
        // A picture in a picture: it needs a place and a size.
        svg.push_str(&chart.replacen("<svg ", &place, 1));
    }
    let _ = write!(
        svg,
        r#"<text class="tick" x="{MARGIN}" y="{:.0}">{}</text></svg>"#,
        height - 12.0,
        Escaped(&marks(events))
    );
    svg
}

/// What the marks say.
fn marks(events: &[Event]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, ..) in events {
        *counts.entry(name).or_default() += 1;
    }
    let marks: Vec<String> = counts.into_iter().map(|(name, count)| format!("{name}: {count}")).collect();
    match marks.is_empty() {
        true => String::new(),
        false => format!("Upright strokes: {}.", marks.join(", ")),
    }
}

fn style() -> String {
    let mut css = String::from(
        "text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#1b1f24}\
         .paper{fill:#fff}.head{font-size:17px;font-weight:600}.title{font-size:13px;font-weight:600}\
         .tick,.label{fill:#57606a;font-size:11px}.name{font-size:11px}\
         .grid{stroke:#d8dee4;fill:none}.axis{stroke:#57606a;fill:none}\
         .line{fill:none;stroke-width:2}.band{opacity:.25}.event{stroke-width:1.5;fill:none}",
    );
    for (index, class) in CLASSES.iter().enumerate() {
        let Style { color, dash } = Style::nth(index);
        let strokes: Vec<String> = dash.lengths().iter().map(ToString::to_string).collect();
        let strokes = if strokes.is_empty() { "none".to_owned() } else { strokes.join(" ") };
        let (hex, ink) = (color.hex(), color.ink());
        let _ = write!(
            css,
            ".line.{class}{{stroke:{hex};stroke-dasharray:{strokes}}}.band.{class}{{fill:{hex}}}\
             .name.{class}{{fill:{ink}}}"
        );
    }
    css
}

fn panel(index: usize, answer: &Answer<'_>, events: &[Event], span: (f64, f64)) -> String {
    let Answer { panel, courses } = answer;
    let (start, end) = span;
    let x = Axis::over("minutes", [0.0, (end - start) / 60.0].into_iter(), 0.1, |tick| {
        format!("{}", (tick * 100.0).round() / 100.0)
    })
    .within(0.0, (end - start) / 60.0);
    if panel.form == Form::Heatmap {
        return heatmap(index, panel, courses.first().map_or(&[], Vec::as_slice), x, start);
    }
    let (mut lines, left_out) = lines(panel, courses, start);
    if panel.form == Form::Areas {
        stack(&mut lines);
    }
    let values: Vec<f64> =
        lines.iter().flat_map(|(series, _)| series.points.iter().map(|(_, value)| *value)).collect();
    let y = scale::axis(panel.unit, values.iter().copied(), panel.is_signed);
    let longest = lines.iter().map(|(series, _)| series.name.chars().count()).max().unwrap_or(0);
    let mut chart = Chart::new(x, y).sized(CELL.0, CELL.1).with_names(longest).without_dots();
    mark(&mut chart, events, start);
    for (series, floor) in &lines {
        let band: Vec<(f64, f64, f64)> =
            series.points.iter().zip(floor).map(|((x, high), low)| (*x, *low, *high)).collect();
        chart.band(series.class, &band);
        chart.line(series);
    }
    let mut description = panel.description.to_owned();
    if lines.is_empty() {
        let _ = write!(description, " {}", panel.without);
        let (x, y) = (CELL.0 / 2.0, CELL.1 / 2.0);
        let text = Escaped(panel.without);
        chart.add(&format!(r#"<text class="tick" x="{x}" y="{y}" text-anchor="middle">{text}</text>"#));
    }
    if left_out > 0 {
        let _ = write!(description, " {left_out} more are not drawn.");
    }
    chart.svg(&format!("panel{index}"), panel.title, &description)
}

/// The lines of a panel, each with the floor of its area, and how many more there are: the greatest are drawn.
fn lines(panel: &Panel, courses: &[Vec<Course>], start: f64) -> (Vec<(Series, Vec<f64>)>, usize) {
    let mut found = vec![];
    for (query, courses) in panel.queries.iter().zip(courses) {
        for course in courses {
            let name = named(query.legend, &course.labels);
            let points: Vec<(f64, f64)> =
                course.points.iter().map(|(at, value)| ((at - start) / 60.0, *value)).collect();
            let greatest = points.iter().map(|(_, value)| *value).filter(|value| value.is_finite());
            let known = query.known.iter().position(|(known, _)| *known == name);
            if let Some(greatest) = greatest.reduce(f64::max) {
                found.push((name, points, greatest, known));
            }
        }
    }
    found.sort_by(|a, b| b.2.total_cmp(&a.2));
    // Parts of a sum that are 0 all the time say nothing beside others.
    let is_sum =
        panel.form == Form::Areas && found.first().is_some_and(|(_, _, greatest, _)| *greatest > 0.0);
    found.retain(|(_, _, greatest, _)| !is_sum || *greatest > 0.0);
    let left_out = found.len().saturating_sub(CLASSES.len());
    found.truncate(CLASSES.len());
    let lines = found.into_iter().enumerate().map(|(place, (name, points, _, known))| {
        (Series { name, class: CLASSES[known.unwrap_or(place)], points }, vec![])
    });
    (lines.collect(), left_out)
}

/// Puts each line upon those before it.
fn stack(lines: &mut [(Series, Vec<f64>)]) {
    // Moments in milliseconds of an hour's part: the same for all lines of a panel.
    let key = |at: f64| (at * 60_000.0).round() as i64;
    let mut sums: BTreeMap<i64, f64> = BTreeMap::new();
    for (series, floor) in lines {
        for (at, value) in &mut series.points {
            let sum = sums.entry(key(*at)).or_default();
            floor.push(*sum);
            if value.is_finite() {
                *sum += *value;
            }
            *value = *sum;
        }
    }
}

/// A legend with the values of labels.
fn named(legend: &str, labels: &BTreeMap<String, String>) -> String {
    labels
        .iter()
        .fold(legend.to_owned(), |name, (label, value)| name.replace(&format!("{{{{{label}}}}}"), value))
        // A label that a series has not is empty, as in Grafana.
        .split("{{")
        .map(|part| part.split_once("}}").map_or(part, |(_, rest)| rest))
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Upright strokes where something happened.
fn mark(chart: &mut Chart, events: &[Event], start: f64) {
    for (name, color, at) in events {
        let minutes = (at - start) / 60.0;
        let ((x, floor), (_, top)) =
            (chart.place(minutes, f64::NEG_INFINITY), chart.place(minutes, f64::INFINITY));
        chart.add(&format!(
            r#"<path class="event" stroke="{}" d="M{x:.1} {floor:.1}V{top:.1}"><title>{}</title></path>"#,
            color.hex(),
            Escaped(name)
        ));
    }
}

/// How many values are in each bucket, as the strength of a colour.
fn heatmap(index: usize, panel: &Panel, courses: &[Course], x: Axis, start: f64) -> String {
    let bound = |course: &Course| course.labels.get("le").and_then(|le| le.parse::<f64>().ok());
    let mut buckets: Vec<(f64, &Course)> = courses
        .iter()
        .filter_map(|course| Some((bound(course).filter(|le| le.is_finite())?, course)))
        .collect();
    buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let y = scale::axis(panel.unit, buckets.iter().map(|(le, _)| *le), false);
    let mut chart = Chart::new(x, y).sized(CELL.0, CELL.1);
    let mut cells = vec![];
    for pair in buckets.windows(2) {
        let [(low, below), (high, upto)] = pair else { continue };
        // Buckets hold all that is smaller, too.
        let before: BTreeMap<i64, f64> =
            below.points.iter().map(|(at, value)| (*at as i64, *value)).collect();
        for (at, value) in &upto.points {
            let own = value - before.get(&(*at as i64)).copied().unwrap_or(0.0);
            if own > 0.0 {
                cells.push((*at, *low, *high, own));
            }
        }
    }
    let most = cells.iter().map(|cell| cell.3).fold(0.0, f64::max);
    let width = buckets.first().map_or(0.0, |(_, course)| match course.points[..] {
        [(first, _), (second, _), ..] => second - first,
        _ => 0.0,
    });
    for (at, low, high, own) in cells {
        let minutes = |at: f64| (at - start) / 60.0;
        let ((left, top), (right, floor)) =
            (chart.place(minutes(at - width), high), chart.place(minutes(at), low));
        chart.add(&format!(
            r#"<path class="band" style="opacity:{:.2}" fill="{}" d="M{left:.1} {top:.1}H{right:.1}V{floor:.1}H{left:.1}Z"/>"#,
            (own / most).sqrt(),
            Color::Blue.hex()
        ));
    }
    chart.svg(&format!("panel{index}"), panel.title, panel.description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boards;

    fn course(labels: &[(&str, &str)], points: &[(f64, f64)]) -> Course {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Course { labels: labels.collect(), points: points.to_vec() }
    }

    #[test]
    fn names_hold_the_values_of_labels() {
        let labels = BTreeMap::from([("model".to_owned(), "student".to_owned())]);
        assert_eq!(named("calls of {{model}}", &labels), "calls of student");
        assert_eq!(named("{{experiment}} {{variant}}", &BTreeMap::new()), "");
    }

    #[test]
    fn parts_stand_upon_each_other() {
        let part = |value: f64| {
            let points = vec![(0.0, value), (1.0, value)];
            (Series { name: String::new(), class: "s0", points }, vec![])
        };
        let mut lines = [part(3.0), part(2.0)];
        stack(&mut lines);
        assert_eq!((lines[0].1.as_slice(), lines[1].1.as_slice()), (&[0.0, 0.0][..], &[3.0, 3.0][..]));
        assert_eq!(lines[1].0.points, [(0.0, 5.0), (1.0, 5.0)]);
    }

    #[test]
    fn a_row_is_well_formed_and_says_what_is_missing() {
        for board in boards::all() {
            for row in &board.rows {
                let answers: Vec<Answer<'_>> = row
                    .panels
                    .iter()
                    .enumerate()
                    .map(|(index, panel)| {
                        let label = [("model", "a<b"), ("le", "0.5")];
                        let courses = vec![course(&label, &[(100.0, 1.0), (110.0, f64::NAN), (120.0, 3.0)])];
                        let courses = if index == 0 { vec![] } else { courses };
                        Answer { panel, courses: vec![courses; panel.queries.len()] }
                    })
                    .collect();
                let svg =
                    super::row(row.title, &answers, &[("Node lost", Color::Orange, 110.0)], (100.0, 220.0));
                let document =
                    roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
                let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
                assert!(texts.contains(&row.panels[0].without), "{}", row.title);
                assert!(texts.contains(&"Upright strokes: Node lost: 1."));
            }
        }
    }
}
