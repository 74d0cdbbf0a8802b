//! Answers requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{ACCEPT, AUTHORIZATION};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use crate::health::{Detail, Health, Report};
use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::redaction::redact;

use super::answer::{self, Answer, JSON, error};
use super::levels::LevelControl;
use super::limits::{MOST_BODY, MOST_FILTER, REQUEST};
use super::route::{Entrance, Route, UNKNOWN};
use super::token::Token;

const HEALTH_JSON: &str = "application/health+json";

/// What the listener shows.
#[derive(Clone)]
pub struct Sources {
    /// Shown at `/metrics`, where the listener's own requests are counted too.
    pub metrics: Arc<Metrics>,
    /// Shown below `/health`.
    pub health: Health,
    /// Changed at `/admin/log-level`, where there is one.
    pub levels: Option<Arc<dyn LevelControl>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("health", &self.health).finish_non_exhaustive()
    }
}

/// The routes as a function from request to answer, for a service that has an HTTP listener of its own. Clones share
/// everything.
#[derive(Debug, Clone)]
pub struct Routes {
    sources: Sources,
    token: Option<Token>,
    request_limit: Duration,
    /// One page is written at a time: many at once would take the processors from those who work.
    writing: Arc<Semaphore>,
}

/// What a client showed of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Wrong,
    Right,
}

impl Routes {
    /// Of these sources, with the token that metrics, details and administration need from then on.
    pub fn new(sources: Sources, token: Option<Token>) -> Self {
        Self { sources, token, request_limit: REQUEST, writing: Arc::new(Semaphore::new(1)) }
    }

    pub(super) fn with_request_limit(mut self, limit: Duration) -> Self {
        self.request_limit = limit;
        self
    }

    /// Whether a path is one of those served here. All others are answered with 404.
    pub fn knows(path: &str) -> bool {
        Route::of(path).is_some()
    }

    /// Answers a request, within 10 s, and counts it. The body of the answer to `HEAD` is left for the server to leave
    /// out, as hyper does.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let route = Route::of(request.uri().path());
        let label = route.map_or(UNKNOWN, Route::path);
        let counted = self.sources.metrics.http.begin(request.method().as_str(), label);
        let answer = match tokio::time::timeout(self.request_limit, self.answer(route, request)).await {
            Ok(answer) => answer,
            Err(_) => error(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!("no answer was ready within {} ms", self.request_limit.as_millis()),
            ),
        };
        counted.finish(answer.status().as_u16());
        answer
    }

    async fn answer<B>(&self, route: Option<Route>, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(route) = route else {
            let known = Route::ALL.map(Route::path).join(", ");
            return error(
                StatusCode::NOT_FOUND,
                &format!("there is nothing at this path; known are {known}"),
            );
        };
        let shown = self.shown(request.headers());
        if let Some(refusal) = self.refusal(route, shown) {
            return refusal;
        }
        if !route.takes(request.method()) {
            return answer::wrong_method(route.methods());
        }
        if request.body().size_hint().lower() > MOST_BODY {
            return error(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("a request has at most {MOST_BODY} bytes after its head"),
            );
        }
        // Without a token, who reaches the address may know all.
        let trusted = self.token.is_none() || shown == Shown::Right;
        let reason = if trusted { Detail::Reason } else { Detail::Verdict };
        let health = &self.sources.health;
        match route {
            Route::Metrics => self.page().await,
            Route::Health => tell(&health.overall().await, request.headers(), Detail::Verdict),
            Route::Detailed => tell(&health.overall().await, request.headers(), Detail::Checks),
            Route::Ready => tell(&health.readiness().await, request.headers(), reason),
            Route::Live => tell(&health.liveness().await, request.headers(), reason),
            Route::LogLevel => self.log_level(request).await,
        }
    }

    fn shown(&self, headers: &HeaderMap) -> Shown {
        let Some(value) = headers.get(AUTHORIZATION) else { return Shown::Nothing };
        let Some((scheme, shown)) = value.as_bytes().split_at_checked("bearer ".len()) else {
            return Shown::Wrong;
        };
        let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
        match &self.token {
            Some(token) if is_bearer && token.is(shown.trim_ascii()) => Shown::Right,
            _ => Shown::Wrong,
        }
    }

    fn refusal(&self, route: Route, shown: Shown) -> Option<Answer> {
        match (route.entrance(), &self.token) {
            (Entrance::Open, _) | (Entrance::Token, None) => None,
            (Entrance::Admin, None) => Some(error(
                StatusCode::FORBIDDEN,
                "administration needs a token and none is set: write one of at least 16 characters to a file that \
                 only its owner can read, and start the service with it",
            )),
            (Entrance::Token | Entrance::Admin, Some(_)) => match shown {
                Shown::Right => None,
                Shown::Wrong => Some(answer::unauthorized(true)),
                Shown::Nothing => Some(answer::unauthorized(false)),
            },
        }
    }

    /// The metrics, written on a thread that may block: a page of many series must not hold up actors.
    async fn page(&self) -> Answer {
        // The semaphore is never closed. The permit goes with the work, not with the client who may leave.
        let permit = Arc::clone(&self.writing).acquire_owned().await;
        let metrics = Arc::clone(&self.sources.metrics);
        let written = tokio::task::spawn_blocking(move || {
            let page = metrics.encode();
            drop(permit);
            page
        });
        match written.await {
            Ok(page) => answer::answer(StatusCode::OK, CONTENT_TYPE, page),
            Err(problem) => {
                tracing::error!(%problem, "the metrics cannot be written");
                error(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written: see the log")
            }
        }
    }

    async fn log_level<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(levels) = &self.sources.levels else {
            return error(StatusCode::NOT_FOUND, "the logs of this service cannot be changed while it runs");
        };
        if request.method() == Method::PUT {
            let filter = match filter(request.into_body()).await {
                Ok(filter) => filter,
                Err(refusal) => return refusal,
            };
            if let Err(problem) = levels.set_filter(filter.trim()) {
                return error(StatusCode::BAD_REQUEST, &redact(&problem));
            }
            tracing::info!(filter = filter.trim(), "the filter of the logs was changed");
        }
        answer::text(StatusCode::OK, "filter", &levels.filter())
    }
}

