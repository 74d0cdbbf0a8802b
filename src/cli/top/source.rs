//! The pages of a process, by HTTP.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Response, StatusCode, redirect};

use super::address::Address;
use super::health::Health;
use super::page::{Page, PageError};
use super::reading::Reading;

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
pub(crate) struct Source {
    client: Client,
    address: Address,
    has_token: bool,
}

/// What a process says now. It may tell its figures and not its health.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) reading: Reading,
    pub(super) health: Result<Health, SourceError>,
}

/// Why a process cannot be looked at. No message tells the token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// A file of the command line.
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: String },
    /// What was asked for makes no sense together.
    #[error("--ca-file is for TLS, and {0} is not; write https:// instead of http://")]
    NotSecure(String),
    /// The client cannot be set up.
    #[error("no connection can be made from here: {0}")]
    Client(String),
    /// Nobody answers, or not to the end.
    #[error("no answer from {address}: {cause}")]
    NoAnswer { address: String, cause: String },
    /// The process wants a token.
    #[error("{address} wants a token for {path}: give it with --token-file FILE")]
    NoToken { address: String, path: &'static str },
    /// The process wants another token.
    #[error("{address} does not take the token of --token-file for {path}")]
    WrongToken { address: String, path: &'static str },
    /// The page is not there.
    #[error("{address} answers {path} with status {status}; is an evohub process at this address?")]
    Status { address: String, path: &'static str, status: StatusCode },
    /// The page is too long.
    #[error("{path} of {address} is longer than {} MiB", MOST_BYTES >> 20)]
    TooLong { address: String, path: &'static str },
    /// The page is no page of metrics.
    #[error("{METRICS} of {address} is no whole page of metrics: {cause}")]
    Page { address: String, cause: PageError },
    /// The answer says nothing of health.
    #[error("{HEALTH} of {address} says nothing of health (status {status})")]
    NoHealth { address: String, status: StatusCode },
}

impl SourceError {
    /// Whether the command line must be another before it can go better.
    pub(super) fn is_bad_input(&self) -> bool {
        matches!(
            self,
            Self::File { .. } | Self::NotSecure(_) | Self::NoToken { .. } | Self::WrongToken { .. }
        )
    }

    /// What is wrong, without the address that whoever looks knows.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::NoAnswer { cause, .. } => cause.clone(),
            other => other.to_string(),
        }
    }
}

impl Source {
    /// A process at an address, asked with the token in a file and trusting the certificates in another.
    pub(crate) fn new(
        mut address: Address,
        token_file: Option<&Path>,
        ca_file: Option<&Path>,
    ) -> Result<Self, SourceError> {
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
                return Err(SourceError::NotSecure(address.to_string()));
            }
            client = client.tls_certs_merge(certificates(path)?);
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/openmetrics-text, application/json"));
        if let Some(path) = token_file {
            headers.insert(AUTHORIZATION, bearer(path)?);
        }
        let client = client.default_headers(headers).build();
        let client = client.map_err(|error| SourceError::Client(deepest(&error)))?;
        Ok(Self { client, address, has_token: token_file.is_some() })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the token goes over a network that others hear.
    pub(super) fn tells_token(&self) -> bool {
        self.has_token && !self.address.is_secure() && !self.address.is_loopback()
    }

    /// Asks the process.
    pub(super) async fn look(&self) -> Result<Look, SourceError> {
        let (reading, health) = tokio::join!(self.reading(), self.health());
        Ok(Look { reading: reading?, health })
    }

    async fn reading(&self) -> Result<Reading, SourceError> {
        let (status, body) = self.get(METRICS).await?;
        if !status.is_success() {
            return Err(SourceError::Status { address: self.address.to_string(), path: METRICS, status });
        }
        let page = String::from_utf8_lossy(&body).parse::<Page>();
        let page = page.map_err(|cause| SourceError::Page { address: self.address.to_string(), cause })?;
        Ok(Reading::from(&page))
    }

    /// A process that is unhealthy answers with status 503, and says why.
    async fn health(&self) -> Result<Health, SourceError> {
        let (status, body) = self.get(HEALTH).await?;
        Health::read(&body).ok_or_else(|| SourceError::NoHealth { address: self.address.to_string(), status })
    }

    /// The status and the body of a page.
    pub(crate) async fn get(&self, path: &'static str) -> Result<(StatusCode, Vec<u8>), SourceError> {
        let address = || self.address.to_string();
        let no_answer = |error| SourceError::NoAnswer { address: address(), cause: cause(&error) };
        let response = self.client.get(self.address.page(path)).send().await.map_err(no_answer)?;
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(match self.has_token {
                true => SourceError::WrongToken { address: address(), path },
                false => SourceError::NoToken { address: address(), path },
            });
        }
        let body = body(response).await.map_err(no_answer)?;
        let body = body.ok_or_else(|| SourceError::TooLong { address: address(), path })?;
        Ok((status, body))
    }
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

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    std::fs::read(path).map_err(|error| SourceError::File { path: path.to_owned(), cause: error.to_string() })
}

fn bearer(path: &Path) -> Result<HeaderValue, SourceError> {
    let wrong = |cause: &str| SourceError::File { path: path.to_owned(), cause: cause.to_owned() };
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

fn certificates(path: &Path) -> Result<Vec<Certificate>, SourceError> {
    let wrong = |cause: String| SourceError::File { path: path.to_owned(), cause };
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
