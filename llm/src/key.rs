//! Keys of providers.

use std::path::Path;

use secrecy::SecretString;

/// Where a key is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource<'a> {
    /// An environment variable.
    Variable(&'a str),
    /// A file with the key and nothing else.
    File(&'a Path),
}

/// Reads a key; the error says what is missing and what to do, and never what was read.
pub(crate) fn read_key(
    source: &KeySource<'_>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<SecretString, String> {
    let (text, place) = match source {
        KeySource::Variable(name) => {
            let text = variable(name).filter(|text| !text.trim().is_empty());
            let text = text.ok_or_else(|| {
                format!(
                    "no key: set the environment variable {name}, or name another one with `key_env` \
                     or a file with `key_file`"
                )
            })?;
            (text, format!("the environment variable {name}"))
        }
        KeySource::File(path) => {
            let shown = path.display();
            let text = std::fs::read_to_string(path).map_err(|error| {
                format!(
                    "no key: cannot read `key_file` {shown} ({}); write the key there or correct the path",
                    error.kind()
                )
            })?;
            if text.trim().is_empty() {
                return Err(format!("no key: `key_file` {shown} is empty; write the key there"));
            }
            (text, format!("`key_file` {shown}"))
        }
    };
    let key = text.trim();
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "no usable key: {place} holds spaces, line breaks or characters outside ASCII; \
             it must hold the key and nothing else"
        ));
    }
    Ok(SecretString::from(key))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn from_variable(value: Option<&str>) -> Result<String, String> {
        let read = |name: &str| (name == "LAB_KEY").then(|| value.map(str::to_owned)).flatten();
        read_key(&KeySource::Variable("LAB_KEY"), &read).map(|key| key.expose_secret().to_owned())
    }

    #[test]
    fn reads_and_trims() {
        assert_eq!(from_variable(Some(" secret\n")).unwrap(), "secret");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "secret\n").unwrap();
        let key = read_key(&KeySource::File(&path), &|_| None).unwrap();
        assert_eq!(key.expose_secret(), "secret");
    }

    #[test]
    fn says_what_is_missing() {
        for value in [None, Some(""), Some("  \n")] {
            let error = from_variable(value).unwrap_err();
            assert!(error.contains("LAB_KEY") && error.contains("set"), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let error = read_key(&KeySource::File(&path), &|_| None).unwrap_err();
        assert!(error.contains(&path.display().to_string()), "{error}");
        std::fs::write(&path, "\n").unwrap();
        let error = read_key(&KeySource::File(&path), &|_| None).unwrap_err();
        assert!(error.contains("empty"), "{error}");
    }

    #[test]
    fn what_cannot_be_a_key_is_not_shown() {
        let error = from_variable(Some("secret one\nsecret two")).unwrap_err();
        assert!(error.contains("LAB_KEY") && !error.contains("secret"), "{error}");
    }
}
