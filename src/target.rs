//! A process that is scraped: its pages, by HTTP.

mod address;
mod page;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Response, StatusCode, redirect};
use serde_json::Value;

pub use address::{Address, AddressError};
pub use page::{Exemplar, Labels, Page, PageError, Sample};

/// Longest time for one page, from connecting to its last byte.
const LIMIT: Duration = Duration::from_secs(5);

/// Longest time to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Most bytes of a page.
const MOST_BYTES: usize = 16 << 20;

const METRICS: &str = "/metrics";
const HEALTH: &str = "/health/detailed";

/// A process that is looked at.
#[derive(Debug, Clone)]
pub struct Target {
    client: Client,
    address: Address,
    has_token: bool,
}

/// Why a process cannot be looked at. No message tells the token.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A file of the command line.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// What was asked for makes no sense together.
    #[error("--ca-file is for TLS, and {0} is not; write https:// instead of http://")]
    NotSecure(String),
    /// The client cannot be set up.
    #[error("no connection can be made from here: {0}")]
    Client(String),
    /// Nobody answers, or not to the end.
    #[error("no answer from {address}: {cause}")]
    NoAnswer {
        /// The address.
        address: String,
        /// Why.
        cause: String,
    },
    /// The process wants a token.
    #[error("{address} wants a token for {path}: give it with --token-file FILE")]
    NoToken {
        /// The address.
        address: String,
        /// The page.
        path: &'static str,
    },
    /// The process wants another token.
    #[error("{address} does not take the token of --token-file for {path}")]
    WrongToken {
        /// The address.
        address: String,
        /// The page.
        path: &'static str,
    },
    /// The page is not there.
    #[error("{address} answers {path} with status {status}; is an evohub process at this address?")]
    Status {
        /// The address.
        address: String,
        /// The page.
        path: &'static str,
        /// The status of the answer.
        status: StatusCode,
    },
    /// The page is too long.
    #[error("{path} of {address} is longer than {} MiB", MOST_BYTES >> 20)]
    TooLong {
        /// The address.
        address: String,
        /// The page.
        path: &'static str,
    },
    /// The page is no page of metrics.
    #[error("{METRICS} of {address} is no whole page of metrics: {cause}")]
    Page {
        /// The address.
        address: String,
        /// Why.
        cause: PageError,
    },
    /// The answer says nothing of health.
    #[error("{HEALTH} of {address} says nothing of health (status {status})")]
    NoHealth {
        /// The address.
        address: String,
        /// The status of the answer.
        status: StatusCode,
    },
}

impl TargetError {
    /// Whether the command line must be another before it can go better.
    pub fn is_bad_input(&self) -> bool {
        matches!(
            self,
            Self::File { .. } | Self::NotSecure(_) | Self::NoToken { .. } | Self::WrongToken { .. }
        )
    }

    /// What is wrong, without the address that whoever looks knows.
    pub fn cause(&self) -> String {
        match self {
            Self::NoAnswer { cause, .. } => cause.clone(),
            other => other.to_string(),
        }
    }
}

