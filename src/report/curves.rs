//! How the search went: fitness, diversity and cost over evaluations.

use std::collections::BTreeMap;

use evohub_charts::{Axis, Chart, Series};
use evohub_store::HistoryRecord;

use super::text::{count, dollars, score};

/// The points of each island, in their order.
struct Islands<'a>(BTreeMap<u32, Vec<&'a HistoryRecord>>);

impl<'a> Islands<'a> {
    fn new(history: &'a [HistoryRecord]) -> Self {
        let mut islands: BTreeMap<u32, Vec<&HistoryRecord>> = BTreeMap::new();
        // A store keeps no other numbers, but what cannot be drawn must not spoil what can.
        let drawable = |point: &&HistoryRecord| {
            [point.best, point.mean, point.diversity, point.dollars].iter().all(|value| value.is_finite())
        };
        for point in history.iter().filter(drawable) {
            islands.entry(point.island).or_default().push(point);
        }
        for points in islands.values_mut() {
            points.sort_by_key(|point| (point.evaluations, point.sequence));
        }
        Self(islands)
    }

    /// One line for each island.
    fn series(&self, name: &str, class: &'static str, value: fn(&HistoryRecord) -> f64) -> Vec<Series> {
        let single = self.0.len() == 1;
        self.0
            .iter()
            .map(|(island, points)| Series {
                name: if single { name.to_owned() } else { format!("{name} {island}") },
                class,
                points: points.iter().map(|point| (point.evaluations as f64, value(point))).collect(),
            })
            .collect()
    }
}

/// The curves, each with its caption.
pub(super) fn curves(history: &[HistoryRecord]) -> Vec<(String, String)> {
    let islands = Islands::new(history);
    if islands.0.is_empty() {
        return vec![];
    }
    let mut fitness = islands.series("best", "best", |point| point.best);
    fitness.extend(islands.series("mean", "mean", |point| point.mean));
    let diversity = islands.series("diversity", "diversity", |point| point.diversity);
    let mut curves = vec![
        (
            "Best and mean validation score of the population.".to_owned(),
            drawn("fitness", "Fitness", "validation score", &fitness, scores(&fitness, 0.2), score),
        ),
        (
            "Diversity: 0 when all prompts are alike, 1 when they have nothing in common.".to_owned(),
            drawn("diversity", "Diversity", "diversity", &diversity, scores(&diversity, 1.0), score),
        ),
    ];
    let spent = islands.series("dollars", "cost", |point| point.dollars);
    let most = spent.iter().flat_map(|series| &series.points).map(|point| point.1).fold(0.0, f64::max);
    if most > 0.0 {
        let digits = |tick: f64| format!("${}", (tick * 1e9).round() / 1e9);
        let axis = Axis::over("US dollars", [0.0, most].into_iter(), most, digits);
        curves.push((
            "What the search had cost, in US dollars.".to_owned(),
            drawn("cost", "Cost", "US dollars", &spent, axis, dollars),
        ));
    }
    curves
}

/// An axis for values from 0 to 1.
fn scores(series: &[Series], least: f64) -> Axis {
    let values = series.iter().flat_map(|series| series.points.iter().map(|point| point.1));
    Axis::over(if least < 1.0 { "validation score" } else { "diversity" }, values, least, |tick| {
        format!("{tick:.2}")
    })
    .within(0.0, 1.0)
}

fn drawn(id: &str, title: &str, what: &str, series: &[Series], y: Axis, format: fn(f64) -> String) -> String {
    let evaluations = series.iter().flat_map(|series| series.points.iter().map(|point| point.0));
    let most = evaluations.clone().fold(5.0, f64::max);
    let x = Axis::over("evaluations", evaluations.chain([0.0]), 5.0, |tick| count(tick.max(0.0) as u64))
        .within(0.0, most);
    let mut description = format!("The {what} over evaluations.");
    for series in series {
        if let (Some(first), Some(last)) = (series.points.first(), series.points.last()) {
            description += &format!(" {}: from {} to {}.", series.name, format(first.1), format(last.1));
        }
    }
    let mut chart = Chart::new(x, y);
    for series in series {
        chart.line(series);
    }
    chart.svg(id, title, &description)
}
