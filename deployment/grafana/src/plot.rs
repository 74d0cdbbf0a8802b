//! The dashboards drawn from a Prometheus, for documents: their own queries, as SVG.

mod drawing;
mod prometheus;
mod scale;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::choices::Choices;
use crate::model::{Dashboard, Form, Panel, Row};
use crate::promql::Expression;
use prometheus::{Course, Prometheus};

pub use prometheus::PlotError;

/// What is drawn, and from where.
#[derive(Debug, Clone)]
pub struct PlotConfig {
    /// The address of a Prometheus, like `http://127.0.0.1:9090`.
    pub prometheus: String,
    /// When the pictures begin and end, in seconds since 1970.
    pub span: (f64, f64),
    /// Time between two scrapes: rates look at four of them.
    pub scrape: Duration,
}

/// Points of a line.
const POINTS: f64 = 100.0;

/// A drawn row: the name of its file, and the picture.
pub type Picture = (String, String);

/// What Prometheus answered for a panel.
pub(crate) struct Answer<'a> {
    pub(crate) panel: &'a Panel,
    /// The courses of each query.
    pub(crate) courses: Vec<Vec<Course>>,
}

/// Draws the rows of a dashboard. A panel without values says so; a table is left out.
///
/// # Errors
/// If Prometheus does not answer, or does not understand a query.
pub async fn pictures(dashboard: &Dashboard, config: &PlotConfig) -> Result<Vec<Picture>, PlotError> {
    let (start, end) = config.span;
    let step = ((end - start) / POINTS).ceil().max(1.0);
    let prometheus = Prometheus::new(config, step)?;
    // As Grafana reckons.
    let rate = (config.scrape * 4).max(config.scrape + Duration::from_secs_f64(step));
    let choices = choices(dashboard, &prometheus, rate, Duration::from_secs_f64(end - start)).await?;
    let ask =
        async |expression: &Expression| prometheus.course(&choices.apply(&expression.to_string())).await;
    let mut events = vec![];
    for event in &dashboard.annotations {
        for moment in beginnings(&ask(&event.expression).await?, step) {
            events.push((event.name, event.color, moment));
        }
    }
    let mut pictures = vec![];
    for row in &dashboard.rows {
        let mut answers = vec![];
        for panel in row.panels.iter().filter(|panel| panel.form != Form::Table) {
            let mut courses = vec![];
            for query in &panel.queries {
                courses.push(ask(&query.expression).await?);
            }
            answers.push(Answer { panel, courses });
        }
        pictures.push((file(dashboard, row), drawing::row(row.title, &answers, &events, (start, end))));
    }
    Ok(pictures)
}

/// All that is there, for each variable.
async fn choices(
    dashboard: &Dashboard,
    prometheus: &Prometheus,
    rate: Duration,
    shown: Duration,
) -> Result<Choices, PlotError> {
    let mut choices = Choices::new(rate, shown);
    for variable in &dashboard.variables {
        let value = match variable.first.or(variable.all) {
            Some(value) => value.to_owned(),
            None => prometheus.label_values(&choices.apply(&variable.query)).await?.join("|"),
        };
        choices = choices.with(variable.name, &value);
    }
    Ok(choices)
}

/// The moments at which courses begin, each once.
fn beginnings(courses: &[Course], step: f64) -> Vec<f64> {
    let mut moments = BTreeMap::new();
    for course in courses {
        let mut before = f64::NEG_INFINITY;
        for (at, value) in &course.points {
            if !value.is_finite() {
                continue;
            }
            if at - before > step * 1.5 {
                moments.insert((at * 1000.0) as i64, *at);
            }
            before = *at;
        }
    }
    moments.into_values().collect()
}

/// The name of a row's file.
fn file(dashboard: &Dashboard, row: &Row) -> String {
    let words = format!("{} {}", dashboard.uid, row.title).to_lowercase();
    let words: Vec<&str> =
        words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!("{}.svg", words.join("-"))
}
