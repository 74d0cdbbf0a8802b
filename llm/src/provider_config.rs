//! What a user may say about a provider.

use std::path::PathBuf;
use std::time::Duration;

use evohub_monitoring::redaction::{is_secret_name, redact};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::limits::shared::ProviderLimits;
use crate::provider_kind::ProviderKind;

/// One provider, as written in a job file under `[providers.NAME]`.
///
/// It names where a key is found and never holds the key itself, so it can be stored with a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// The form in which requests are sent.
    pub kind: ProviderKind,
    /// Where the provider is reached, up to and without `chat/completions` or `messages`; by default the
    /// kind's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable that holds the key. By default the kind's own variable, unless
    /// `base_url` or `key_file` is set: an own endpoint is sent no key that was not meant for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// A file that holds the key and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Seconds that one attempt may take, from sending to the whole answer.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: f64,
    /// Attempts after the first one.
    #[serde(default = "default_max_retries")]
    pub max_retries: u32,
    /// The wait before the first retry is random up to this many milliseconds, and doubles at its upper
    /// end with every further one.
    #[serde(default = "default_retry_base_ms")]
    pub retry_base_ms: u64,
    /// Longest wait before a retry, in seconds. A provider that asks for more (`retry-after`) is not waited
    /// for: the call fails.
    #[serde(default = "default_retry_max_seconds")]
    pub retry_max_seconds: f64,
    /// Requests per minute that are sent at most; unlimited by default. This limit and the next two are kept by all
    /// nodes together where they have a shared quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute, in and out, that are used at most; unlimited by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u32>,
    /// US dollars per hour that are spent at most, spread evenly over it, on models whose price is known; unlimited by
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dollars_per_hour: Option<f64>,
    /// Calls in flight at most. Fewer while the provider refuses (429), one more at a time as it accepts.
    #[serde(default = "default_max_concurrency")]
    pub max_concurrency: usize,
    /// After so many calls in a row that failed by the provider's fault, retries included, calls fail at once.
    #[serde(default = "default_breaker_failures")]
    pub breaker_failures: u32,
    /// Seconds until one call may try a provider again that failed too often.
    #[serde(default = "default_breaker_seconds")]
    pub breaker_seconds: f64,
    /// Further fields of the request body, such as `reasoning_effort`; they replace those of the same name.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub body: serde_json::Map<String, serde_json::Value>,
}

impl ProviderConfig {
    /// A provider of a kind, with the defaults for all else.
    pub fn new(kind: ProviderKind) -> Self {
        Self {
            kind,
            base_url: None,
            key_env: None,
            key_file: None,
            timeout_seconds: default_timeout_seconds(),
            max_retries: default_max_retries(),
            retry_base_ms: default_retry_base_ms(),
            retry_max_seconds: default_retry_max_seconds(),
            requests_per_minute: None,
            tokens_per_minute: None,
            dollars_per_hour: None,
            max_concurrency: default_max_concurrency(),
            breaker_failures: default_breaker_failures(),
            breaker_seconds: default_breaker_seconds(),
            body: serde_json::Map::new(),
        }
    }

    /// What is wrong with the numbers, naming the key.
    pub(crate) fn fault(&self) -> Option<String> {
        let seconds = [
            ("timeout_seconds", self.timeout_seconds),
            ("retry_max_seconds", self.retry_max_seconds),
            ("breaker_seconds", self.breaker_seconds),
        ];
        for (key, value) in seconds {
            if !(value > 0.0 && value <= MAX_SECONDS) {
                return Some(format!("`{key}` is {value}: write seconds above 0 and up to {MAX_SECONDS}"));
            }
        }
        if let Some(value) = self.dollars_per_hour
            && !(value > 0.0 && value.is_finite())
        {
            return Some(format!(
                "`dollars_per_hour` is {value}: write US dollars above 0, or leave it out for no limit"
            ));
        }
        let counts = [
            ("requests_per_minute", self.requests_per_minute == Some(0)),
            ("tokens_per_minute", self.tokens_per_minute == Some(0)),
            ("max_concurrency", self.max_concurrency == 0),
            ("breaker_failures", self.breaker_failures == 0),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, is_zero)| *is_zero) {
            return Some(format!("`{key}` is 0: write a number from 1 on, or leave it out for the default"));
        }
        if self.max_concurrency > MAX_CONCURRENCY {
            let value = self.max_concurrency;
            return Some(format!("`max_concurrency` is {value}: write a number up to {MAX_CONCURRENCY}"));
        }
        if self.key_env.is_some() && self.key_file.is_some() {
            return Some("both `key_env` and `key_file` are given: keep one".to_owned());
        }
        self.secret()
    }

    /// Where a secret was written into the configuration, which is stored with each job. It is not shown.
    fn secret(&self) -> Option<String> {
        if self.key_env.as_deref().is_some_and(|name| !is_variable(name)) {
            let advice = "set an environment variable to the key and write the variable's name here";
            return Some(format!("`key_env` is no name of an environment variable: {advice}"));
        }
        let url: Url = self.base_url.as_deref()?.trim().parse().ok()?;
        let is_secret = |name: &str, value: &str| {
            ["key", "token"].contains(&name) || is_secret_name(name) || redact(value) != value
        };
        let (parameter, _) = url.query_pairs().find(|(name, value)| is_secret(name, value))?;
        Some(format!(
            "the parameter `{}` of `base_url` holds a secret, which would be stored with each job: leave it out, and \
             say where the key is with `key_env` or `key_file`",
            redact(&parameter)
        ))
    }

    pub(crate) fn limits(&self) -> ProviderLimits {
        ProviderLimits {
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
            dollars_per_hour: self.dollars_per_hour,
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_seconds)
    }

    pub(crate) fn retry_max(&self) -> Duration {
        Duration::from_secs_f64(self.retry_max_seconds)
    }
}

