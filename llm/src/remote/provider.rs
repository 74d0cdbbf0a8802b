//! A provider, and what all of its models share.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use evohub_monitoring::metrics::{GaugeShare, LimitKind, LlmMetrics};
use evohub_monitoring::redaction::redact;
use reqwest::Url;
use secrecy::SecretString;

use crate::error::{LlmError, LlmErrorKind};
use crate::key::{KeySource, read_key};
use crate::limits::allowance::Allowance;
use crate::limits::breaker::Breaker;
use crate::limits::concurrency::Concurrency;
use crate::limits::shared::Membership;
use crate::observed::Server;
use crate::provider_config::ProviderConfig;
use crate::provider_kind::ProviderKind;

/// A provider that is ready to be called.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(super) config: ProviderConfig,
    /// With a slash at its end.
    pub(super) base_url: Url,
    /// The base address as messages show it: without a user, a password, a query or what looks like a key.
    pub(super) address: String,
    pub(super) is_loopback: bool,
    /// Whether connections go through a proxy that the environment names.
    pub(super) is_proxied: bool,
    pub(super) key: Option<SecretString>,
    key_place: Option<String>,
    pub(super) client: genai::Client,
    pub(super) concurrency: Concurrency,
    pub(super) allowance: Allowance,
    pub(super) breaker: Breaker,
    /// Show the limits of [`Self::allowance`] for as long as the provider is in use.
    _shown_rates: Vec<GaugeShare>,
    /// The kind whose list prices apply: only where the provider is reached at its own address or through
    /// another one that stands for it, never for an endpoint of the user's.
    pub(super) listed: Option<ProviderKind>,
}

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Provider {
    /// Reads the key and prepares the client. A provider under its own name (`openai`) may get its address
    /// from the environment.
    pub(crate) fn new(
        name: &str,
        mut config: ProviderConfig,
        variable: &dyn Fn(&str) -> Option<String>,
        metrics: Option<&LlmMetrics>,
        membership: Option<Membership>,
    ) -> Result<Self, LlmError> {
        let wrong = |message: String| LlmError::new(LlmErrorKind::Configuration, name, message);
        let has_own_url = config.base_url.is_some();
        let is_built_in = name == config.kind.as_str() && !has_own_url;
        let url_variable = config.kind.base_url_variable();
        if is_built_in {
            config.base_url = variable(&url_variable).filter(|url| !url.trim().is_empty());
        }
        let place = if is_built_in { url_variable.as_str() } else { "base_url" };
        let text = config.base_url.as_deref().unwrap_or(config.kind.default_base_url());
        let base_url = parse_base_url(text, config.kind)
            .map_err(|what| wrong(format!("`{place}` {what}; write it like http://127.0.0.1:8000/v1")))?;
        let is_loopback = is_loopback(&base_url);
        let source = key_source(&config, has_own_url, is_loopback, is_built_in);
        let key = match &source {
            None => None,
            // A key in the environment is no must for a server of one's own, but is used if there.
            Some(KeyPlace::IfSet(name)) => read_key(&KeySource::Variable(name), variable).ok().map(Ok),
            Some(KeyPlace::Variable(name)) => Some(read_key(&KeySource::Variable(name), variable)),
            Some(KeyPlace::File(path)) => Some(read_key(&KeySource::File(path), variable)),
        }
        .transpose()
        .map_err(|message| LlmError::new(LlmErrorKind::Authentication, name, message))?;
        let http = http_client(&base_url, is_loopback).map_err(|error| {
            wrong(format!("cannot prepare connections ({error}); check the system's certificates"))
        })?;
        let client = genai::Client::builder()
            .with_reqwest(http)
            .build()
            .map_err(|error| wrong(format!("cannot prepare the client ({error})")))?;
        Ok(Self {
            address: address(&base_url),
            is_loopback,
            // The client asks the process's own environment, too.
            is_proxied: !is_loopback && is_proxied(base_url.scheme(), &|name| std::env::var(name).ok()),
            key_place: source.map(|source| source.to_string()),
            key,
            client,
            concurrency: Concurrency::new(
                config.max_concurrency,
                metrics.map(|metrics| metrics.limit(name, LimitKind::Concurrency)),
            ),
            allowance: Allowance::new(name, config.limits(), membership),
            _shown_rates: metrics.map_or_else(Vec::new, |metrics| shown_rates(name, &config, metrics)),
            breaker: Breaker::new(config.breaker_failures, Duration::from_secs_f64(config.breaker_seconds)),
            listed: (!is_loopback && !has_own_url).then_some(config.kind),
            base_url,
            config,
        })
    }

    /// Where its connections end.
    pub(crate) fn server(&self) -> Server {
        let host = self.base_url.host_str().unwrap_or_default().to_owned();
        Server { host, port: self.base_url.port_or_known_default().unwrap_or_default() }
    }

    /// Where the configuration says that the key is.
    pub(super) fn key_place(&self) -> Option<&str> {
        self.key_place.as_deref()
    }

    /// What to do when the provider does not accept the key.
    pub(super) fn key_advice(&self) -> String {
        match (&self.key, &self.key_place) {
            (Some(_), Some(place)) => format!("check the key in {place}"),
            _ => "it wants a key: name where it is with `key_env` or `key_file`".to_owned(),
        }
    }
}

fn shown_rates(name: &str, config: &ProviderConfig, metrics: &LlmMetrics) -> Vec<GaugeShare> {
    [
        (LimitKind::RequestsPerMinute, config.requests_per_minute),
        (LimitKind::TokensPerMinute, config.tokens_per_minute),
    ]
    .into_iter()
    .filter_map(|(kind, limit)| {
        let limit = limit?;
        let share = metrics.limit(name, kind);
        share.set(i64::from(limit));
        Some(share)
    })
    .collect()
}

