//! Whether a provider can be reached.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::provider::Provider;

/// How long a connection may take to come about.
const LIMIT: Duration = Duration::from_millis(1500);

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

/// In words where there are some: the system's own text has a number instead of a plain name.
fn cause(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => error.to_string(),
    }
}
