//! Where a store is.

mod postgres_url;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{StoreError, StoreErrorKind};

pub use postgres_url::PostgresUrl;

/// The address of a store, as users write it: `sqlite:PATH`, `sqlite://PATH`, a bare path, `sqlite::memory:`, or
/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Displayed without any secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A file of SQLite.
    File(PathBuf),
    /// A store in the memory of this process, gone when it is closed. For tests and measurements.
    Memory,
    /// A database of a PostgreSQL server.
    Postgres(PostgresUrl),
}

impl FromStr for Address {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let refused = |why: &str| {
            let message = format!("`{}` is no address of a store: {why}", redacted(text));
            Err(StoreError::new(StoreErrorKind::Address, message))
        };
        let path = match scheme(text) {
            None => text,
            Some("sqlite") => {
                let rest = &text["sqlite:".len()..];
                rest.strip_prefix("//").unwrap_or(rest)
            }
            Some("postgres" | "postgresql") => {
                return PostgresUrl::parse(text).map(Self::Postgres).or_else(|why| refused(&why));
            }
            Some(other) => {
                return refused(&format!(
                    "this build knows no `{other}:`, only `sqlite:PATH` and `postgres://HOST/DATABASE` (write \
                     `./` before a path with a colon)"
                ));
            }
        };
        match path {
            ":memory:" => Ok(Self::Memory),
            "" => refused("it names no file; write `sqlite:PATH`"),
            path if path.contains('\0') => refused("no file has a NUL character in its name"),
            path => Ok(Self::File(path.into())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("sqlite::memory:"),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// What stands before the first colon, if that is a scheme: no path, and no drive letter.
pub(crate) fn scheme(text: &str) -> Option<&str> {
    let (head, _) = text.split_once(':')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte);
    let named =
        head.len() > 1 && head.starts_with(|c: char| c.is_ascii_alphabetic()) && head.bytes().all(plain);
    named.then_some(head)
}

/// An address without what may be a secret: the password before the host, and all parameters.
///
/// A password may itself contain any sign, so everything from its colon to the last `@` is taken for it.
pub(crate) fn redacted(text: &str) -> String {
    let (body, parameters) = match text.split_once("://") {
        // A `?` before the last `@` belongs to the password.
        Some((_, rest)) => {
            let host = text.len() - rest.len() + rest.rfind('@').unwrap_or(0);
            text[host..].find('?').map_or((text, false), |question| (&text[..host + question], true))
        }
        None => (text, false),
    };
    let hidden = match body.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((credentials, host)) => {
                let user = credentials.split(':').next().unwrap_or_default();
                let password = if credentials.contains(':') { ":***" } else { "" };
                format!("{scheme}://{user}{password}@{host}")
            }
            None => body.to_owned(),
        },
        None => body.to_owned(),
    };
    if parameters { hidden + "?***" } else { hidden }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_file_is_understood() {
        let file = |path: &str| Address::File(path.into());
        for (text, address) in [
            ("sqlite:jobs.db", file("jobs.db")),
            ("sqlite://jobs.db", file("jobs.db")),
            ("sqlite:/var/jobs.db", file("/var/jobs.db")),
            ("sqlite:///var/jobs.db", file("/var/jobs.db")),
            ("/var/jobs.db", file("/var/jobs.db")),
            ("my jobs?.db", file("my jobs?.db")),
            ("./a:b", file("./a:b")),
            (r"C:\jobs.db", file(r"C:\jobs.db")),
            ("sqlite::memory:", Address::Memory),
        ] {
            assert_eq!(text.parse::<Address>().unwrap(), address, "{text}");
        }
    }

    #[test]
    fn what_is_no_store_is_refused_with_what_to_write() {
        for text in ["", "sqlite:", "sqlite://", "redis://host/0", "mysql:x", "a\0b"] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Address, "{text}");
        }
        let error = "redis://host/0".parse::<Address>().unwrap_err();
        assert!(
            error.message.contains("`redis://host/0`") && error.message.contains("`sqlite:PATH`"),
            "{error}"
        );
    }

    #[test]
    fn no_secret_of_an_address_is_ever_shown() {
        for (text, shown) in [
            ("postgres://ann:hunter2@db:5432/evohub", "postgres://ann:***@db:5432/evohub"),
            ("postgres://ann:hun@ter2@db/evohub", "postgres://ann:***@db/evohub"),
            ("postgres://ann:hun?ter/2@db/evohub", "postgres://ann:***@db/evohub"),
            ("postgres://ann:hunter2@db/e?password=hunter2", "postgres://ann:***@db/e?***"),
            ("postgres://db/e?user=ann&password=hunter2", "postgres://db/e?***"),
            ("postgres://ann@db/evohub", "postgres://ann@db/evohub"),
            ("postgres://ann:hunter2@db:port/evohub", "postgres://ann:***@db:port/evohub"),
            ("postgresql://ann:hunter2@db?passwort=hunter2", "postgresql://ann:***@db?***"),
            ("sqlite:jobs.db", "sqlite:jobs.db"),
        ] {
            assert_eq!(redacted(text), shown);
            let said =
                text.parse::<Address>().map_or_else(|error| error.message, |address| address.to_string());
            assert!(!said.contains("ter2"), "{said}");
            let debug = format!("{:?}", text.parse::<Address>());
            assert!(!debug.contains("ter2"), "{debug}");
        }
    }
}
