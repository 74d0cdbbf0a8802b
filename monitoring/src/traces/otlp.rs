//! The exporter for OTLP, by HTTP or by gRPC.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter as Otlp, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use secrecy::ExposeSecret;
use tokio::runtime::{Builder, Runtime};

use super::TraceError;
use super::config::{TraceConfig, TraceProtocol};
use crate::redaction::redact;

/// The exporter that a configuration asks for.
pub(super) fn exporter(config: &TraceConfig) -> Result<Exporter, TraceError> {
    match config.protocol {
        TraceProtocol::Http => http(config),
        TraceProtocol::Grpc => grpc(config),
    }
}

/// Sends spans. It waits for the answer where it is called, and so needs a plain thread.
pub(super) enum Exporter {
    /// Its client has a thread of its own.
    Http(Otlp),
    /// Its client needs a runtime. One of its own outlives that of the program, and does not share its fate when
    /// that one is busy.
    Grpc {
        exporter: Otlp,
        /// Is given away when the exporter goes.
        runtime: Option<Runtime>,
        timeout: Duration,
    },
}

fn http(config: &TraceConfig) -> Result<Exporter, TraceError> {
    let headers: HashMap<String, String> =
        config.headers.iter().map(|h| (h.name.clone(), h.value.expose_secret().to_owned())).collect();
    let exporter = Otlp::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(config.endpoint.expose())
        .with_timeout(config.timeout)
        .with_headers(headers)
        .build()
        .map_err(|error| failed(config, &error))?;
    Ok(Exporter::Http(exporter))
}

fn grpc(config: &TraceConfig) -> Result<Exporter, TraceError> {
    let mut headers = HeaderMap::new();
    for header in &config.headers {
        // They were checked with the rest of the configuration.
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_str(header.value.expose_secret());
        if let (Ok(name), Ok(mut value)) = (name, value) {
            value.set_sensitive(true);
            headers.append(name, value);
        }
    }
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
        TraceError::Exporter { endpoint: config.shown_endpoint(), problem: error.to_string() }
    })?;
    let built = {
        let _inside = runtime.enter();
        let mut builder = Otlp::builder()
            .with_tonic()
            .with_endpoint(config.endpoint.expose())
            .with_timeout(config.timeout)
            .with_metadata(MetadataMap::from_headers(headers));
        if config.endpoint.expose().starts_with("https:") {
            builder = builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
        }
        builder.build()
    };
    match built {
        Ok(exporter) => Ok(Exporter::Grpc { exporter, runtime: Some(runtime), timeout: config.timeout }),
        Err(error) => {
            runtime.shutdown_background();
            Err(failed(config, &error))
        }
    }
}

fn failed(config: &TraceConfig, error: &ExporterBuildError) -> TraceError {
    let problem = redact(&error.to_string()).into_owned();
    TraceError::Exporter { endpoint: config.shown_endpoint(), problem }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        match self {
            Self::Http(exporter) => exporter.export(batch).await,
            Self::Grpc { exporter, runtime: Some(runtime), timeout } => {
                let sent = async { tokio::time::timeout(*timeout, exporter.export(batch)).await };
                runtime.block_on(sent).unwrap_or(Err(OTelSdkError::Timeout(*timeout)))
            }
            Self::Grpc { runtime: None, .. } => Err(OTelSdkError::AlreadyShutdown),
        }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        match self {
            Self::Http(exporter) | Self::Grpc { exporter, .. } => exporter.shutdown_with_timeout(timeout),
        }
    }

    fn set_resource(&mut self, resource: &Resource) {
        match self {
            Self::Http(exporter) | Self::Grpc { exporter, .. } => exporter.set_resource(resource),
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Self::Grpc { runtime, .. } = self
            && let Some(runtime) = runtime.take()
        {
            // Dropping it would panic where there is another one around.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "Http",
            Self::Grpc { .. } => "Grpc",
        })
    }
}