/// Where the configuration says that the key is.
#[derive(Debug)]
enum KeyPlace {
    Variable(String),
    IfSet(String),
    File(PathBuf),
}

impl std::fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) | Self::IfSet(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// An own `base_url` is sent no key but the one that is named for it; a server on this machine that
/// stands in for a provider needs none.
fn key_source(
    config: &ProviderConfig,
    has_own_url: bool,
    is_loopback: bool,
    is_built_in: bool,
) -> Option<KeyPlace> {
    if let Some(name) = &config.key_env {
        return Some(KeyPlace::Variable(name.clone()));
    }
    if let Some(path) = &config.key_file {
        return Some(KeyPlace::File(path.clone()));
    }
    let name = config.kind.key_variable()?.to_owned();
    match (has_own_url, is_built_in && is_loopback) {
        (true, _) => None,
        (false, true) => Some(KeyPlace::IfSet(name)),
        (false, false) => Some(KeyPlace::Variable(name)),
    }
}

/// The address with a slash at its end, so that paths can be joined to it, and for Anthropic with the
/// version that its own clients add.
fn parse_base_url(text: &str, kind: ProviderKind) -> Result<Url, String> {
    let mut url: Url = text.trim().parse().map_err(|error| format!("is no address ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("starts with `{}:` instead of http: or https:", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password, which would show in messages".to_owned());
    }
    let mut path = url.path().trim_end_matches('/').to_owned();
    for suffix in ["/chat/completions", "/messages"] {
        if let Some(shorter) = path.strip_suffix(suffix) {
            path = shorter.to_owned();
        }
    }
    if kind == ProviderKind::Anthropic && !path.ends_with("/v1") {
        path.push_str("/v1");
    }
    path.push('/');
    url.set_path(&path);
    Ok(url)
}

fn address(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    redact(shown.as_str().trim_end_matches('/')).into_owned()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}

/// Whether the environment names a proxy for addresses of this scheme. One that leaves out some hosts is taken to
/// serve all.
fn is_proxied(scheme: &str, variable: &dyn Fn(&str) -> Option<String>) -> bool {
    [format!("{scheme}_proxy"), "all_proxy".to_owned()].iter().any(|name| {
        [name.clone(), name.to_ascii_uppercase()]
            .iter()
            .any(|name| variable(name).is_some_and(|proxy| !proxy.trim().is_empty()))
    })
}

pub(super) fn http_client(base_url: &Url, is_loopback: bool) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("evohub/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // A key must not follow a redirection to another host.
        .redirect(reqwest::redirect::Policy::none());
    if is_loopback {
        // A proxy reaches another machine's loopback, not this one's.
        builder = builder.no_proxy();
    }
    if base_url.scheme() == "http" {
        // Without TLS the system's certificates need not be read, nor be there.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, kind: ProviderKind) -> String {
        parse_base_url(text, kind).unwrap().to_string()
    }

    #[test]
    fn addresses_end_where_paths_are_joined() {
        let openai = |text| parsed(text, ProviderKind::OpenAi);
        assert_eq!(openai("http://127.0.0.1:8000/v1"), "http://127.0.0.1:8000/v1/");
        assert_eq!(openai("http://host/v1/chat/completions"), "http://host/v1/");
        assert_eq!(openai("https://host/x?version=2"), "https://host/x/?version=2");
        let anthropic = |text| parsed(text, ProviderKind::Anthropic);
        assert_eq!(anthropic("http://host"), "http://host/v1/");
        assert_eq!(anthropic("http://host/v1/"), "http://host/v1/");
        assert_eq!(anthropic("http://host/v1/messages"), "http://host/v1/");
    }

    #[test]
    fn knows_this_machine() {
        let loopback = |text: &str| is_loopback(&text.parse().unwrap());
        for url in
            ["http://127.0.0.1:1/", "http://0.0.0.0:8000/", "http://[::1]:8000/v1", "http://localhost/"]
        {
            assert!(loopback(url), "{url}");
        }
        for url in ["https://api.openai.com/v1", "http://10.0.0.1/", "http://localhost.example.org/"] {
            assert!(!loopback(url), "{url}");
        }
    }

    #[test]
    fn an_address_is_shown_without_what_looks_like_a_key() {
        let shown = |text: &str| address(&text.parse().unwrap());
        assert_eq!(shown("https://host:8443/v1/?key=x"), "https://host:8443/v1");
        let shown = shown("https://host/sk-proj-Zx9Qw8Er7Ty6Ui5Op4/v1");
        assert!(shown.starts_with("https://host/") && !shown.contains("Zx9Qw8"), "{shown}");
    }

    #[test]
    fn knows_a_proxy_by_its_scheme() {
        let proxied = |scheme, set: &str, value: &str| {
            is_proxied(scheme, &|name| (name == set).then(|| value.to_owned()))
        };
        assert!(proxied("https", "HTTPS_PROXY", "http://proxy:3128"));
        assert!(proxied("https", "https_proxy", "http://proxy:3128"));
        assert!(proxied("http", "ALL_PROXY", "socks5://proxy"));
        assert!(!proxied("https", "http_proxy", "http://proxy:3128"));
        assert!(!proxied("https", "https_proxy", " "));
    }

    #[test]
    fn every_default_address_is_sound() {
        for kind in ProviderKind::ALL {
            assert_eq!(parsed(kind.default_base_url(), kind), kind.default_base_url());
        }
    }
}
