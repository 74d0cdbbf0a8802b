//! What the recording rules beside this folder keep ready: figures of the service as a whole, over all nodes.

use std::marker::PhantomData;

use evohub_monitoring::metrics::names::{Gauge, Labels, NoLabels};

use crate::promql::Family;

/// A recorded series. Rules sum over nodes, so that none of the reader's variables narrows it down.
#[derive(Debug)]
pub struct Recorded<L = NoLabels> {
    name: &'static str,
    of: PhantomData<fn() -> L>,
}

impl<L> Clone for Recorded<L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Recorded<L> {}

impl<L: Labels> Family for Recorded<L> {
    type Type = Gauge;
    type Labels = L;

    fn name(self) -> String {
        self.name.to_owned()
    }

    fn scope(self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

/// Which objective a series of the service level objectives is about.
#[derive(Debug, Clone, Copy)]
pub struct ObjectiveLabels {
    /// The label `slo`.
    pub slo: &'static str,
}

impl Labels for ObjectiveLabels {
    type Names = Self;

    const NAMES: Self = Self { slo: "slo" };
    const LIST: &'static [&'static str] = &["slo"];
}

macro_rules! recorded {
    ($($constant:ident: $labels:ident = $name:literal, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: Recorded<$labels> = Recorded { name: $name, of: PhantomData };
        )+

        /// The names of all of them.
        pub const NAMES: &[&str] = &[$($name),+];
    };
}

recorded! {
    AVAILABLE: NoLabels = "evohub:available",
        "1 while the service can take work";
    HTTP_ERROR_RATIO: NoLabels = "evohub:http_request_errors:ratio_rate5m",
        "Share of users' requests that were answered with 5xx";
    HTTP_DURATION_P50: NoLabels = "evohub:http_request_duration_seconds:p50_rate5m",
        "Time within which half of the users' requests are answered";
    HTTP_DURATION_P95: NoLabels = "evohub:http_request_duration_seconds:p95_rate5m",
        "Time within which 95 % of the users' requests are answered";
    GENERATIONS_PER_HOUR: NoLabels = "evohub:generations:per_hour",
        "Generations an hour, over the last hour";
    SUCCESS_RATIO: NoLabels = "evohub:evaluations:success_ratio_rate5m",
        "Share of attempts at evaluations that brought a result";
    DOLLARS_PER_EVALUATION: NoLabels = "evohub:dollars:per_evaluation_rate1h",
        "US dollars an evaluation, over the last hour";
    DOLLARS_PER_POINT: NoLabels = "evohub:dollars:per_point_rate1h",
        "US dollars for a rise of the best score by 0.01, over the last hour";
    FITNESS_GAINED: NoLabels = "evohub:fitness_gained:per_generation_rate1h",
        "Rise of the best score in a generation, over the last hour";
    CONVERGENCE: NoLabels = "evohub:convergence_seconds:mean_rate1d",
        "Time from the start of a search to its last improvement, over the last day";
    ERROR_RATIO_5M: ObjectiveLabels = "slo:error_ratio:5m",
        "Share of what went wrong in five minutes";
    BUDGET_REMAINING: ObjectiveLabels = "slo:error_budget:remaining",
        "Share of the error budget of 30 days that is left";
    BURN_RATE_5M: ObjectiveLabels = "slo:burn_rate:5m",
        "How fast the error budget is spent, over five minutes; 1 spends it in 30 days";
    BURN_RATE_1H: ObjectiveLabels = "slo:burn_rate:1h",
        "How fast the error budget is spent, over an hour; 1 spends it in 30 days";
    BURN_RATE_6H: ObjectiveLabels = "slo:burn_rate:6h",
        "How fast the error budget is spent, over six hours; 1 spends it in 30 days";
}
