//! Removes what must not be read from texts that people and programs read.
//!
//! Keys and tokens are secrets by their type, wherever the program itself handles them. This is the second line: it
//! also finds those that came in a provider's answer, an address or a text of the user.

mod harmless;
mod pattern;

use std::borrow::Cow;

use harmless::{is_harmless, is_harmless_name};
use pattern::{SECRET, SECRET_NAME, replacement};

/// Stands in the place of what was removed.
pub const REDACTED: &str = "[redacted]";

/// A text without what looks like a secret: keys of known providers and anything long and random, bearer tokens,
/// `Authorization` headers, passwords in addresses, values of names such as `api_key` and `password`, private keys,
/// and e-mail addresses. Other text stays as it is, and redacting twice is as redacting once.
pub fn redact(text: &str) -> Cow<'_, str> {
    if is_harmless(text) {
        return Cow::Borrowed(text);
    }
    let Some(mut redacted) = redact_once(text) else { return Cow::Borrowed(text) };
    // Where one secret goes, the start of another may come to light. Every round takes something away, so it ends.
    while let Some(again) = redact_once(&redacted) {
        redacted = again;
    }
    Cow::Owned(redacted)
}

/// Whether a name says that its value is a secret, such as `authorization` and `client.api_key`.
pub fn is_secret_name(name: &str) -> bool {
    !is_harmless_name(name) && SECRET_NAME.is_match(name)
}

/// `None` when nothing is to be removed.
fn redact_once(text: &str) -> Option<String> {
    match SECRET.replace_all(text, replacement) {
        Cow::Owned(redacted) if redacted != text => Some(redacted),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