/// Whether it names a variable, rather than being the key itself.
fn is_variable(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain) && redact(name) == name
}

/// A day: nothing that is waited for takes longer.
const MAX_SECONDS: f64 = 86_400.0;

/// More connections than this are refused by operating systems before providers do.
const MAX_CONCURRENCY: usize = 10_000;

fn default_timeout_seconds() -> f64 {
    120.0
}

fn default_max_retries() -> u32 {
    5
}

fn default_retry_base_ms() -> u64 {
    500
}

fn default_retry_max_seconds() -> f64 {
    60.0
}

fn default_max_concurrency() -> usize {
    32
}

fn default_breaker_failures() -> u32 {
    5
}

fn default_breaker_seconds() -> f64 {
    30.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_all_that_must_be_given() {
        let config: ProviderConfig = serde_json::from_str(r#"{"kind": "openai"}"#).unwrap();
        assert_eq!(config, ProviderConfig::new(ProviderKind::OpenAi));
        assert_eq!(config.fault(), None);
        let stored = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ProviderConfig>(&stored).unwrap(), config);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let text = r#"{"kind": "openai", "api_key": "x"}"#;
        let error = serde_json::from_str::<ProviderConfig>(text).unwrap_err();
        assert!(error.to_string().contains("`api_key`"), "{error}");
    }

    #[test]
    fn faults_name_the_key() {
        let fault = |change: fn(&mut ProviderConfig)| {
            let mut config = ProviderConfig::new(ProviderKind::OpenAi);
            change(&mut config);
            config.fault().unwrap()
        };
        assert!(fault(|c| c.timeout_seconds = f64::NAN).contains("`timeout_seconds`"));
        assert!(fault(|c| c.breaker_seconds = -1.0).contains("`breaker_seconds`"));
        assert!(fault(|c| c.requests_per_minute = Some(0)).contains("`requests_per_minute`"));
        for dollars in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut config = ProviderConfig::new(ProviderKind::OpenAi);
            config.dollars_per_hour = Some(dollars);
            assert!(config.fault().unwrap().contains("`dollars_per_hour`"), "{dollars}");
        }
        assert!(fault(|c| c.max_concurrency = 0).contains("`max_concurrency`"));
        assert!(fault(|c| c.max_concurrency = usize::MAX).contains("`max_concurrency`"));
        let both = fault(|c| {
            c.key_env = Some("A".to_owned());
            c.key_file = Some("b".into());
        });
        assert!(both.contains("`key_env`") && both.contains("`key_file`"), "{both}");
    }

    #[test]
    fn a_secret_in_the_configuration_is_refused_and_not_shown() {
        let fault = |change: &dyn Fn(&mut ProviderConfig)| {
            let mut config = ProviderConfig::new(ProviderKind::OpenAi);
            change(&mut config);
            config.fault()
        };
        for key in ["sk-proj-Zx9Qw8Er7Ty6", "gsk_Zx9Qw8Er7Ty6Ui5Op4", "", "two words"] {
            let fault = fault(&|config| config.key_env = Some(key.to_owned())).unwrap();
            assert!(fault.contains("`key_env`") && !fault.contains("Zx9Qw8"), "{fault}");
        }
        for query in
            ["key=hunter2", "v=1&api_key=hunter2", "x=AIzaSyA-1234567890hunter2", "client_secret=hunter2"]
        {
            let url = format!("https://host/v1?{query}");
            let fault = fault(&|config| config.base_url = Some(url.clone())).unwrap();
            assert!(fault.contains("`base_url`") && !fault.contains("hunter2"), "{fault}");
        }
        let url = Some("https://host/v1?api-version=2026-01-01".to_owned());
        assert_eq!(fault(&|config| config.base_url = url.clone()), None);
        assert_eq!(fault(&|config| config.key_env = Some("OPENAI_API_KEY_2".to_owned())), None);
    }
}
