//! This program, its settings, and the pages of processes.

use evohub::doctor::Settings;
use evohub::monitoring::redaction::redact;
use evohub::target::Target;
use serde_json::{Value, json};

use super::bundle::Bundle;

/// Variables that say something to evohub; their values may be secrets.
fn is_known(name: &str) -> bool {
    let starts = ["EVOHUB_", "OTEL_", "PG"];
    let ends = ["_API_KEY", "_BASE_URL", "_proxy", "_PROXY"];
    starts.iter().any(|start| name.starts_with(start)) || ends.iter().any(|end| name.ends_with(end))
}

/// What was built, and for which machine.
pub(super) fn build() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": env!("EVOHUB_REVISION"),
        "rustc": env!("EVOHUB_RUSTC"),
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
    })
}

/// The settings, without what is secret in them. Of variables of the environment only the names.
pub(super) fn configuration(settings: &Settings) -> Value {
    let node = settings.node.as_ref().map(|node| {
        let config = node.config.as_ref();
        json!({
            "listen": node.listen,
            "cookie_file": node.cookie_file,
            "error": config.err(),
            "name": config.ok().map(|config| config.name.to_string()),
            "advertise": config.ok().and_then(|config| config.advertise.as_ref()),
            "join": config.ok().map(|config| &config.seeds),
            "insecure": config.ok().map(|config| config.insecure),
            "tls": config.ok().and_then(|config| config.tls.as_ref()).map(|tls| json!({
                "certificate": tls.certificate, "key_file": tls.key, "authority": tls.authority,
            })),
            "asked": node.ask,
        })
    });
    let http = settings.http.as_ref().map(|http| {
        json!({
            "listen": http.listen,
            "token_file": http.token_file,
            "certificate": http.tls.as_ref().map(|(certificate, _)| certificate),
            "insecure": http.insecure,
        })
    });
    let addresses = settings.targets.addresses.iter().map(ToString::to_string);
    let traces = settings.traces.as_ref().map(|traces| {
        let traces = traces.as_ref()?;
        Some(json!({"endpoint": traces.shown_endpoint(), "protocol": traces.protocol.as_str()}))
    });
    let mut variables: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| is_known(name))
        .collect();
    variables.sort();
    json!({
        "store": settings.store.to_string(),
        "redis": settings.redis.as_deref().map(redact),
        "node": node,
        "workers": settings.workers,
        "http": http,
        "targets": addresses.collect::<Vec<_>>(),
        "prometheus": settings.prometheus.as_ref().map(ToString::to_string),
        "traces": traces.unwrap_or_else(|error| Some(json!({"error": error}))),
        "log_file": settings.log_file,
        "variables_set": variables,
    })
}

/// Adds what processes say of themselves.
pub(super) async fn pages(bundle: &mut Bundle, settings: &Settings) {
    let targets = settings.scraped();
    if targets.is_empty() {
        bundle.missing("metrics and health of processes", "no --target and no --http is named");
    }
    for (address, token_file) in targets {
        let shown = address.to_string();
        let folder = shown.trim_start_matches("https://");
        let ca_file = settings.targets.ca_file.as_deref();
        let target = bundle.had(&format!("the pages of {shown}"), Target::new(address, token_file, ca_file));
        let Some(target) = target else { continue };
        let (metrics, health) = tokio::join!(target.metrics(), target.health());
        if let Some(metrics) = bundle.had(&format!("/metrics of {shown}"), metrics) {
            bundle.text(&format!("nodes/{folder}/metrics.txt"), &format!("/metrics of {shown}"), &metrics);
        }
        if let Some(health) = bundle.had(&format!("/health/detailed of {shown}"), health) {
            bundle.json(
                &format!("nodes/{folder}/health.json"),
                &format!("/health/detailed of {shown}"),
                &health,
            );
        }
    }
}
