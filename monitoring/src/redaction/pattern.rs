//! What secrets look like.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::REDACTED;

/// Names of settings and headers whose value is a secret.
const NAMES: &str = r"(?:authorization|api[_-]?key|password|passwd|passphrase|secret|cookie|private[_-]key
    |(?:access|auth|bearer|refresh)[_-]?token)";

/// The last part of a name, such as that of a field.
pub(super) static SECRET_NAME: LazyLock<Regex> = LazyLock::new(|| compile(&format!("{NAMES}$")));

/// What may be a secret. The longer forms stand first: they hold the shorter ones.
///
/// No part may match a piece of the mark that stands for what was removed: either all of it or nothing.
pub(super) static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(
        r#"
          (?<pem> -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----
              (?s:.*?) (?: -----END\ [A-Z\ ]*PRIVATE\ KEY----- | \z ) )

        # name: value, name=value, "name": "value", also as another string or a debug form quotes them
        | (?<name> [\w-]*{NAMES} \\?["']? \s* (?: => | [=:] ) \s* (?: Some\( )? )
          (?: (?<open> \\?" ) (?: [^"\\] | \\[^"] )+
            | (?: (?:basic|bearer|digest|token) \s+ )* [^\s"'\\,;&(){{}}]+ )

        | (?<bearer> \b (?: bearer \s+ )+ [^\s"'\\,;]+ )

        # the user of an address stays, and so does all of an address that has no password
        | (?<user> \b [a-z][a-z0-9+.-]* :// [^\s/:@?\#"']* ) (?: (?<password> : [^\s/"']+ ) @ | @ )

        | (?<token> \b (?:
              (?: sk | gsk | csk | xai | hf | r8 | tgp | fw | pplx | nvapi | glpat | xox[a-z]
                | gh[a-z] | github_pat ) [-_] [a-z0-9*._-]{{6,}}
            | (?: pk | rk | ak | key | api ) [-_] (?: live_ | test_ )? [a-z0-9*]{{16,}}
            | (?: AIza | ya29\. | AKIA | ASIA ) [a-z0-9_-]{{10,}}
            | eyJ [a-z0-9_-]{{8,}} \. [a-z0-9_-]+ (?: \. [a-z0-9_-]+ )?
          ) )

        | (?<random> \b [a-z0-9_-]{{40,}} )

        | (?<email> [\w.%+-]+ @ [\w-]+ (?: \. [\w-]+ )* \. \p{{L}}{{2,}} )
        "#
    ))
});

fn compile(pattern: &str) -> Regex {
    Regex::new(&format!("(?xi){pattern}")).expect("the pattern is a constant that the tests compile")
}

/// What stands in the place of a match of [`SECRET`]: the match itself when it is no secret after all.
pub(super) fn replacement(found: &Captures<'_>) -> String {
    if let Some(name) = found.name("name") {
        let open = found.name("open").map_or("", |open| open.as_str());
        return format!("{}{open}{REDACTED}", name.as_str());
    }
    if let Some(user) = found.name("user") {
        let password = found.name("password").map_or_else(String::new, |_| format!(":{REDACTED}"));
        return format!("{}{password}@", user.as_str());
    }
    let text = &found[0];
    let secret = match (found.name("token"), found.name("random")) {
        (Some(_), _) => text.chars().any(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || c == '*'),
        (_, Some(_)) => is_random(text),
        _ => true,
    };
    if secret { REDACTED.to_owned() } else { text.to_owned() }
}

/// Whether a long word is rather a key than a name: letters and digits change places often in a key.
fn is_random(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let dashes = word.chars().filter(|c| matches!(c, '-' | '_')).count();
    digits >= 4 && dashes * 8 <= word.len()
}
