//! Why an attempt failed, and what follows from it.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};

use super::provider::Provider;
use super::retry_after::retry_after;
use crate::error::LlmErrorKind;
use crate::excerpt::{excerpt, without_keys};

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: LlmErrorKind,
    /// What happened and what to do, without the model's name.
    pub(super) message: String,
    /// The wait that the provider asked for.
    pub(super) retry_after: Option<Duration>,
    /// The provider refuses for its load: fewer calls at once may be served.
    pub(super) is_overload: bool,
    /// The provider may have done the work, and charge for it.
    pub(super) may_cost: bool,
    /// The body of a refusal of the request, to see which parameter is refused; otherwise empty.
    pub(super) refusal: String,
}

impl Failure {
    pub(super) fn new(kind: LlmErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message, retry_after: None, is_overload: false, may_cost: false, refusal: String::new() }
    }

    /// No answer within the time limit.
    pub(super) fn timeout(provider: &Provider) -> Self {
        let seconds = provider.config.timeout_seconds;
        let message = format!(
            "no answer from {} within {seconds} s; if the model needs longer, raise `timeout_seconds`",
            provider.address
        );
        Self { may_cost: true, ..Self::new(LlmErrorKind::Timeout, message) }
    }

    /// An answer that is not one. `body` is shown in part.
    pub(super) fn malformed(provider: &Provider, what: &str, body: &str) -> Self {
        let shown = quoted(body, provider);
        let message = format!(
            "{} sent {what}{shown}; if this goes on, check that `base_url` and `kind` fit this server",
            provider.address
        );
        Self { may_cost: true, ..Self::new(LlmErrorKind::MalformedResponse, message) }
    }

    /// What the client library reports.
    pub(super) fn from_client(error: genai::Error, provider: &Provider) -> Self {
        match error {
            genai::Error::WebModelCall { webc_error, .. }
            | genai::Error::WebAdapterCall { webc_error, .. } => Self::from_web(webc_error, provider),
            genai::Error::HttpError { status, body, headers, .. } => {
                Self::from_status(status, &body, &headers, provider)
            }
            genai::Error::ChatResponseGeneration { response_body, .. } => {
                let what = "JSON that is no answer of a chat model";
                Self::malformed(provider, what, &response_body.to_string())
            }
            other => {
                // Never the whole text of other errors: some carry the request.
                let text = without_keys(&other.to_string(), provider.key.as_ref());
                let first = text.lines().next().unwrap_or_default();
                Self::new(LlmErrorKind::Configuration, format!("the request could not be formed: {first}"))
            }
        }
    }

    fn from_web(error: genai::webc::Error, provider: &Provider) -> Self {
        use genai::webc::Error;
        match error {
            Error::ResponseFailedStatus { status, body, headers } => {
                Self::from_status(status, &body, &headers, provider)
            }
            Error::ResponseFailedNotJson { body, .. } if body.trim().is_empty() => {
                Self::malformed(provider, "an empty answer", "")
            }
            Error::ResponseFailedInvalidJson { body, .. } if body.trim().is_empty() => {
                Self::malformed(provider, "an empty answer", "")
            }
            Error::ResponseFailedNotJson { body, content_type } => {
                let what = format!("an answer of type `{content_type}` instead of JSON");
                Self::malformed(provider, &without_keys(&what, provider.key.as_ref()), &body)
            }
            Error::ResponseFailedInvalidJson { body, .. } => {
                Self::malformed(provider, "an answer that is not valid JSON", &body)
            }
            Error::JsonValueExt(_) => Self::malformed(provider, "JSON that is no answer of a chat model", ""),
            Error::Reqwest(error) => Self::from_transport(error, provider),
        }
    }

    fn from_transport(error: reqwest::Error, provider: &Provider) -> Self {
        let address = &provider.address;
        let cause = without_keys(&innermost(&error), provider.key.as_ref());
        if error.is_timeout() && !error.is_connect() {
            return Self::timeout(provider);
        }
        if error.is_builder() {
            let message = format!("the request could not be formed ({cause}); correct `base_url`");
            return Self::new(LlmErrorKind::Configuration, message);
        }
        let message = if !error.is_connect() {
            format!("the connection to {address} was cut ({cause}); check the network if this goes on")
        } else if provider.is_loopback {
            format!("cannot connect to {address} ({cause}); start the server there or correct `base_url`")
        } else {
            format!("cannot connect to {address} ({cause}); check the network, any proxy, and `base_url`")
        };
        Self { may_cost: !error.is_connect(), ..Self::new(LlmErrorKind::Connection, message) }
    }

    fn from_status(status: StatusCode, body: &str, headers: &HeaderMap, provider: &Provider) -> Self {
        let address = &provider.address;
        let said = format!("{address} answered {status}{}", quoted(body, provider));
        let lower = body.to_ascii_lowercase();
        let is_out_of_money = ["insufficient_quota", "billing_hard_limit", "credit balance is too low"]
            .iter()
            .any(|sign| lower.contains(sign));
        let mut failure = match status.as_u16() {
            402 => Self::out_of_money(&said),
            400 | 403 | 429 if is_out_of_money => Self::out_of_money(&said),
            300..400 => {
                let place =
                    headers.get(LOCATION).and_then(|place| place.to_str().ok()).unwrap_or("elsewhere");
                let place = without_keys(place, provider.key.as_ref());
                let message =
                    format!("{said}, a redirection to {place}; set `base_url` to the final address");
                Self::new(LlmErrorKind::Configuration, message)
            }
            401 => Self::new(LlmErrorKind::Authentication, format!("{said}; {}", provider.key_advice())),
            403 => {
                let advice = "check that this key may use this model, in this region";
                Self::new(LlmErrorKind::Authentication, format!("{said}; {advice}"))
            }
            404 => {
                let advice = "check the model's name, and `base_url` if it is your own";
                Self::new(LlmErrorKind::InvalidRequest, format!("{said}; {advice}"))
            }
            408 => Self::new(LlmErrorKind::Timeout, format!("{said}; it gave up waiting, try again later")),
            429 => {
                let advice = "lower `requests_per_minute`, `tokens_per_minute` or `max_concurrency` of this \
                              provider, or ask it for higher limits";
                Self {
                    is_overload: true,
                    ..Self::new(LlmErrorKind::RateLimited, format!("{said}; {advice}"))
                }
            }
            code @ 500.. => Self {
                is_overload: matches!(code, 503 | 529),
                ..Self::new(LlmErrorKind::Server, format!("{said}; the provider failed, try again later"))
            },
            413 => {
                let advice = "shorten the prompt or its examples";
                Self::new(LlmErrorKind::InvalidRequest, format!("{said}; {advice}"))
            }
            _ => {
                let advice = "correct the model's name or the parameters of the request";
                let failure = Self::new(LlmErrorKind::InvalidRequest, format!("{said}; {advice}"));
                Self { refusal: lower, ..failure }
            }
        };
        failure.retry_after = retry_after(headers, SystemTime::now());
        failure
    }

    fn out_of_money(said: &str) -> Self {
        let advice = "add credit or raise the spending limit of the account, or use another key";
        Self::new(LlmErrorKind::QuotaExhausted, format!("{said}; {advice}"))
    }

    /// Whether the same attempt may succeed in a moment.
    pub(super) fn is_worth_a_retry(&self) -> bool {
        self.kind.is_transient()
    }

    /// Whether it tells that the provider is down, rather than busy or asked for the wrong thing.
    pub(super) fn is_outage(&self) -> bool {
        self.is_worth_a_retry() && self.kind != LlmErrorKind::RateLimited
    }
}

fn quoted(body: &str, provider: &Provider) -> String {
    excerpt(body, provider.key.as_ref()).map(|text| format!(": \"{text}\"")).unwrap_or_default()
}

/// The first cause: the outer ones only repeat the address and that something failed.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    // Without any source the address is in the text; it is given already.
    if error.source().is_none() { "no cause given".to_owned() } else { cause.to_string() }
}
