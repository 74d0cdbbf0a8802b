//! The token that a client shows.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretBox, SecretString};
use subtle::ConstantTimeEq;

/// The fewest characters of a token.
pub const SHORTEST_TOKEN: usize = 16;

/// The most characters of a token.
const LONGEST_TOKEN: usize = 512;

/// A token that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be read.
    #[error("the token file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the machine says.
        source: io::Error,
    },
    /// Others than those whom it is for may read the file.
    #[error("the token file {path} can be read by others than its owner: run `chmod 600 {path}`")]
    Shared {
        /// The file.
        path: PathBuf,
    },
    /// The text is not a token.
    #[error(
        "the token is {problem}: it needs {SHORTEST_TOKEN} to {LONGEST_TOKEN} letters, digits or -._~+/="
    )]
    Unfit {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The text of the file is not a token.
    #[error(
        "the token in {path} is {problem}: it needs {SHORTEST_TOKEN} to {LONGEST_TOKEN} letters, digits or -._~+/=, such as `openssl rand -hex 32` makes"
    )]
    UnfitFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// A token that a client shows as `Authorization: Bearer`.
#[derive(Clone)]
pub struct Token {
    /// Filled up with zeros, so that a comparison takes as long for each length.
    padded: Arc<SecretBox<[u8; LONGEST_TOKEN]>>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token([redacted])")
    }
}

impl Token {
    /// Takes a token.
    ///
    /// # Errors
    /// When it is too short to be safe, too long, or has characters that a header cannot carry.
    pub fn new(token: &SecretString) -> Result<Self, TokenError> {
        Self::parse(token.expose_secret().as_bytes()).map_err(|problem| TokenError::Unfit { problem })
    }

    /// Reads a token from a file that only those can read whom it is for ([`is_open_to_others`]); white space around it
    /// does not count.
    ///
    /// # Errors
    /// When the file cannot be read, when others can read it, and when it holds no fit token.
    pub fn from_file(path: &Path) -> Result<Self, TokenError> {
        let unreadable = |source| TokenError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        if is_open_to_others(&file.metadata().map_err(unreadable)?) {
            return Err(TokenError::Shared { path: path.to_owned() });
        }
        // Room for white space; what is longer is too long in any case.
        let mut text = SecretBox::new(Box::new([0_u8; 2 * LONGEST_TOKEN]));
        let mut length = 0;
        {
            use secrecy::ExposeSecretMut;
            let buffer = text.expose_secret_mut();
            while let count @ 1.. = (&file).read(&mut buffer[length..]).map_err(unreadable)? {
                length += count;
            }
        }
        Self::parse(text.expose_secret()[..length].trim_ascii())
            .map_err(|problem| TokenError::UnfitFile { path: path.to_owned(), problem })
    }

    fn parse(token: &[u8]) -> Result<Self, &'static str> {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        match token.len() {
            0 => return Err("empty"),
            1..SHORTEST_TOKEN => return Err("too short"),
            SHORTEST_TOKEN..=LONGEST_TOKEN => {}
            _ => return Err("too long"),
        }
        if !token.iter().all(fits) {
            return Err("not one word of plain characters");
        }
        let mut padded = Box::new([0; LONGEST_TOKEN]);
        padded[..token.len()].copy_from_slice(token);
        Ok(Self { padded: Arc::new(SecretBox::new(padded)) })
    }

    /// Whether a client showed this token. How long it takes depends on what the client sent alone.
    pub(super) fn is(&self, shown: &[u8]) -> bool {
        let mut padded = [0; LONGEST_TOKEN];
        let Some(start) = padded.get_mut(..shown.len()) else { return false };
        start.copy_from_slice(shown);
        padded.ct_eq(self.padded.expose_secret()).into()
    }
}

/// Whether others than those whom it is for can read a file with a secret. It is for its owner; where root owns it, its
/// group may read it, too: so Kubernetes and systemd hand secrets to who is not root. Where the rights of a file do not
/// tell who reads it, nobody else can.
pub fn is_open_to_others(file: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        is_open(file.mode(), file.uid(), rustix::process::geteuid().as_raw())
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

/// The same by mode and owner, for a user.
#[cfg(unix)]
fn is_open(mode: u32, owner: u32, user: u32) -> bool {
    let others = if owner == 0 && user != 0 { 0o037 } else { 0o077 };
    mode & others != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: &str = "correct-horse-battery";

    #[test]
    fn is_itself_only() {
        let token = Token::new(&WORD.into()).unwrap();
        assert!(token.is(WORD.as_bytes()));
        let long = WORD.repeat(100);
        for other in ["", "correct-horse-batter", "correct-horse-battery2", "Correct-horse-battery", &long] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
        assert!(!format!("{token:?}").contains("horse"));
    }

    #[test]
    fn unfit_tokens() {
        for (text, problem) in [
            ("", "empty"),
            ("fifteen-letters", "too short"),
            (&"x".repeat(513), "too long"),
            ("two words of a token", "not one word of plain characters"),
            ("schlüssel-schlüssel", "not one word of plain characters"),
        ] {
            let error = Token::new(&text.into()).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        assert!(Token::new(&"x".repeat(16).into()).is_ok());
        assert!(Token::new(&"x".repeat(512).into()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn what_root_hands_to_a_group_is_for_it() {
        const ROOT: u32 = 0;
        const ME: u32 = 1000;
        for (mode, owner, user, expected) in [
            (0o100_440, ROOT, ME, false),
            (0o100_640, ROOT, ME, false),
            (0o100_660, ROOT, ME, true),
            (0o100_444, ROOT, ME, true),
            (0o100_440, ROOT, ROOT, true),
            (0o100_440, ME, ME, true),
            (0o100_400, ME, ME, false),
        ] {
            assert_eq!(is_open(mode, owner, user), expected, "{mode:o} of {owner} for {user}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn files() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(Token::from_file(&path).unwrap_err().to_string().contains("cannot be read"));
        assert!(Token::from_file(folder.path()).is_err());

        std::fs::write(&path, format!("\n {WORD}\r\n")).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = Token::from_file(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
        }
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(Token::from_file(&path).unwrap().is(WORD.as_bytes()));
        }

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        for (text, problem) in
            [(" \n".to_owned(), "empty"), ("short".into(), "too short"), ("x".repeat(9999), "too long")]
        {
            std::fs::write(&path, &text).unwrap();
            let error = Token::from_file(&path).unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("openssl rand"), "{error}");
        }
    }
}