impl Target {
    /// A process at an address, asked with the token in a file and trusting the certificates in another.
    ///
    /// # Errors
    /// When a file cannot be used, and when certificates are given for an address without TLS.
    pub fn new(
        mut address: Address,
        token_file: Option<&Path>,
        ca_file: Option<&Path>,
    ) -> Result<Self, TargetError> {
        let mut client = Client::builder()
            .user_agent(concat!("evohub/", env!("CARGO_PKG_VERSION")))
            .timeout(LIMIT)
            .connect_timeout(CONNECT_LIMIT)
            // Neither the token nor the question is for another address.
            .redirect(redirect::Policy::none());
        if address.is_loopback() {
            client = client.no_proxy();
        }
        if let Some(path) = ca_file {
            if !address.secure() {
                return Err(TargetError::NotSecure(address.to_string()));
            }
            client = client.tls_certs_merge(certificates(path)?);
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/openmetrics-text, application/json"));
        if let Some(path) = token_file {
            headers.insert(AUTHORIZATION, bearer(path)?);
        }
        let client = client.default_headers(headers).build();
        let client = client.map_err(|error| TargetError::Client(deepest(&error)))?;
        Ok(Self { client, address, has_token: token_file.is_some() })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the token goes over a network that others hear.
    pub fn tells_token(&self) -> bool {
        self.has_token && !self.address.is_secure() && !self.address.is_loopback()
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// When there is no answer, or it is refused.
    pub async fn metrics(&self) -> Result<String, TargetError> {
        let (status, body) = self.get(METRICS).await?;
        if !status.is_success() {
            return Err(TargetError::Status { address: self.address.to_string(), path: METRICS, status });
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// What `/metrics` says.
    ///
    /// # Errors
    /// As [`Target::metrics`], and when it is no whole page of metrics.
    pub async fn page(&self) -> Result<Page, TargetError> {
        let page = self.metrics().await?.parse();
        page.map_err(|cause| TargetError::Page { address: self.address.to_string(), cause })
    }

    /// What `/health/detailed` says. A process that is unhealthy answers with status 503, and says why.
    ///
    /// # Errors
    /// When there is no answer, it is refused, or it says nothing of health.
    pub async fn health(&self) -> Result<Value, TargetError> {
        let (status, body) = self.get(HEALTH).await?;
        health(&body).ok_or_else(|| TargetError::NoHealth { address: self.address.to_string(), status })
    }

    /// What a path such as `/health/ready` says of the process, and whether that is well.
    ///
    /// # Errors
    /// When there is no answer, or it says nothing of health.
    pub async fn verdict(&self, path: &'static str) -> Result<(bool, Value), TargetError> {
        let (status, body) = self.get(path).await?;
        let verdict = health(&body);
        let verdict =
            verdict.ok_or_else(|| TargetError::Status { address: self.address.to_string(), path, status })?;
        Ok((status.is_success(), verdict))
    }

    /// The JSON document at a path, of a server that is scraped by nobody but is asked in the same way.
    ///
    /// # Errors
    /// When there is no answer, it is refused, or it is no JSON document.
    pub async fn json(&self, path: &'static str) -> Result<Value, TargetError> {
        let (status, body) = self.get(path).await?;
        let document = serde_json::from_slice(&body).ok().filter(|_| status.is_success());
        document.ok_or_else(|| TargetError::Status { address: self.address.to_string(), path, status })
    }

    async fn get(&self, path: &'static str) -> Result<(StatusCode, Vec<u8>), TargetError> {
        let address = || self.address.to_string();
        let no_answer = |error| TargetError::NoAnswer { address: address(), cause: cause(&error) };
        let response = self.client.get(self.address.page(path)).send().await.map_err(no_answer)?;
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(match self.has_token {
                true => TargetError::WrongToken { address: address(), path },
                false => TargetError::NoToken { address: address(), path },
            });
        }
        let body = body(response).await.map_err(no_answer)?;
        let body = body.ok_or_else(|| TargetError::TooLong { address: address(), path })?;
        Ok((status, body))
    }
}

/// A body that says how healthy something is.
fn health(body: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Value>(body).ok().filter(|health| health["status"].is_string())
}

/// A body; `None` when it is too long.
async fn body(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = vec![];
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn read(path: &Path) -> Result<Vec<u8>, TargetError> {
    std::fs::read(path).map_err(|error| TargetError::File { path: path.to_owned(), cause: error.to_string() })
}

fn bearer(path: &Path) -> Result<HeaderValue, TargetError> {
    let wrong = |cause: &str| TargetError::File { path: path.to_owned(), cause: cause.to_owned() };
    let bytes = read(path)?;
    let token = bytes.trim_ascii();
    if token.is_empty() {
        return Err(wrong("it is empty; a token was expected"));
    }
    let value = [b"Bearer ", token].concat();
    let mut value = HeaderValue::from_bytes(&value)
        .ok()
        .filter(|_| token.is_ascii())
        .ok_or_else(|| wrong("a token is one line of visible ASCII characters"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, TargetError> {
    let wrong = |cause: String| TargetError::File { path: path.to_owned(), cause };
    let certificates = Certificate::from_pem_bundle(&read(path)?).map_err(|error| wrong(deepest(&error)))?;
    if certificates.is_empty() {
        return Err(wrong("there is no certificate in PEM form in it".to_owned()));
    }
    Ok(certificates)
}

/// Why there was no answer, in a few words.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        let limit = if error.is_connect() { CONNECT_LIMIT } else { LIMIT };
        return format!("nothing came within {} s", limit.as_secs());
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // The operating system's reasons are well known by name, its numbers are not.
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.raw_os_error().is_some()
        {
            return error.kind().to_string();
        }
        cause = error.source();
    }
    let deepest = deepest(error);
    match deepest.as_str() {
        cause if cause.contains("certificate") => {
            format!("{cause} (--ca-file FILE names an authority to trust)")
        }
        cause if cause.contains("invalid HTTP version") => format!("{cause} (does it want https://?)"),
        cause if cause.contains("InvalidContentType") || cause.contains("handshake eof") => {
            "it does not seem to speak TLS (http:// asks without)".to_owned()
        }
        _ => deepest,
    }
}

/// The first cause of an error.
fn deepest(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_answer_is_no_health() {
        for body in [&b"not found"[..], b"[]", b"{\"status\": 200}", b"{}"] {
            assert_eq!(health(body), None);
        }
        assert!(health(b"{\"status\": \"degraded\"}").is_some());
    }
}
