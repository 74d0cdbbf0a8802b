//! HTTP requests served.

use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::declare::Declarations;
use super::durations::{Bounds, Durations, SLOW};
use super::labels::label_set;
use super::name::families;
use super::series::Series;

label_set!(RequestLabels { method: closed, route: closed, status: closed });
label_set!(RouteLabels { method: closed, route: closed });

families! {
    HTTP_REQUESTS: Counter<RequestLabels> = "http_requests",
        "HTTP requests answered";
    HTTP_REQUEST_DURATION: Histogram<RouteLabels> = "http_request_duration" in "seconds",
        "Time from the head of a request to its answer";
    HTTP_REQUESTS_IN_FLIGHT: Gauge = "http_requests_in_flight",
        "HTTP requests being served";
}

/// HTTP requests served, by route: the template of a path, never the path.
#[derive(Debug)]
pub struct HttpMetrics {
    requests: Series<RequestLabels, Counter>,
    duration: Series<RouteLabels, Durations, Bounds>,
    in_flight: Gauge,
}

/// A request being served. Dropped without an answer, it counts as one that its client did not wait for (status 499).
#[derive(Debug)]
pub struct HttpRequestGuard<'a> {
    metrics: &'a HttpMetrics,
    method: &'static str,
    route: &'static str,
    status: u16,
    started: Instant,
}

/// A client that went away before it had its answer.
const CLIENT_CLOSED: u16 = 499;

impl HttpMetrics {
    pub(super) fn declare(declare: &mut Declarations) -> Self {
        Self {
            requests: declare.counters(names::HTTP_REQUESTS),
            duration: declare.durations_by(names::HTTP_REQUEST_DURATION, SLOW),
            in_flight: declare.gauge(names::HTTP_REQUESTS_IN_FLIGHT),
        }
    }

    /// Notes that a request begins.
    pub fn begin(&self, method: &str, route: &'static str) -> HttpRequestGuard<'_> {
        self.in_flight.inc();
        let method = known_method(method);
        HttpRequestGuard { metrics: self, method, route, status: CLIENT_CLOSED, started: Instant::now() }
    }
}

impl HttpRequestGuard<'_> {
    /// Notes that it was answered.
    pub fn finish(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for HttpRequestGuard<'_> {
    fn drop(&mut self) {
        let HttpMetrics { requests, duration, in_flight } = self.metrics;
        let (method, route) = (self.method.into(), self.route.into());
        requests.get(&RequestLabels { method, route, status: self.status.to_string().into() }).inc();
        let (method, route) = (self.method.into(), self.route.into());
        duration.get(&RouteLabels { method, route }).observe(self.started.elapsed());
        in_flight.dec();
    }
}

/// A client may send any method.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}
