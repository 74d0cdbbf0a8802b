//! Whether a provider can be reached.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use evohub_monitoring::redaction::redact;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::provider::{Provider, http_client};

/// How long a connection may take to come about.
const LIMIT: Duration = Duration::from_millis(1500);

/// How long an answer to a knock may take.
const KNOCK: Duration = Duration::from_secs(5);

/// Finds out whether a provider can be reached, at no cost: it sends no request and no key.
///
/// It keeps the provider's connections and limits alive, so it should go when the models go.
#[derive(Debug, Clone)]
pub struct ProviderProbe {
    name: String,
    provider: Arc<Provider>,
}

impl ProviderProbe {
    pub(crate) fn new(name: String, provider: Arc<Provider>) -> Self {
        Self { name, provider }
    }

    /// The provider's name: the part of a model's name before the colon.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its calls go, without secrets.
    pub fn address(&self) -> &str {
        &self.provider.address
    }

    /// What is known of its key: where it was found, or that there is none.
    pub fn key(&self) -> String {
        match (&self.provider.key, self.provider.key_place()) {
            (Some(_), Some(place)) => format!("a key in {place}"),
            (None, Some(place)) => format!("no key, as {place} is not set"),
            (_, None) => "no key".to_owned(),
        }
    }

    /// Whether calls go through a proxy that the environment names.
    pub fn is_proxied(&self) -> bool {
        self.provider.is_proxied
    }

    /// Asks the provider's base address by the way that calls take, with TLS and proxy, for at most five seconds. The
    /// request has no key and names no model, so it cannot cost anything; that it is refused is an answer like any
    /// other. Returns its status.
    ///
    /// # Errors
    /// Why there is no answer. Holds no secret.
    pub async fn knock(&self) -> Result<u16, String> {
        let client = http_client(&self.provider.base_url, self.provider.is_loopback);
        let client = client.map_err(|error| format!("no connection can be made from here: {error}"))?;
        let asked = client.get(self.provider.base_url.clone()).timeout(KNOCK).send().await;
        asked.map(|answer| answer.status().as_u16()).map_err(|error| {
            let cause = match error.is_timeout() {
                true => format!("nothing came within {} s", KNOCK.as_secs()),
                // The address, which is told without secrets elsewhere, is in it.
                false => deepest(&error.without_url()),
            };
            redact(&cause).into_owned()
        })
    }

    /// Looks, for at most 1.5 s. A provider behind a proxy of the environment is judged by its calls alone.
    ///
    /// # Errors
    /// Why the provider is of no use now: its last calls failed, so that none is made for a while, or no connection
    /// to it comes about. Holds no secret.
    pub async fn check(&self) -> Result<(), String> {
        if let Some(open) = self.provider.breaker.is_open() {
            let (failures, last) = (open.failures, open.last_failure);
            return Err(format!("{failures} calls in a row failed; the last one: {last}"));
        }
        if self.provider.is_proxied {
            return Ok(());
        }
        let server = self.provider.server();
        let place = format!("{}:{}", server.host, server.port);
        // An IPv6 address stands in brackets in a URL only.
        let host = server.host.trim_matches(['[', ']']);
        match timeout(LIMIT, TcpStream::connect((host, server.port))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("cannot connect to {place}: {}", cause(&error))),
            Err(_) => Err(format!("no connection to {place} within {} s", LIMIT.as_secs_f64())),
        }
    }
}

/// The first cause of an error, in words where there are some.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    deepest.downcast_ref::<io::Error>().map_or_else(|| deepest.to_string(), cause)
}

/// In words where there are some: the system's own text has a number instead of a plain name.
fn cause(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => error.to_string(),
    }
}
