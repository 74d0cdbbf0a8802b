//! Scores over what was spent: lines of means with bands round them, in one chart.

use evohub_charts::{Axis, Chart, Series};

use super::text::score;

/// Colours and dashes that tell lines apart, so that colour alone never has to.
const CLASSES: [&str; 18] = [
    "hue0 dash0",
    "hue1 dash0",
    "hue2 dash0",
    "hue3 dash0",
    "hue4 dash0",
    "hue5 dash0",
    "hue0 dash1",
    "hue1 dash1",
    "hue2 dash1",
    "hue3 dash1",
    "hue4 dash1",
    "hue5 dash1",
    "hue0 dash2",
    "hue1 dash2",
    "hue2 dash2",
    "hue3 dash2",
    "hue4 dash2",
    "hue5 dash2",
];

/// How the line at this place is drawn.
pub(super) fn class(place: usize) -> &'static str {
    CLASSES[place % CLASSES.len()]
}

/// A place of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoursePoint {
    /// What was spent.
    pub spent: f64,
    /// The mean score over runs, 0 to 1.
    pub mean: f64,
    /// An interval of the mean.
    pub interval: Option<[f64; 2]>,
}

/// A line: how the scores of one algorithm go with what is spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Its name, which stands at its end.
    pub name: String,
    /// Its place among the algorithms, from 0, which gives it its colour.
    pub place: usize,
    /// By what was spent, ascending.
    pub points: Vec<CoursePoint>,
}

/// The chart of some courses over an axis. `id` and `title` tell it from others; `scores` says what the scores are.
pub(super) fn chart(id: &str, title: &str, x: Axis, scores: &'static str, courses: &[Course]) -> String {
    let values = courses.iter().flat_map(|course| &course.points).flat_map(|point| {
        let [low, high] = point.interval.unwrap_or([point.mean; 2]);
        [point.mean, low, high]
    });
    let y = Axis::over(scores, values, 0.2, |tick| format!("{tick:.2}")).within(0.0, 1.0);
    let longest = courses.iter().map(|course| course.name.chars().count()).max().unwrap_or(0);
    let mut description = format!("{title}: the mean {scores}.");
    let mut chart = Chart::new(x, y).with_names(longest);
    for course in courses {
        let bounds = |point: &CoursePoint| point.interval.map(|[low, high]| (point.spent, low, high));
        let band: Vec<(f64, f64, f64)> = course.points.iter().filter_map(bounds).collect();
        chart.band(class(course.place), &band);
    }
    for course in courses {
        if let (Some(first), Some(last)) = (course.points.first(), course.points.last()) {
            description += &format!(" {}: from {} to {}.", course.name, score(first.mean), score(last.mean));
        }
        chart.line(&Series {
            name: course.name.clone(),
            class: class(course.place),
            points: course.points.iter().map(|point| (point.spent, point.mean)).collect(),
        });
    }
    chart.svg(id, title, &description)
}
