//! What of a provider's answer may appear in a message.

use evohub_monitoring::redaction::{REDACTED, redact};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// Characters of a provider's answer that are shown at most.
const SHOWN: usize = 300;

/// The message in a provider's answer, or its beginning where there is none: on one line, short, and
/// without keys. `None` when there is nothing to show.
pub(crate) fn excerpt(body: &str, key: Option<&SecretString>) -> Option<String> {
    let message = serde_json::from_str::<Value>(body).ok().and_then(|body| error_message(&body));
    let text = without_keys(message.as_deref().unwrap_or(body), key);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    };
    (!shown.is_empty()).then_some(shown)
}

/// A text without the key, which may look like anything, and without whatever else looks like a secret.
pub(crate) fn without_keys(text: &str, key: Option<&SecretString>) -> String {
    let text = match key.map(ExposeSecret::expose_secret) {
        Some(key) if !key.is_empty() => {
            spellings(key).iter().fold(text.to_owned(), |text, key| text.replace(key, REDACTED))
        }
        _ => text.to_owned(),
    };
    redact(&text).into_owned()
}

/// A key as it is, as texts in JSON may write it, and as addresses write it. The longest come first, as they hold
/// what is left of the others.
fn spellings(key: &str) -> [String; 4] {
    let in_json = key.replace('\\', r"\\").replace('"', "\\\"");
    let slashes_escaped = in_json.replace('/', r"\/");
    let in_address = key.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
        text
    });
    [in_address, slashes_escaped, in_json, key.to_owned()]
}

/// `error.message`, `error`, `message` or `detail`, with the code or type where there is one.
fn error_message(body: &Value) -> Option<String> {
    let error = body.get("error").unwrap_or(body);
    let text = |key: &str| error.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let message = error.as_str().or_else(|| text("message")).or_else(|| text("detail"))?;
    match text("code").or_else(|| text("type")) {
        Some(code) if !message.contains(code) => Some(format!("{message} ({code})")),
        _ => Some(message.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_the_message_and_the_code() {
        let shown = |body| excerpt(body, None).unwrap();
        assert_eq!(
            shown(r#"{"error": {"message": "No  such\nmodel", "code": "model_not_found"}}"#),
            "No such model (model_not_found)"
        );
        assert_eq!(shown(r#"{"error": "overloaded"}"#), "overloaded");
        assert_eq!(shown(r#"{"message": "bad", "type": null}"#), "bad");
        assert_eq!(shown("<html>\n  502\n</html>"), "<html> 502 </html>");
        assert_eq!(excerpt(" \n", None), None);
    }

    #[test]
    fn shortens_at_a_character() {
        let shown = excerpt(&"ü ".repeat(10_000), None).unwrap();
        assert_eq!(shown.chars().count(), SHOWN + 1);
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn hides_what_looks_like_a_key() {
        for secret in [
            "sk-proj-abcDEF123456",
            "sk-ant-REDACTED_x",
            "sk-abcd****wxyz",
            "gsk_0123456789abcdef",
            "Bearer short",
            "AIzaSyA-1234567890abcdef",
            "0123456789abcdef0123456789abcdef01234567",
        ] {
            let shown = excerpt(&format!("wrong key: {secret}."), None).unwrap();
            let bare = secret.trim_start_matches("Bearer ");
            assert!(!shown.contains(bare) && shown.contains(REDACTED), "{secret}: {shown}");
        }
        let harmless =
            "the model `gpt-5-mini-2025-08-07` does not exist; see https://example.org/docs/errors";
        assert_eq!(excerpt(harmless, None).unwrap(), harmless);
    }

    #[test]
    fn knows_the_key_in_other_spellings() {
        let key = SecretString::from("pa/ss\"w+rd=");
        let answer = r#"<p>no access with pa\/ss\"w+rd= nor pa/ss\"w+rd= nor pa%2Fss%22w%2Brd%3D</p>"#;
        let shown = excerpt(answer, Some(&key)).unwrap();
        assert_eq!(shown.matches(REDACTED).count(), 3, "{shown}");
        assert!(!shown.contains("rd"), "{shown}");
    }

    proptest! {
        #[test]
        fn never_shows_the_key(before in ".{0,400}", key in "[!-~]{1,60}", after in ".{0,400}") {
            // The mark that stands in its place is no leak of a key that happens to be part of it.
            prop_assume!(!REDACTED.contains(&key) && !"…".contains(&key));
            let secret = SecretString::from(key.clone());
            let text = without_keys(&format!("{before}{key}{after}"), Some(&secret));
            // A key of one or two characters may come to stand by chance where the text around it closes up.
            prop_assume!(key.len() > 2);
            prop_assert!(!text.contains(&key), "{text}");
        }
    }
}
