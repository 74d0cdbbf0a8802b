//! Where traces go, and which.

use std::fmt;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::TraceError;
use crate::redaction::redact;

/// The name of the service where nobody says otherwise.
const SERVICE: &str = "evohub";

/// How a collector is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TraceProtocol {
    /// Protocol buffers over HTTP, as `http/protobuf`.
    #[default]
    Http,
    /// gRPC, as `grpc`.
    Grpc,
}

impl TraceProtocol {
    /// The name that OpenTelemetry has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http/protobuf",
            Self::Grpc => "grpc",
        }
    }
}

/// A header of each request to the collector, such as `authorization`. The value is a secret.
#[derive(Debug, Clone)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: SecretString,
}

/// How many spans wait, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most spans that wait to be sent, 1 and more. What comes on top is dropped.
    pub queue: usize,
    /// Most spans in one request, from 1 to `queue`.
    pub size: usize,
    /// How long spans wait at most until they are sent.
    pub delay: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { queue: 2_048, size: 512, delay: Duration::from_secs(5) }
    }
}

/// Where traces go, and which.
#[derive(Debug, Clone)]
pub struct TraceConfig {
    /// The collector's address. With [`TraceProtocol::Http`] the whole of it, such as
    /// `http://127.0.0.1:4318/v1/traces`; with [`TraceProtocol::Grpc`] such as `http://127.0.0.1:4317`.
    pub endpoint: Endpoint,
    /// How it is spoken to.
    pub protocol: TraceProtocol,
    /// Headers of each request.
    pub headers: Vec<Header>,
    /// How long a request may take, with all its repetitions.
    pub timeout: Duration,
    /// The share of drawn spans that is kept, from 0 to 1.
    pub sample_ratio: f64,
    /// Whether drawn spans in which something failed are kept whatever the lot says.
    pub keep_failed: bool,
    /// Drawn spans that took longer are kept whatever the lot says.
    pub keep_slower_than: Option<Duration>,
    /// The name under which the spans appear.
    pub service_name: String,
    /// More that is said of this process, such as `service.instance.id`: the name of the node.
    pub resource: Vec<(String, String)>,
    /// How many spans wait, and how long.
    pub batch: BatchLimits,
}

impl TraceConfig {
    /// All spans to a collector, by HTTP with a time limit of ten seconds.
    pub fn new(endpoint: impl Into<Endpoint>) -> Self {
        Self {
            endpoint: endpoint.into(),
            protocol: TraceProtocol::default(),
            headers: vec![],
            timeout: Duration::from_secs(10),
            sample_ratio: 1.0,
            keep_failed: false,
            keep_slower_than: None,
            service_name: SERVICE.to_owned(),
            resource: vec![],
            batch: BatchLimits::default(),
        }
    }

    /// What the standard variables of OpenTelemetry say: `OTEL_EXPORTER_OTLP_ENDPOINT`, `_PROTOCOL`, `_HEADERS` and
    /// `_TIMEOUT` (and those with `_TRACES_` in them, which go before), `OTEL_SERVICE_NAME`,
    /// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, `OTEL_BSP_MAX_QUEUE_SIZE`,
    /// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` and `OTEL_BSP_SCHEDULE_DELAY`.
    ///
    /// `None` when no endpoint is set, with `OTEL_SDK_DISABLED=true`, with `OTEL_TRACES_EXPORTER=none` and with the
    /// sampler `always_off`. An empty variable counts as none.
    ///
    /// # Errors
    /// When a variable is not understood. Values that may hold secrets are not told.
    pub fn from_environment(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, TraceError> {
        super::environment::read(lookup)
    }

    /// The collector's address without secrets.
    pub fn shown_endpoint(&self) -> String {
        redact(&self.endpoint.0).into_owned()
    }

    pub(super) fn check(&self) -> Result<(), TraceError> {
        self.check_by(&|setting| setting.to_owned())
    }

    /// Checks all values; `told` says how a setting is called where it was made.
    pub(super) fn check_by(&self, told: &dyn Fn(&'static str) -> String) -> Result<(), TraceError> {
        let wrong = |setting, problem: String| Err(TraceError::Setting { setting: told(setting), problem });
        let uri = self.endpoint.0.parse::<Uri>().ok();
        let scheme = uri.as_ref().and_then(Uri::scheme_str);
        if !matches!(scheme, Some("http" | "https"))
            || uri.as_ref().and_then(Uri::host).is_none_or(str::is_empty)
        {
            let problem = format!(
                "`{}` is no address of a collector: write one such as http://127.0.0.1:4318",
                self.shown_endpoint()
            );
            return wrong("endpoint", problem);
        }
        if uri.and_then(|uri| Some(uri.authority()?.as_str().contains('@'))) == Some(true) {
            let problem = "holds a user or password, which libraries would log: give it as a header, with \
                           OTEL_EXPORTER_OTLP_HEADERS=authorization=Basic%20…";
            return wrong("endpoint", problem.to_owned());
        }
        for (place, header) in self.headers.iter().enumerate() {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let value = HeaderValue::from_str(header.value.expose_secret());
            if name.is_err() || value.is_err() {
                let problem = format!("has a name or a value in entry {} that no header can have", place + 1);
                return wrong("headers", problem);
            }
        }
        if self.timeout.is_zero() {
            return wrong("timeout", "is zero: write a time in which a collector can answer".to_owned());
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return wrong("sample_ratio", format!("is {}: write a number from 0 to 1", self.sample_ratio));
        }
        let BatchLimits { queue, size, .. } = self.batch;
        if queue == 0 || queue > 1 << 20 {
            return wrong("batch.queue", format!("is {queue}: write a number from 1 to {}", 1 << 20));
        }
        if size == 0 || size > queue {
            return wrong(
                "batch.size",
                format!("is {size}: write a number from 1 to {queue}, the room of the queue"),
            );
        }
        Ok(())
    }
}

/// An address that is shown without secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// All of it, with what may be a secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Endpoint {
    fn from(address: T) -> Self {
        Self(address.into())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&redact(&self.0), f)
    }
}