/// The filter that a request carries.
async fn filter<B>(body: B) -> Result<String, Answer>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let bytes = Limited::new(body, MOST_FILTER).collect().await.map_err(|problem| {
        match problem.is::<http_body_util::LengthLimitError>() {
            true => {
                error(StatusCode::PAYLOAD_TOO_LARGE, &format!("a filter has at most {MOST_FILTER} bytes"))
            }
            false => error(StatusCode::BAD_REQUEST, "the request broke off"),
        }
    })?;
    let text = String::from_utf8(bytes.to_bytes().into());
    match text {
        Ok(text) if !text.trim().is_empty() => Ok(text),
        Ok(_) => Err(error(
            StatusCode::BAD_REQUEST,
            "the request has no filter: send a level such as `debug`, or `warn,evohub_llm=debug`",
        )),
        Err(_) => Err(error(StatusCode::BAD_REQUEST, "the filter is not UTF-8")),
    }
}

fn tell(report: &Report, headers: &HeaderMap, detail: Detail) -> Answer {
    let status = if report.is_well() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match wants_health_json(headers) {
        true => answer::answer(status, HEALTH_JSON, report.health_json(detail)),
        false => answer::answer(status, JSON, report.json(detail)),
    }
}

/// Whether `application/health+json` is named, and `application/json` is not liked better.
fn wants_health_json(headers: &HeaderMap) -> bool {
    let mut liked = [0.0_f32; 2];
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality =
            parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        for (liked, known) in liked.iter_mut().zip([HEALTH_JSON, JSON]) {
            if name.eq_ignore_ascii_case(known) {
                *liked = quality;
            }
        }
    }
    let [health, plain] = liked;
    health > 0.0 && health >= plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_health() {
        for (accept, wanted) in [
            ("application/health+json", true),
            ("Application/Health+JSON", true),
            ("text/html, application/health+json; q=0.5", true),
            ("application/json, application/health+json", true),
            ("application/json;q=0.9,application/health+json;q=0.8", false),
            ("application/health+json;q=0", false),
            ("application/health+json;q=x", false),
            ("application/json", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(wants_health_json(&headers), wanted, "{accept}");
        }
        assert!(!wants_health_json(&HeaderMap::new()));
    }
}
