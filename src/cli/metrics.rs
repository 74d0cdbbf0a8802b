//! `evohub metrics`: the catalogue of all metrics.

use evohub::monitoring::metrics::{Metrics, MetricsConfig};

use super::failure::Failure;
use super::output::Output;
use super::status::Status;

const HEADING: &str = "\
# Metrics

What `/metrics` serves, as `evohub metrics` prints it. Histograms have the series `_bucket`, `_sum` and `_count`.
Gauges of running jobs carry a `job` label when the program is started with `--metrics-job-label`. Labels never hold
a prompt, a user, a session or an id; values that come from outside (models, operators, causes) are at most 256 series
a family, and what comes on top goes to the series `other`.
";

pub(crate) fn metrics(output: &Output) -> Result<Status, Failure> {
    let metrics = Metrics::new(&MetricsConfig::default());
    output.result(&format!("{HEADING}\n{}", metrics.catalogue_table()))?;
    Ok(Status::Done)
}
