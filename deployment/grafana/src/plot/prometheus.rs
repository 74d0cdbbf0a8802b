//! What is asked of Prometheus.

use std::collections::BTreeMap;

use reqwest::{Client, Url};
use serde_json::Value;

use super::PlotConfig;

/// Why nothing can be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The address of Prometheus is none.
    #[error("{address} is no address of a Prometheus, like http://127.0.0.1:9090: {source}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Prometheus did not answer.
    #[error("Prometheus does not answer: {0}")]
    Silent(#[from] reqwest::Error),
    /// Prometheus did not understand.
    #[error("Prometheus refused {query}: {answer}")]
    Refused {
        /// What was asked.
        query: String,
        /// What it said.
        answer: String,
    },
}

/// A series over time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Course {
    pub(crate) labels: BTreeMap<String, String>,
    /// Seconds since 1970, and values; no number where there was none.
    pub(crate) points: Vec<(f64, f64)>,
}

pub(super) struct Prometheus {
    client: Client,
    address: Url,
    span: (f64, f64),
    step: f64,
}

impl Prometheus {
    pub(super) fn new(config: &PlotConfig, step: f64) -> Result<Self, PlotError> {
        let address = Url::parse(&config.prometheus).map_err(|error| PlotError::Address {
            address: config.prometheus.clone(),
            source: error.into(),
        })?;
        Ok(Self { client: Client::new(), address, span: config.span, step })
    }

    async fn ask(&self, path: &str, query: &str, parameters: &[(&str, &str)]) -> Result<Value, PlotError> {
        let mut url = self.address.clone();
        url.set_path(&format!("{}/api/v1/{path}", self.address.path().trim_end_matches('/')));
        url.query_pairs_mut().extend_pairs(parameters);
        let text = self.client.get(url).send().await?.text().await?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if answer["status"] == "success" {
            return Ok(answer["data"].clone());
        }
        let said = answer["error"].as_str().unwrap_or(&text).to_owned();
        Err(PlotError::Refused { query: query.to_owned(), answer: said })
    }

    /// The courses of an expression.
    pub(super) async fn course(&self, expression: &str) -> Result<Vec<Course>, PlotError> {
        let (start, end) = self.span;
        let [start, end, step] = [start, end, self.step].map(|number| number.to_string());
        let parameters = [("query", expression), ("start", &start), ("end", &end), ("step", &step)];
        let data = self.ask("query_range", expression, &parameters).await?;
        Ok(data["result"].as_array().into_iter().flatten().map(|series| course(series, self.step)).collect())
    }

    /// The values that `label_values(selector, label)` stands for.
    pub(super) async fn label_values(&self, query: &str) -> Result<Vec<String>, PlotError> {
        let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let Some((selector, label)) = inside.and_then(|inside| inside.rsplit_once(", ")) else {
            let answer = "it is no label_values(selector, label)".to_owned();
            return Err(PlotError::Refused { query: query.to_owned(), answer });
        };
        let data = self.ask(&format!("label/{label}/values"), query, &[("match[]", selector)]).await?;
        let values = data.as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(values.map(str::to_owned).collect())
    }
}

/// A course from the answer, with a gap where steps are missing.
fn course(series: &Value, step: f64) -> Course {
    let labels = series["metric"].as_object().into_iter().flatten();
    let labels = labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let mut points: Vec<(f64, f64)> = vec![];
    for pair in series["values"].as_array().into_iter().flatten() {
        let at = pair[0].as_f64().unwrap_or_default();
        let value = pair[1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        if let Some((before, _)) = points.last().filter(|(before, _)| at - before > step * 1.5) {
            points.push((before + step, f64::NAN));
        }
        points.push((at, value));
    }
    Course { labels: labels.collect(), points }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_steps_are_gaps() {
        let answer = serde_json::json!({
            "metric": {"instance": "a"},
            "values": [[10, "1"], [12, "NaN"], [14, "2"], [20, "3"]],
        });
        let Course { labels, points } = course(&answer, 2.0);
        assert_eq!(labels["instance"], "a");
        let finite: Vec<_> = points.iter().map(|(at, value)| (*at, value.is_finite())).collect();
        assert_eq!(finite, [(10.0, true), (12.0, false), (14.0, true), (16.0, false), (20.0, true)]);
    }
}
