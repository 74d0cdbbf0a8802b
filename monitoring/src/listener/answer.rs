//! Answers of the listener.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

/// An answer with a whole body.
pub(super) type Answer = Response<Full<Bytes>>;

pub(super) const JSON: &str = "application/json";

/// An answer. No browser guesses what it is, and nobody keeps it.
pub(super) fn answer(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// A JSON object with one text.
pub(super) fn text(status: StatusCode, key: &str, text: &str) -> Answer {
    answer(status, JSON, serde_json::json!({ key: text }).to_string())
}

/// What went wrong.
pub(super) fn error(status: StatusCode, message: &str) -> Answer {
    text(status, "error", message)
}

/// The method is not one of these.
pub(super) fn wrong_method(allowed: &'static str) -> Answer {
    let mut answer =
        error(StatusCode::METHOD_NOT_ALLOWED, &format!("this path takes the methods {allowed} only"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// The client must show the token first; `shown` tells whether it showed a wrong one.
pub(super) fn unauthorized(shown: bool) -> Answer {
    let (message, challenge) = match shown {
        false => (
            "this path needs the token of the listener: send it as `Authorization: Bearer <token>`",
            "Bearer realm=\"monitoring\"",
        ),
        true => {
            ("the token is not that of the listener", "Bearer realm=\"monitoring\", error=\"invalid_token\"")
        }
    };
    let mut answer = error(StatusCode::UNAUTHORIZED, message);
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    answer
}
