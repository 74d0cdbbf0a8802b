//! Secrets that stand in files of their own.

use std::path::Path;

use super::failure::Failure;

/// The secret in a file, without white space at its ends. `what` says what it is for.
pub(crate) fn read(what: &str, path: &Path) -> Result<String, Failure> {
    let bad = |problem: String| Failure::bad_input(format!("the {what} file {} {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
    match text.trim() {
        "" => Err(bad("is empty".to_owned())),
        secret => Ok(secret.to_owned()),
    }
}
